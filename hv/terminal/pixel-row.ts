// Pixels on their way to the screen: a row of a letter as the bytes of the framebuffer.

/** Bytes of pixels, in ordinary memory. */
export class PixelRow {
  readonly bytes: StaticArray<u8>;

  constructor(
    pixels: u32,
    readonly bytesPerPixel: u32,
  ) {
    this.bytes = new StaticArray<u8>(<i32>(pixels * bytesPerPixel));
  }

  /** Sets pixel `x` to `value`, the low bytes of which are the pixel, little-endian. */
  set(x: u32, value: u32): void {
    const offset = x * this.bytesPerPixel;
    for (let i: u32 = 0; i < this.bytesPerPixel; i++) this.bytes[offset + i] = <u8>(value >> (8 * i));
  }
}
