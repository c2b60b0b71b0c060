// Port 0x61, the PC's system control port B (ISA System Architecture; Intel ICH "NMI_SC"): the speaker and counter 2.

import { Device } from "../bus";
import { StateTable } from "../state";
import { Pit } from "./pit";

export const SYSTEM_CONTROL_PORT_B: u32 = 0x61;

const GATE_2: u8 = 0x01;
/**
 * Speaker data, and the two switches of error checks that never find an error: bits that software finds as it left
 * them.
 */
const KEPT_BITS: u8 = 0x0e;
const REFRESH_TOGGLE: u8 = 0x10;
const OUT_2: u8 = 0x20;

/** The PIT's ticks between two refreshes of a PC's memory, some 15 microseconds. */
const TICKS_A_REFRESH: i64 = 18;

/** "P61 " */
const TAG: u32 = 0x50363120;
const VERSION: u32 = 1;

export class SystemControlPortB extends Device {
  private kept: u8 = 0;

  constructor(private readonly pit: Pit) {
    super();
  }

  reset(): void {
    this.kept = 0;
    this.pit.gate2 = false;
  }

  read(_offset: u32, _bytes: u32): u64 {
    let value = this.kept;
    if (this.pit.gate2) value |= GATE_2;
    if (this.pit.out2) value |= OUT_2;
    if ((this.pit.tick / TICKS_A_REFRESH) & 1) value |= REFRESH_TOGGLE;
    return value;
  }

  write(_offset: u32, _bytes: u32, value: u64): void {
    this.kept = (<u8>value) & KEPT_BITS;
    this.pit.gate2 = ((<u8>value) & GATE_2) != 0;
  }

  /** The gate is among the PIT's numbers. */
  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.kept = <u8>table.atMost(this.kept, KEPT_BITS);
  }
}
