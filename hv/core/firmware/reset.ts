// Ways to reset a PC, the tamest first: what one does not do, the next may.

import { EndSteps } from "./end-steps";
import { Fadt } from "./fadt";

// The reset control register of PC chipsets: system reset, then the 0 to 1 of "reset CPU" (Intel ICH data sheets, RST_CNT).
const RESET_CONTROL: u32 = 0xcf9;
const SYSTEM_RESET: u32 = 2;
const RESET_CPU: u32 = 4;
// The 8042 keyboard controller: its output line 0 is the processor's reset.
const KEYBOARD_COMMAND: u32 = 0x64;
const INPUT_BUFFER_FULL: u32 = 2;
const PULSE_RESET_LINE: u32 = 0xfe;

/** Appends the FADT's reset register, port 0xcf9, the keyboard controller and a triple fault. */
export function addReset(steps: EndSteps, fadt: Fadt | null): void {
  if (fadt && fadt.reset != 0) steps.out8(fadt.reset, fadt.resetValue);
  steps.out8(RESET_CONTROL, SYSTEM_RESET);
  steps.out8(RESET_CONTROL, SYSTEM_RESET | RESET_CPU);
  steps.wait8(KEYBOARD_COMMAND, INPUT_BUFFER_FULL, 0);
  steps.out8(KEYBOARD_COMMAND, PULSE_RESET_LINE);
  steps.tripleFault();
}
