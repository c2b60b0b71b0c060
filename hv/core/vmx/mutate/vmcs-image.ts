// A VMCS as a list of values, to be written as a whole.

import { Slots } from "./slots";
import { Surroundings } from "./surroundings";

/** The values of all slots. */
export class VmcsImage {
  readonly values: StaticArray<u64>;

  constructor(readonly slots: Slots) {
    this.values = new StaticArray<u64>(slots.count);
  }

  copy(from: VmcsImage): void {
    for (let i = 0; i < this.values.length; i++) this.values[i] = from.values[i];
  }

  has(name: u32): bool {
    return this.slots.of(name) >= 0;
  }

  /** 0 where this processor lacks the field. */
  get(name: u32): u64 {
    const slot = this.slots.of(name);
    return slot < 0 ? 0 : this.values[slot];
  }

  /** Nothing happens where this processor lacks the field. */
  set(name: u32, value: u64): void {
    const slot = this.slots.of(name);
    if (slot >= 0) this.values[slot] = value;
  }

  isSet(name: u32, bits: u64): bool {
    return (this.get(name) & bits) == bits;
  }

  /** Has the current VMCS, and the memory that it refers to, hold all values. */
  write(around: Surroundings): void {
    for (let slot = 0; slot < this.slots.count; slot++) this.slots.write(slot, this.values[slot], around);
  }

  /** Takes over what the fields of the current VMCS hold. */
  read(): void {
    for (let slot = 0; slot < this.slots.fields; slot++) this.values[slot] = this.slots.read(slot);
  }
}
