// A disk whose contents are memory: a boot module, or a RAM disk.

import { Ram, RAM_OK } from "./ram";

export const SECTOR_BYTES: u64 = 512;
const SECTOR_SHIFT: u64 = 9;

/** Sectors at an address of the vmm's own half of its memory. What lies outside the disk is neither read nor written. */
export class Disk {
  /** Whole sectors. */
  readonly sectors: u64;

  /** The contents lie at [address, address + bytes) of the vmm's memory, at or above 3 GiB; both come from core. */
  constructor(
    private readonly ram: Ram,
    private readonly address: u32,
    bytes: u32,
    readonly isReadOnly: bool,
  ) {
    assert(<u64>address >= ram.bytes && <u64>address + bytes <= 0x100000000, "the disk's contents are the vmm's own");
    this.sectors = (<u64>bytes) >> SECTOR_SHIFT;
  }

  /** Whether `count` sectors from `sector` on are there. */
  holds(sector: u64, count: u64): bool {
    return count <= this.sectors && sector <= this.sectors - count;
  }

  /** Copies `bytes` from byte `offset` of the disk on to RAM at `to`; false: not all is disk or RAM, nothing is copied. */
  read(offset: u64, to: u32, bytes: u32): bool {
    return this.holdsBytes(offset, bytes) && this.ram.copyIn(to, this.address + <u32>offset, bytes) == RAM_OK;
  }

  /** As `read`, where all is disk by what `holds` has said, and RAM by what Ram's `holds` has: no check is made. */
  readHeld(offset: u64, to: u32, bytes: u32): void {
    this.ram.copyInHeld(to, this.address + <u32>offset, bytes);
  }

  /** Copies the other way. False if the disk is read-only, too. */
  write(offset: u64, from: u32, bytes: u32): bool {
    if (this.isReadOnly || !this.holdsBytes(offset, bytes)) return false;
    return this.ram.copyOut(from, this.address + <u32>offset, bytes) == RAM_OK;
  }

  /** Fills `bytes` with 0, as `write` else. */
  zero(offset: u64, bytes: u64): bool {
    if (this.isReadOnly || !this.holdsBytes(offset, bytes)) return false;
    memory.fill(<usize>(this.address + <u32>offset), 0, <usize>bytes);
    return true;
  }

  private holdsBytes(offset: u64, bytes: u64): bool {
    const all = this.sectors << SECTOR_SHIFT;
    return bytes <= all && offset <= all - bytes;
  }
}
