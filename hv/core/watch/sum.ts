// Fletcher's sum with two halves modulo 65535: it also tells bytes that changed places.

const MODULUS: u32 = 65535;

export class Sum {
  private low: u32 = 0;
  private high: u32 = 0;

  clear(): void {
    this.low = 0;
    this.high = 0;
  }

  addByte(byte: u8): void {
    this.low = (this.low + byte) % MODULUS;
    this.high = (this.high + this.low) % MODULUS;
  }

  /** Adds the 8 bytes of a number, the lowest first. */
  add(value: u64): void {
    for (let shift: u64 = 0; shift < 64; shift += 8) this.addByte(<u8>(value >> shift));
  }

  /** The sum of the bytes in the low half, in the high half that of the low halves on the way. */
  get value(): u32 {
    return (this.high << 16) | this.low;
  }
}
