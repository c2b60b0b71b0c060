// A function's configuration space: 64 double words, and which of their bits can be written (PCI Local Bus 3.0, chapter 6).

import { StateTable } from "../../state";
import { CONFIGURATION_REGISTERS } from "./registers";

export class ConfigurationSpace {
  private readonly values: StaticArray<u32> = new StaticArray<u32>(CONFIGURATION_REGISTERS);
  private readonly writable: StaticArray<u32> = new StaticArray<u32>(CONFIGURATION_REGISTERS);

  /**
   * Defines `bytes` (1 to 4, within one double word) at `offset`: their value after a reset, where what is `writable` is 0.
   * While the machine is put together only.
   */
  define(offset: u32, bytes: u32, value: u32, writable: u32): void {
    const register = offset >> 2;
    const shift = 8 * (offset & 3);
    const field = (u32.MAX_VALUE >> (32 - 8 * bytes)) << shift;
    this.values[register] = (this.values[register] & ~field) | ((value << shift) & field);
    this.writable[register] = (this.writable[register] & ~field) | ((writable << shift) & field);
  }

  /** Double word `register`. */
  get(register: u32): u32 {
    return unchecked(this.values[register % CONFIGURATION_REGISTERS]);
  }

  /** Writes those bits of double word `register` that `enabled` has and that can be written. */
  set(register: u32, value: u32, enabled: u32): void {
    const at = register % CONFIGURATION_REGISTERS;
    const changed = this.writable[at] & enabled;
    this.values[at] = (this.values[at] & ~changed) | (value & changed);
  }

  /** All that can be written is 0. */
  reset(): void {
    for (let i: u32 = 0; i < CONFIGURATION_REGISTERS; i++) this.values[i] &= ~this.writable[i];
  }

  /** What cannot be written is the machine's, and no saved table changes it. */
  visit(table: StateTable): void {
    for (let i: u32 = 0; i < CONFIGURATION_REGISTERS; i++) {
      if (this.writable[i] != 0) this.set(i, table.u32(this.values[i]), u32.MAX_VALUE);
    }
  }
}
