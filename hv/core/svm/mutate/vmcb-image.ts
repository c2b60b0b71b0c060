// A VMCB as a list of values, to be written as a whole.

import { PAGE_BYTES } from "../../memory/page-pool";
import { Vmcb } from "../vmcb";
import { Slots } from "./slots";

/** The values of all slots. */
export class VmcbImage {
  readonly values: StaticArray<u64>;

  constructor(readonly slots: Slots) {
    this.values = new StaticArray<u64>(slots.count);
  }

  copy(from: VmcbImage): void {
    for (let i = 0; i < this.values.length; i++) this.values[i] = from.values[i];
  }

  clear(): void {
    this.values.fill(0);
  }

  get(name: u32): u64 {
    return this.values[this.slots.of(name)];
  }

  set(name: u32, value: u64): void {
    this.values[this.slots.of(name)] = value;
  }

  isSet(name: u32, bits: u64): bool {
    return (this.get(name) & bits) == bits;
  }

  /** Has the VMCB and the table of pointers hold all values, and zeroes elsewhere. */
  write(vmcb: Vmcb, pointers: Vmcb): void {
    for (let offset: u32 = 0; offset < PAGE_BYTES; offset += 8) vmcb.write64(offset, 0);
    for (let slot = 0; slot < this.slots.count; slot++) this.slots.write(slot, this.values[slot], vmcb, pointers);
  }
}
