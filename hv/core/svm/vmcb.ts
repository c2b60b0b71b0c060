// A VMCB, as it lies in its page (hv/x86/vmcb.ts): unlike a VMCS it is read and written as memory.

import { VMCB_SAVE_AREA } from "../../x86/vmcb";

/**
 * A view of the page: an access is one instruction. Offsets are those of hv/x86/vmcb.ts, each with its own size. What is written
 * is in force at the next VMRUN.
 */
@unmanaged
export class Vmcb {
  /** The VMCB in a page of the pool. */
  static of(page: usize): Vmcb {
    return changetype<Vmcb>(page);
  }

  get page(): usize {
    return changetype<usize>(this);
  }

  read8(offset: u32): u32 {
    return load<u8>(changetype<usize>(this) + offset);
  }

  read16(offset: u32): u32 {
    return load<u16>(changetype<usize>(this) + offset);
  }

  read32(offset: u32): u32 {
    return load<u32>(changetype<usize>(this) + offset);
  }

  read64(offset: u32): u64 {
    return load<u64>(changetype<usize>(this) + offset);
  }

  write8(offset: u32, value: u32): void {
    store<u8>(changetype<usize>(this) + offset, <u8>value);
  }

  write16(offset: u32, value: u32): void {
    store<u16>(changetype<usize>(this) + offset, <u16>value);
  }

  write32(offset: u32, value: u32): void {
    store<u32>(changetype<usize>(this) + offset, value);
  }

  write64(offset: u32, value: u64): void {
    store<u64>(changetype<usize>(this) + offset, value);
  }

  /** The VMCB as seen from `offset` on, for offsets that are found in a table. */
  part(offset: u32): Vmcb {
    return changetype<Vmcb>(changetype<usize>(this) + offset);
  }

  get saveArea(): SaveArea {
    return changetype<SaveArea>(changetype<usize>(this) + VMCB_SAVE_AREA);
  }
}

/**
 * The state save area, seen by the same offsets: Binaryen puts an offset into an access only below 1024, and so the exit path
 * goes this way.
 */
@unmanaged
export class SaveArea {
  read16(offset: u32): u32 {
    return load<u16>(changetype<usize>(this) + (offset - VMCB_SAVE_AREA));
  }

  read64(offset: u32): u64 {
    return load<u64>(changetype<usize>(this) + (offset - VMCB_SAVE_AREA));
  }

  write64(offset: u32, value: u64): void {
    store<u64>(changetype<usize>(this) + (offset - VMCB_SAVE_AREA), value);
  }
}
