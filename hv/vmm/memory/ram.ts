// Guest RAM: the only way in which a vmm reads and writes what its guest owns.

// A guest-physical address is an address of this module's memory, so a check against [0, ramBytes) stands before each
// access: without it a guest's 64-bit address would be cut to 32 bits and name the vmm's own heap at 3 GiB.

export const RAM_OK: u32 = 0;
/** Some byte of the access lies outside [0, ramBytes). */
export const RAM_OUT_OF_RANGE: u32 = 1;

/** What an access reads where nothing answers it. */
const ALL_ONES: u64 = 0xffffffffffffffff;

/** The RAM of this VM. */
export class Ram {
  /** Eight bytes fit at each address below this. */
  private readonly endOfU64: u64;
  /** Sixteen bytes fit at each address below this. */
  private readonly endOf16: u64;

  /** `bytes` is at most 3 GiB: RAM is [0, bytes). */
  constructor(readonly bytes: u64) {
    assert(bytes <= 0xc0000000, "guest RAM ends at 3 GiB, where the vmm's own data starts");
    this.endOfU64 = bytes < 8 ? 0 : bytes - 7;
    this.endOf16 = bytes < 16 ? 0 : bytes - 15;
  }

  /** Whether all of [address, address + length) is RAM. */
  holds(address: u64, length: u64): bool {
    return length <= this.bytes && address <= this.bytes - length;
  }

  /** Reads eight bytes, little-endian; all ones where some of them are no RAM. */
  readU64(address: u64): u64 {
    return address < this.endOfU64 ? load<u64>(<usize>address) : ALL_ONES;
  }

  /** As `readU64`, at an address of which `holds` has said that the eight bytes are RAM: no check is made, and RAM stays RAM. */
  readHeld(address: u32): u64 {
    return load<u64>(<usize>address);
  }

  /** As `readHeld`, of the eight bytes behind those at `address`. */
  readHeldBehind(address: u32): u64 {
    return load<u64>(<usize>address, 8);
  }

  /** As `readHeld`, of two bytes. */
  readHeldU16(address: u32): u32 {
    return load<u16>(<usize>address);
  }

  /** Writes eight bytes of which `holds` has said that they are RAM: no check is made. */
  writeHeld(address: u32, value: u64): void {
    store<u64>(<usize>address, value);
  }

  /** As `writeHeld`, the low two bytes. */
  writeHeldU16(address: u32, value: u32): void {
    store<u16>(<usize>address, <u16>value);
  }

  /** As `writeHeld`, the low byte. */
  writeHeldU8(address: u32, value: u32): void {
    store<u8>(<usize>address, <u8>value);
  }

  /** As `readHeld`, of one byte. */
  readHeldU8(address: u32): u8 {
    return load<u8>(<usize>address);
  }

  /** As `readU64`, of `bytes`: 1, 2, 4 or 8. */
  read(address: u64, bytes: u32): u64 {
    if (bytes == 8) return this.readU64(address);
    if (!this.holds(address, bytes)) return ALL_ONES >> (64 - 8 * bytes);
    if (bytes == 4) return load<u32>(<usize>address);
    return bytes == 1 ? load<u8>(<usize>address) : load<u16>(<usize>address);
  }

  /** Copies sixteen bytes into `into`, which has as many: RAM_OK, or RAM_OUT_OF_RANGE, and then nothing is copied. */
  read16(address: u64, into: StaticArray<u8>): u32 {
    if (address >= this.endOf16 || into.length < 16) return RAM_OUT_OF_RANGE;
    const to = changetype<usize>(into);
    store<u64>(to, load<u64>(<usize>address));
    store<u64>(to, load<u64>(<usize>address, 8), 8);
    return RAM_OK;
  }

  /** Writes eight bytes, little-endian. RAM_OK or RAM_OUT_OF_RANGE, and then nothing is written. */
  writeU64(address: u64, value: u64): u32 {
    if (address >= this.endOfU64) return RAM_OUT_OF_RANGE;
    store<u64>(<usize>address, value);
    return RAM_OK;
  }

  /** Writes the low `bytes` of `value`: 1, 2, 4 or 8. As `writeU64` else. */
  writeLow(address: u64, bytes: u32, value: u64): u32 {
    if (!this.holds(address, bytes)) return RAM_OUT_OF_RANGE;
    if (bytes == 8) store<u64>(<usize>address, value);
    else if (bytes == 4) store<u32>(<usize>address, <u32>value);
    else if (bytes == 2) store<u16>(<usize>address, <u16>value);
    else store<u8>(<usize>address, <u8>value);
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

  /** Copies `length` bytes from `from` on of the vmm's own half of its memory into RAM. As `writeU64` else. */
  copyIn(address: u64, from: u32, length: u64): u32 {
    if (!this.holds(address, length)) return RAM_OUT_OF_RANGE;
    memory.copy(<usize>address, <usize>from, <usize>length);
    return RAM_OK;
  }

  /** As `copyIn`, of bytes at an address of which `holds` has said that they are RAM: no check is made. */
  copyInHeld(address: u32, from: u32, length: u32): void {
    memory.copy(<usize>address, <usize>from, <usize>length);
  }

  /** Copies `length` bytes of RAM to `to` in the vmm's own half of its memory, which has as many. As `writeU64` else. */
  copyOut(address: u64, to: u32, length: u64): u32 {
    if (!this.holds(address, length)) return RAM_OUT_OF_RANGE;
    memory.copy(<usize>to, <usize>address, <usize>length);
    return RAM_OK;
  }

  /** Writes four bytes, little-endian. As `writeU64` else. */
  writeU32(address: u64, value: u32): u32 {
    if (!this.holds(address, 4)) return RAM_OUT_OF_RANGE;
    store<u32>(<usize>address, value);
    return RAM_OK;
  }

  /** Writes one byte. As `writeU64` else. */
  writeU8(address: u64, value: u8): u32 {
    if (!this.holds(address, 1)) return RAM_OUT_OF_RANGE;
    store<u8>(<usize>address, value);
    return RAM_OK;
  }
}
