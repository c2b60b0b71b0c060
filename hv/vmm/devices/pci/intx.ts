// INTA# to INTD#: wires that functions share (PCI Local Bus 3.0, 2.2.6).

import { InterruptLine } from "../../interrupts";

/** The first of the inputs that the four wires lead to. */
export const FIRST_INTX_GSI: u32 = 16;
export const INTX_WIRES: u32 = 4;

/** The input that `pin` (1 is INTA#) of the function at `device` leads to: neighbours get different wires. */
export function gsiOf(device: u32, pin: u32): u32 {
  return FIRST_INTX_GSI + ((device + pin - 1) % INTX_WIRES);
}

/** A wire that is asserted while any of its functions asserts it. */
export class SharedLine {
  private asserted: u32 = 0;

  constructor(private readonly line: InterruptLine) {}

  /** The function at `device` (0 to 31) asserts its pin or not. */
  set(device: u32, isHigh: bool): void {
    const bit: u32 = 1 << device;
    this.asserted = isHigh ? this.asserted | bit : this.asserted & ~bit;
    this.line.level = this.asserted != 0;
  }
}
