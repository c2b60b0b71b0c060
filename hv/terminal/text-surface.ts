// VGA's text memory: two bytes a cell, letter and attribute.

import { ScreenMemory } from "./memory/screen-memory";
import { in8, out8 } from "./ports";
import { Surface } from "./surface";

const CELL_BYTES: u32 = 2;
const BLANK: u16 = 0x0720;

const CRTC_INDEX: u32 = 0x3d4;
const CRTC_DATA: u32 = 0x3d5;
/** Register "Cursor Start": its bit 5 hides the cursor. */
const CURSOR_START: u32 = 0x0a;
const CURSOR_HIDDEN: u32 = 1 << 5;
const CURSOR_START_BITS: u32 = 0x3f;

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

  /**
   * Hides the cursor, and says whether an adapter is there: its register keeps that, and two cells what is written to them,
   * which is lost. Memory alone is no sign: without an adapter it can be RAM.
   */
  answers(): bool {
    out8(CRTC_INDEX, CURSOR_START);
    out8(CRTC_DATA, CURSOR_HIDDEN);
    if ((in8(CRTC_DATA) & CURSOR_START_BITS) != CURSOR_HIDDEN) return false;
    this.memory.write16(0, 0x1f42);
    this.memory.write16(CELL_BYTES, 0x2e61);
    return this.memory.read16(0) == 0x1f42 && this.memory.read16(CELL_BYTES) == 0x2e61;
  }

  clear(): void {
    const blanks = new StaticArray<u16>(<i32>(this.columns * this.rows));
    this.draw(blanks.fill(BLANK), 0, blanks.length);
  }

  draw(cells: StaticArray<u16>, first: u32, count: u32): void {
    const end = first + count;
    let at = first;
    while (at < end) {
      const column = at % this.columns;
      const offset = (at / this.columns) * this.pitch + column * CELL_BYTES;
      // Four at a time: under another hypervisor each access may leave this one.
      if (column + 4 <= this.columns && at + 4 <= end) {
        this.memory.write64(offset, four(cells, at));
        at += 4;
      } else {
        this.memory.write16(offset, cells[at++]);
      }
    }
  }
}

/** Four cells as they lie in memory. */
function four(cells: StaticArray<u16>, at: u32): u64 {
  const low = (<u64>cells[at]) | ((<u64>cells[at + 1]) << 16);
  return low | ((<u64>cells[at + 2]) << 32) | ((<u64>cells[at + 3]) << 48);
}
