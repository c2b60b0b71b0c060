// Registers that do nothing but keep what is written: for measuring what an access to device memory costs, and for tests.

import { Device } from "../bus";
import { PAGE_SIZE_4_KIB } from "../../x86/paging";
import { StateTable } from "../state";

/** Bytes of the range that they answer in. */
export const SCRATCH_BYTES: u64 = PAGE_SIZE_4_KIB;
const REGISTERS: i32 = 512;
/** "SCRA" */
const TAG: u32 = 0x53435241;
const VERSION: u32 = 1;

/** 512 registers of 8 bytes; a narrower or unaligned access is to the low bytes of the register that it starts in. */
export class ScratchRegisters extends Device {
  private readonly values: StaticArray<u64> = new StaticArray<u64>(REGISTERS);

  read(offset: u32, _bytes: u32): u64 {
    return unchecked(this.values[(offset >> 3) & (REGISTERS - 1)]);
  }

  write(offset: u32, _bytes: u32, value: u64): void {
    unchecked((this.values[(offset >> 3) & (REGISTERS - 1)] = value));
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    for (let i = 0; i < REGISTERS; i++) this.values[i] = table.number(this.values[i]);
  }
}

/** For Bus.attach. */
export function writeScratch(device: Device, offset: u32, bytes: u32, value: u64): void {
  changetype<ScratchRegisters>(device).write(offset, bytes, value);
}
