// The bytes of an instruction as they were fetched: read once from the guest, then decoded from here only.

/** A reader's position is cut to 31, and up to 8 bytes from there are taken. */
const POSITION_MASK: u32 = 31;
const BUFFER_BYTES: i32 = 40;

/** Up to 15 bytes. What follows them in the buffer has no meaning, and lets a reader look before it counts. */
export class InstructionBytes {
  /** Filled in by the fetch. */
  readonly buffer: StaticArray<u8> = new StaticArray<u8>(BUFFER_BYTES);
  /** How many bytes were fetched. */
  count: u32 = 0;

  /** Bytes 0 to 7. */
  get low(): u64 {
    return load<u64>(changetype<usize>(this.buffer));
  }

  /** Bytes 8 to 15. */
  get high(): u64 {
    return load<u64>(changetype<usize>(this.buffer), 8);
  }

  u8(position: u32): u32 {
    return load<u8>(changetype<usize>(this.buffer) + (position & POSITION_MASK));
  }

  // Sign-extended.

  i8(position: u32): i64 {
    return load<i8>(changetype<usize>(this.buffer) + (position & POSITION_MASK));
  }

  i16(position: u32): i64 {
    return load<i16>(changetype<usize>(this.buffer) + (position & POSITION_MASK));
  }

  i32(position: u32): i64 {
    return load<i32>(changetype<usize>(this.buffer) + (position & POSITION_MASK));
  }

  i64(position: u32): i64 {
    return load<i64>(changetype<usize>(this.buffer) + (position & POSITION_MASK));
  }
}
