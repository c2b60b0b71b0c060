// How a framebuffer holds a pixel: its size, and where red, green and blue lie in it.

/** A colour's part of a pixel. */
class Channel {
  private readonly position: u32;
  private readonly bits: u32;

  constructor(readonly mask: u32) {
    this.position = mask == 0 ? 0 : <u32>ctz(mask);
    // The lowest run of ones; `isWhole` says whether there is another.
    this.bits = <u32>ctz(~(mask >> this.position));
  }

  /** Whether the mask is one run of bits, and not empty. */
  get isWhole(): bool {
    const run = this.mask >> this.position;
    return this.mask != 0 && (run & (run + 1)) == 0;
  }

  /** `intensity` is from 0 to 255. */
  part(intensity: u32): u32 {
    const value = this.bits < 8 ? intensity >> (8 - this.bits) : intensity << (this.bits - 8);
    return (value << this.position) & this.mask;
  }
}

export class PixelFormat {
  readonly bytesPerPixel: u32;
  private readonly red: Channel;
  private readonly green: Channel;
  private readonly blue: Channel;

  /** The masks say which bits of a pixel are red, green and blue. */
  constructor(
    private readonly bits: u32,
    red: u32,
    green: u32,
    blue: u32,
  ) {
    this.bytesPerPixel = (bits + 7) / 8;
    this.red = new Channel(red);
    this.green = new Channel(green);
    this.blue = new Channel(blue);
  }

  /** Whether pixels of this size are known: 15, 16, 24 or 32 bits. */
  get hasKnownDepth(): bool {
    return this.bits == 15 || this.bits == 16 || this.bits == 24 || this.bits == 32;
  }

  /** Whether each colour has its own bits of the pixel. */
  get hasOwnBits(): bool {
    const red = this.red.mask;
    const green = this.green.mask;
    const blue = this.blue.mask;
    if (!this.red.isWhole || !this.green.isWhole || !this.blue.isWhole) return false;
    const isBeyond = this.bits < 32 && (red | green | blue) >> this.bits != 0;
    return !isBeyond && (red & green) == 0 && (red & blue) == 0 && (green & blue) == 0;
  }

  /** The pixel of a colour 0xRRGGBB. */
  pixel(colour: u32): u32 {
    return this.red.part(colour >> 16) | this.green.part((colour >> 8) & 0xff) | this.blue.part(colour & 0xff);
  }
}
