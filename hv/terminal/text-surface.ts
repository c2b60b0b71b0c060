// VGA's text memory: two bytes a cell, letter and attribute.

import { ScreenMemory } from "./memory/screen-memory";
import { out8 } from "./ports";
import { Surface } from "./surface";

const CELL_BYTES: u32 = 2;
const BLANK: u16 = 0x0720;

const CRTC_INDEX: u32 = 0x3d4;
const CRTC_DATA: u32 = 0x3d5;
/** Register "Cursor Start": its bit 5 hides the cursor. */
const CURSOR_START: u32 = 0x0a;
const CURSOR_HIDDEN: u32 = 1 << 5;

export class TextSurface extends Surface {
  /** `pitch` is the distance of two rows in bytes. */
  constructor(
    private readonly memory: ScreenMemory,
    private readonly pitch: u32,
    columns: u32,
    rows: u32,
  ) {
    super(columns, rows);
  }

  /** Whether two cells keep what is written to them; what they held is lost. */
  answers(): bool {
    this.memory.write16(0, 0x1f42);
    this.memory.write16(CELL_BYTES, 0x2e61);
    return this.memory.read16(0) == 0x1f42 && this.memory.read16(CELL_BYTES) == 0x2e61;
  }

  /** Hides the cursor too. */
  clear(): void {
    out8(CRTC_INDEX, CURSOR_START);
    out8(CRTC_DATA, CURSOR_HIDDEN);
    for (let row: u32 = 0; row < this.rows; row++) {
      for (let column: u32 = 0; column < this.columns; column++) this.write(row, column, BLANK);
    }
  }

  draw(cells: StaticArray<u16>, first: u32, count: u32): void {
    for (let at = first; at < first + count; at++) this.write(at / this.columns, at % this.columns, cells[at]);
  }

  private write(row: u32, column: u32, cell: u16): void {
    this.memory.write16(row * this.pitch + column * CELL_BYTES, cell);
  }
}
