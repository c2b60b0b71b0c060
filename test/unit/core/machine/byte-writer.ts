// Builds binary structures, little-endian, piece by piece.

export class ByteWriter {
  #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  u8(...values: number[]): this {
    this.#bytes.push(...values.map((value) => value & 0xff));
    return this;
  }
  u16(value: number): this {
    return this.u8(value, value >>> 8);
  }
  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16);
  }
  u64(value: bigint): this {
    return this.u32(Number(value & 0xffffffffn)).u32(Number((value >> 32n) & 0xffffffffn));
  }
  text(text: string): this {
    return this.u8(...Buffer.from(text, "latin1"));
  }
  append(bytes: Uint8Array): this {
    return this.u8(...bytes);
  }
  /** Zeroes up to a multiple of `alignment`. */
  align(alignment: number): this {
    while (this.length % alignment !== 0) this.u8(0);
    return this;
  }
  /** Zeroes up to `length`. */
  padTo(length: number): this {
    while (this.length < length) this.u8(0);
    return this;
  }
  set(offset: number, ...values: number[]): this {
    values.forEach((value, i) => (this.#bytes[offset + i] = value));
    return this;
  }
  set32(offset: number, value: number): this {
    return this.set(offset, value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
