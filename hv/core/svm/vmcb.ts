// A VMCB, as it lies in its page (hv/x86/vmcb.ts): unlike a VMCS it is read and written as memory.

/** Offsets are those of hv/x86/vmcb.ts, each with its own size. What is written is in force at the next VMRUN. */
export class Vmcb {
  constructor(
    readonly page: usize,
    /** Its host-physical address, which VMRUN takes. */
    readonly physical: u64,
  ) {}

  read8(offset: u32): u32 {
    return load<u8>(this.page + offset);
  }

  read16(offset: u32): u32 {
    return load<u16>(this.page + offset);
  }

  read32(offset: u32): u32 {
    return load<u32>(this.page + offset);
  }

  read64(offset: u32): u64 {
    return load<u64>(this.page + offset);
  }

  write8(offset: u32, value: u32): void {
    store<u8>(this.page + offset, <u8>value);
  }

  write16(offset: u32, value: u32): void {
    store<u16>(this.page + offset, <u16>value);
  }

  write32(offset: u32, value: u32): void {
    store<u32>(this.page + offset, value);
  }

  write64(offset: u32, value: u64): void {
    store<u64>(this.page + offset, value);
  }
}
