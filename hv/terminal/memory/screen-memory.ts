// The memory of the screen: the start of this module's linear memory, where the runtime maps it.

/** Bytes [start, start + bytes); an access outside fails an assertion. */
export class ScreenMemory {
  constructor(
    private readonly start: u32,
    readonly bytes: u32,
  ) {}

  private pointer(offset: u32, size: u32): usize {
    assert(offset <= this.bytes && size <= this.bytes - offset, "the terminal draws on the screen only");
    return <usize>(this.start + offset);
  }

  read16(offset: u32): u16 {
    return load<u16>(this.pointer(offset, 2));
  }

  write16(offset: u32, value: u16): void {
    store<u16>(this.pointer(offset, 2), value);
  }

  write64(offset: u32, value: u64): void {
    store<u64>(this.pointer(offset, 8), value);
  }

  /** Copies the first `bytes` of `from` to `offset`, eight at a time: each access to such memory takes its time. */
  write(offset: u32, from: StaticArray<u8>, bytes: u32): void {
    assert(bytes <= <u32>from.length, "no more than there is");
    const to = this.pointer(offset, bytes);
    const source = changetype<usize>(from);
    let at: u32 = 0;
    for (; at + 8 <= bytes; at += 8) store<u64>(to + at, load<u64>(source + at));
    for (; at < bytes; at++) store<u8>(to + at, load<u8>(source + at));
  }

  /** Zeroes [offset, offset + bytes), as `write` does. */
  clear(offset: u32, bytes: u32): void {
    const to = this.pointer(offset, bytes);
    let at: u32 = 0;
    for (; at + 8 <= bytes; at += 8) store<u64>(to + at, 0);
    for (; at < bytes; at++) store<u8>(to + at, 0);
  }
}
