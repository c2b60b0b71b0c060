// How a run ends after its result line: power-off, reset or halt.

import { Console } from "../console/console";
import { endMachine, readKey } from "../hardware";
import { AcpiTables } from "./acpi-tables";
import { chooseEnd, END_AUTOMATIC, END_HALT, END_RESET, END_WAIT } from "./end-choice";
import { EndSteps } from "./end-steps";
import { Fadt } from "./fadt";
import { addPowerOff } from "./power-off";
import { addReset } from "./reset";

/** The ways in which this machine can end. */
export class Ending {
  private wanted: u32 = END_AUTOMATIC;
  private readonly powerOff: EndSteps = new EndSteps();
  private readonly reset: EndSteps = new EndSteps();

  /** Finds them, and has the runtime take the one of the option at a panic too, which nobody waits behind. */
  find(console: Console, wanted: u32, tables: AcpiTables): void {
    this.wanted = wanted;
    const table = tables.copy("FACP");
    const fadt = table ? new Fadt(table) : null;
    const problem = addPowerOff(this.powerOff, tables, fadt);
    if (problem.length != 0) console.info().text("this machine will not power itself off: ").text(problem).end();
    addReset(this.reset, fadt);
    if (wanted == END_RESET) this.reset.hand();
    else if (wanted != END_HALT) this.powerOff.hand();
  }

  /** Ends the machine; the result line is printed. Does not return. */
  end(console: Console, hasSerialLine: bool, hasKeyboard: bool): void {
    const choice = chooseEnd(this.wanted, hasSerialLine, hasKeyboard);
    if (choice == END_WAIT) {
      if (isRestartKey(waitForKey(console))) this.reset.hand();
    } else if (choice == END_HALT) {
      if (!hasKeyboard && this.wanted != END_HALT) console.info().text("display only: no keyboard answers").end();
      new EndSteps().hand();
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
