// How a run ends after its result line: power-off, reset or halt.

import { Console, LEVEL_INFO } from "../console/console";
import { endMachine, hasKeyboard, hasSerial, readKey } from "../hardware";
import { AcpiTables } from "./acpi-tables";
import { chooseEnd, END_HALT, END_POWER_OFF, END_RESET, END_WAIT } from "./end-choice";
import { EndSteps } from "./end-steps";
import { Fadt } from "./fadt";
import { addPowerOff } from "./power-off";
import { addReset } from "./reset";

// Keys, in ASCII.
const KEY_ENTER: u32 = 0x0d;
const KEY_R: u32 = 0x72;
const LOWER_CASE: u32 = 0x20;
/** Polls, of a microsecond or more each, in which a keyboard hands over what was typed before. */
const STALE_KEY_POLLS: u32 = 50000;

/** The ways in which this machine can end. */
export class Ending {
  /** A machine that failed before `find` stays on, and shows why. */
  private choice: u32 = END_HALT;
  private readonly powerOff: EndSteps = new EndSteps();
  private readonly reset: EndSteps = new EndSteps();
  private canPowerOff: bool = false;

  /**
   * Finds them, for the boot option `wanted`. What needs no key is handed to the runtime at once, so that a panic ends the
   * same way; where a key would be awaited, a panic's report stays on the screen.
   */
  find(console: Console, wanted: u32, tables: AcpiTables): void {
    const table = tables.copy("FACP");
    const fadt = table ? new Fadt(table) : null;
    const problem = addPowerOff(this.powerOff, tables, fadt);
    this.canPowerOff = problem.length == 0;
    if (!this.canPowerOff) console.info().text("this machine will not power itself off: ").text(problem).end();
    addReset(this.reset, fadt);
    this.choice = chooseEnd(wanted, hasSerial() != 0, hasKeyboard() != 0);
    if (this.choice == END_POWER_OFF) this.powerOff.hand();
    if (this.choice == END_RESET) this.reset.hand();
  }

  /** Ends the machine; the result line is printed. Does not return. */
  end(console: Console): void {
    if (this.choice == END_WAIT) {
      // Whatever the log level: without these words the machine seems to hang.
      console.level = LEVEL_INFO;
      this.choice = this.askForEnd(console);
      if (this.choice == END_RESET) this.reset.hand();
      else this.powerOff.hand();
    }
    if (this.choice == END_RESET) console.info().text("restarting; if nothing happens, switch this machine off").end();
    endMachine();
  }

  /** Says what keys do and waits for one of them, not for what was typed before: END_RESET or END_POWER_OFF. */
  private askForEnd(console: Console): u32 {
    for (let i: u32 = 0; i < STALE_KEY_POLLS; i++) readKey();
    const line = console
      .info()
      .text(this.canPowerOff ? "press Enter to switch off, R to restart" : "press R to restart");
    line.text("; the power button does no harm now").end();
    while (true) {
      const key = readKey();
      if ((key | LOWER_CASE) == KEY_R) return END_RESET;
      if (key == KEY_ENTER && this.canPowerOff) return END_POWER_OFF;
    }
  }
}
