// The root object of the terminal: the screen once it is open, and the keyboard.

import {
  SCREEN_ABSENT,
  SCREEN_TEXT,
  SCREEN_WRONG_COLOURS,
  SCREEN_WRONG_DEPTH,
  SCREEN_WRONG_SIZE,
} from "../shared/screen";
import { Framebuffer, scaleOf } from "./framebuffer";
import { Grid } from "./grid";
import { Keyboard } from "./keyboard";
import { ScreenMemory } from "./memory/screen-memory";
import { PixelFormat } from "./pixel-format";
import { MAXIMUM_COLUMNS, MAXIMUM_ROWS, MINIMUM_COLUMNS, MINIMUM_ROWS, Surface } from "./surface";
import { TextSurface } from "./text-surface";

const TEXT_CELL_BYTES: u32 = 2;
/** Pixels each way; more is no screen of today. */
const MAXIMUM_PIXELS: u32 = 16384;

export class Terminal {
  readonly keyboard: Keyboard = new Keyboard();
  private grid: Grid | null = null;

  /** The screen's text memory at `start`, of `width` x `height` characters: columns and rows, or a status. */
  openText(start: u32, pitch: u32, width: u32, height: u32): u32 {
    const isSensible = width >= MINIMUM_COLUMNS && width <= MAXIMUM_COLUMNS;
    if (!isSensible || height < MINIMUM_ROWS || height > MAXIMUM_ROWS) return SCREEN_WRONG_SIZE;
    if (pitch < width * TEXT_CELL_BYTES || pitch > MAXIMUM_COLUMNS * TEXT_CELL_BYTES) return SCREEN_WRONG_SIZE;
    const surface = new TextSurface(new ScreenMemory(start, pitch * height), pitch, width, height);
    return surface.answers() ? this.show(surface) : SCREEN_ABSENT;
  }

  /** The screen's framebuffer at `start`, of `width` x `height` pixels: columns and rows, or a status. */
  openFramebuffer(start: u32, pitch: u32, width: u32, height: u32, format: PixelFormat): u32 {
    if (!format.hasKnownDepth) return SCREEN_WRONG_DEPTH;
    if (!format.hasOwnBits) return SCREEN_WRONG_COLOURS;
    if (width > MAXIMUM_PIXELS || height > MAXIMUM_PIXELS) return SCREEN_WRONG_SIZE;
    if (pitch < width * format.bytesPerPixel || pitch > 2 * MAXIMUM_PIXELS * 4) return SCREEN_WRONG_SIZE;
    if (<u64>start + <u64>pitch * height > <u64>u32.MAX_VALUE) return SCREEN_WRONG_SIZE;
    const memory = new ScreenMemory(start, pitch * height);
    const surface = new Framebuffer(memory, pitch, width, height, format, scaleOf(width, height));
    if (surface.columns < MINIMUM_COLUMNS || surface.rows < MINIMUM_ROWS) return SCREEN_WRONG_SIZE;
    return this.show(surface);
  }

  /** Writes one byte of text; it is lost while no screen is open. */
  write(byte: u32): void {
    const grid = this.grid;
    if (grid) grid.write(byte);
  }

  /** Opens the screen that boot information describes (hv/core/boot/screen.ts), in memory that the runtime mapped. */
  open(start: u32, pitch: u32, width: u32, height: u32, bits: u32, red: u32, green: u32, blue: u32): u32 {
    if (bits == SCREEN_TEXT) return this.openText(start, pitch, width, height);
    return this.openFramebuffer(start, pitch, width, height, new PixelFormat(bits, red, green, blue));
  }

  private show(surface: Surface): u32 {
    this.grid = new Grid(surface);
    return (surface.columns << 16) | surface.rows;
  }
}
