// How a run ends after its result line: power-off, reset or halt.

import { Console } from "../console/console";
import { endMachine, hasKeyboard, hasSerial, readKey } from "../hardware";
import { AcpiTables } from "./acpi-tables";
import { chooseEnd, END_HALT, END_POWER_OFF, END_RESET, END_WAIT } from "./end-choice";
import { EndSteps } from "./end-steps";
import { Fadt } from "./fadt";
import { addPowerOff } from "./power-off";
import { addReset } from "./reset";

/** The ways in which this machine can end. */
export class Ending {
  /** A machine that failed before `find` stays on, and shows why. */
  private choice: u32 = END_HALT;
  private readonly powerOff: EndSteps = new EndSteps();
  private readonly reset: EndSteps = new EndSteps();

  /**
   * Finds them, for the boot option `wanted`. What needs no key is handed to the runtime at once, so that a panic ends the
   * same way; where a key would be awaited, a panic's report stays on the screen.
   */
  find(console: Console, wanted: u32, tables: AcpiTables): void {
    const table = tables.copy("FACP");
    const fadt = table ? new Fadt(table) : null;
    const problem = addPowerOff(this.powerOff, tables, fadt);
    if (problem.length != 0) console.info().text("this machine will not power itself off: ").text(problem).end();
    addReset(this.reset, fadt);
    this.choice = chooseEnd(wanted, hasSerial() != 0, hasKeyboard() != 0);
    if (this.choice == END_POWER_OFF) this.powerOff.hand();
    if (this.choice == END_RESET) this.reset.hand();
  }

  /** Ends the machine; the result line is printed. Does not return. */
  end(console: Console): void {
    if (this.choice == END_WAIT) {
      if (isRestartKey(waitForKey(console))) this.reset.hand();
      else this.powerOff.hand();
    }
    endMachine();
  }
}

/** Says what keys do, and polls the keyboard until one comes. */
function waitForKey(console: Console): u32 {
  console.info().text("press any key to switch off, R to restart").end();
  let key: u32 = 0;
  while (key == 0) key = readKey();
  return key;
}

function isRestartKey(key: u32): bool {
  return (key | 0x20) == 0x72; // r or R
}
