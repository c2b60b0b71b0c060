// Guest RAM: the only way in which a vmm reads and writes what its guest owns.

// A guest-physical address is an address of this module's memory, so a check against [0, ramBytes) stands before each
// access: without it a guest's 64-bit address would be cut to 32 bits and name the vmm's own heap at 3 GiB.

export const RAM_OK: u32 = 0;
/** Some byte of the access lies outside [0, ramBytes). */
export const RAM_OUT_OF_RANGE: u32 = 1;

/** The RAM of this VM. */
export class Ram {
  /** `bytes` is at most 3 GiB: RAM is [0, bytes). */
  constructor(readonly bytes: u64) {
    assert(bytes <= 0xc0000000, "guest RAM ends at 3 GiB, where the vmm's own data starts");
  }

  private holds(address: u64, length: u64): bool {
    return length <= this.bytes && address <= this.bytes - length;
  }

  /** Writes eight bytes, little-endian. RAM_OK or RAM_OUT_OF_RANGE, and then nothing is written. */
  writeU64(address: u64, value: u64): u32 {
    if (!this.holds(address, 8)) return RAM_OUT_OF_RANGE;
    store<u64>(<usize>address, value);
    return RAM_OK;
  }

  /** Fills `length` bytes with `value`. As `writeU64` else. */
  fill(address: u64, value: u8, length: u64): u32 {
    if (!this.holds(address, length)) return RAM_OUT_OF_RANGE;
    memory.fill(<usize>address, value, <usize>length);
    return RAM_OK;
  }

  /** Copies bytes of the vmm's own into RAM. As `writeU64` else. */
  write(address: u64, from: StaticArray<u8>): u32 {
    if (!this.holds(address, from.length)) return RAM_OUT_OF_RANGE;
    memory.copy(<usize>address, changetype<usize>(from), from.length);
    return RAM_OK;
  }
}
