// Says which consoles there are.

import { Screen } from "../boot/screen";
import { Console } from "../console/console";
import { hasKeyboard, hasSerial } from "../hardware";

/** Prints one line: what shows text, and whether anybody can answer. */
export function printConsoles(console: Console, screen: Screen): void {
  screen.warn(console);
  const line = console
    .info()
    .text("console: ")
    .text(hasSerial() ? "COM1, " : "no COM1, ");
  screen.describe(line);
  line.text(hasKeyboard() ? ", keyboard" : screen.isOpen ? ", no keyboard: display only" : ", no keyboard").end();
}
