// A base address register: what a function has at addresses that the guest chooses (PCI Local Bus 3.0, 6.2.5.1).

import { Device } from "../../bus";
import { BASE_ADDRESS_IS_IO, PCI_BASE_ADDRESS } from "./registers";

/** A function decodes no less, and the lowest bits of the register say what kind it is. */
const SMALLEST_IO: u32 = 4;
const SMALLEST_MEMORY: u32 = 16;

/** A register of two bytes at the start of a BAR that a driver writes for each of its requests. */
export abstract class Doorbell {
  /** As an OUT of `value`, of two bytes, to it. */
  abstract ring(value: u32): void;
}

export class Bar {
  /** What `device` has at offset 0, if it has one. */
  doorbell: Doorbell | null = null;
  /** The first address, as far as `decoded` is not 0. */
  start: u32 = 0;
  /** `bytes` while the function decodes addresses of this kind, else 0. */
  decoded: u32 = 0;

  /** `device` answers in `bytes`, a power of two, of the space that register `index` (0 to 5) chooses from. */
  constructor(
    readonly index: u32,
    readonly bytes: u32,
    readonly isIo: bool,
    readonly device: Device,
  ) {
    const smallest = isIo ? SMALLEST_IO : SMALLEST_MEMORY;
    assert((bytes & (bytes - 1)) == 0 && bytes >= smallest, "a BAR's size is a power of two");
  }

  /** Its offset in the configuration space. */
  get offset(): u32 {
    return PCI_BASE_ADDRESS + 4 * this.index;
  }

  get type(): u32 {
    return this.isIo ? BASE_ADDRESS_IS_IO : 0;
  }

  /** The bits of the register that are an address. */
  get addressMask(): u32 {
    return ~(this.bytes - 1);
  }

  /** Whether all of [address, address + bytes) is decoded. */
  holds(address: u32, bytes: u32): bool {
    // Below the start this is larger than any BAR.
    const offset = address - this.start;
    return offset < this.decoded && bytes <= this.decoded - offset;
  }
}
