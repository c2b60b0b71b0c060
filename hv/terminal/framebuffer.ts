// A linear framebuffer: letters drawn as pixels, larger where the screen is large.

import { COLOURS } from "./colours";
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRow } from "./font";
import { ScreenMemory } from "./memory/screen-memory";
import { PixelFormat } from "./pixel-format";
import { PixelRow } from "./pixel-row";
import { MAXIMUM_COLUMNS, MAXIMUM_ROWS, Surface } from "./surface";

/** Pixels of width and height for each step of enlargement: 1920 x 1080 has 120 x 33 letters, each twice as large. */
const WIDTH_OF_SCALE: u32 = 960;
const HEIGHT_OF_SCALE: u32 = 400;

/** How much larger than the font letters are drawn on a screen of `width` x `height` pixels. */
export function scaleOf(width: u32, height: u32): u32 {
  return max<u32>(1, min(width / WIDTH_OF_SCALE, height / HEIGHT_OF_SCALE));
}

export class Framebuffer extends Surface {
  private readonly row: PixelRow;
  /** The pixels of the 16 colours. */
  private readonly pixels: StaticArray<u32> = new StaticArray<u32>(16);

  /** `pitch` is the distance of two lines of pixels in bytes; all of them lie in `memory`. */
  constructor(
    private readonly memory: ScreenMemory,
    private readonly pitch: u32,
    private readonly width: u32,
    private readonly height: u32,
    private readonly format: PixelFormat,
    private readonly scale: u32,
  ) {
    super(min(width / (GLYPH_WIDTH * scale), MAXIMUM_COLUMNS), min(height / (GLYPH_HEIGHT * scale), MAXIMUM_ROWS));
    this.row = new PixelRow(GLYPH_WIDTH * scale, format.bytesPerPixel);
    for (let i = 0; i < COLOURS.length; i++) this.pixels[i] = format.pixel(COLOURS[i]);
  }

  clear(): void {
    for (let y: u32 = 0; y < this.height; y++)
      this.memory.clear(y * this.pitch, this.width * this.format.bytesPerPixel);
  }

  draw(cells: StaticArray<u16>, first: u32, count: u32): void {
    for (let at = first; at < first + count; at++) this.drawCell(at / this.columns, at % this.columns, cells[at]);
  }

  private drawCell(row: u32, column: u32, cell: u32): void {
    const letter = this.pixels[(cell >> 8) & 15];
    const background = this.pixels[(cell >> 12) & 15];
    const bytes = <u32>this.row.bytes.length;
    let offset = row * GLYPH_HEIGHT * this.scale * this.pitch + column * bytes;
    for (let y: u32 = 0; y < GLYPH_HEIGHT; y++) {
      this.fillRow(glyphRow(cell & 0xff, y), letter, background);
      for (let line: u32 = 0; line < this.scale; line++) {
        this.memory.write(offset, this.row.bytes, bytes);
        offset += this.pitch;
      }
    }
  }

  private fillRow(glyph: u32, letter: u32, background: u32): void {
    let x: u32 = 0;
    for (let bit: u32 = 1 << (GLYPH_WIDTH - 1); bit != 0; bit >>= 1) {
      const pixel = glyph & bit ? letter : background;
      for (let i: u32 = 0; i < this.scale; i++) this.row.set(x++, pixel);
    }
  }
}
