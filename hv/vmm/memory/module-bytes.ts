// Bounded reading of a boot module, which core maps into the vmm's own half of its memory, read-only.

/** A boot module. Reading beyond its end gives 0 and clears `isWhole`; nothing traps. */
export class ModuleBytes {
  /** False once a read went beyond the end. */
  isWhole: bool = true;

  private address: u32 = 0;
  private bytes: u32 = 0;

  /** From here on the module is [address, address + length) of the vmm's memory; both come from core. */
  show(address: u32, length: u32): void {
    this.address = address;
    this.bytes = length;
    this.isWhole = true;
  }

  get length(): u32 {
    return this.bytes;
  }

  /** Whether [offset, offset + bytes) lies in the module. */
  holds(offset: u64, bytes: u64): bool {
    return bytes <= this.bytes && offset <= this.bytes - bytes;
  }

  /** The address of [offset, offset + bytes), 0 where it does not lie in the module. */
  pointer(offset: u64, bytes: u64): u32 {
    if (this.holds(offset, bytes)) return this.address + <u32>offset;
    this.isWhole = false;
    return 0;
  }

  u8(offset: u64): u32 {
    const pointer = this.pointer(offset, 1);
    return pointer ? load<u8>(pointer) : 0;
  }
  u16(offset: u64): u32 {
    const pointer = this.pointer(offset, 2);
    return pointer ? load<u16>(pointer) : 0;
  }
  u32(offset: u64): u32 {
    const pointer = this.pointer(offset, 4);
    return pointer ? load<u32>(pointer) : 0;
  }
  u64(offset: u64): u64 {
    const pointer = this.pointer(offset, 8);
    return pointer ? load<u64>(pointer) : 0;
  }
}
