// A port that ends the VM, as QEMU's isa-debug-exit ends a machine.

import { Device } from "../bus";
import { SIGNAL_EXIT, Signals } from "../signals";

/** Where kernels that test something expect it. */
export const EXIT_PORT_START: u32 = 0xf4;
export const EXIT_PORTS: u32 = 4;

/** A write of v ends the VM with v as its result; 0 says that all is well. */
export class ExitPort extends Device {
  constructor(private readonly signals: Signals) {
    super();
  }

  read(_offset: u32, _bytes: u32): u64 {
    return 0;
  }

  write(_offset: u32, _bytes: u32, value: u64): void {
    this.signals.exitValue = <u32>value;
    this.signals.raised |= SIGNAL_EXIT;
  }
}
