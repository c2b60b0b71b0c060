// Text on a surface: the cells that it shows, a place to write at, wrapping and scrolling.

import { LinePrefix, PLAIN } from "./colours";
import { Surface } from "./surface";

const SPACE: u32 = 0x20;
const LAST_LETTER: u32 = 0x7e;
const QUESTION_MARK: u32 = 0x3f;
const TAB: u32 = 0x09;
const LINE_FEED: u32 = 0x0a;
const CARRIAGE_RETURN: u32 = 0x0d;
const TAB_STOPS: u32 = 8;
const BLANK: u16 = <u16>((PLAIN << 8) | SPACE);

export class Grid {
  private readonly columns: u32;
  private readonly cells: StaticArray<u16>;
  private readonly prefix: LinePrefix = new LinePrefix();
  private row: u32 = 0;
  private column: u32 = 0;
  private attribute: u32 = PLAIN;
  /** A line feed takes effect with the letter that follows, so that the last row holds text too. */
  private isLineDue: bool = false;

  /** Clears the surface. */
  constructor(private readonly surface: Surface) {
    this.columns = surface.columns;
    this.cells = new StaticArray<u16>(<i32>(surface.columns * surface.rows));
    this.cells.fill(BLANK);
    surface.clear();
  }

  /** Writes one byte of text: ASCII; what else comes is shown as '?'. */
  write(byte: u32): void {
    if (byte == LINE_FEED) this.endLine();
    else if (byte == CARRIAGE_RETURN) this.column = this.isLineDue ? this.column : 0;
    else if (byte == TAB) this.tab();
    else this.put(byte >= SPACE && byte <= LAST_LETTER ? byte : QUESTION_MARK);
  }

  private endLine(): void {
    if (this.isLineDue) this.startRow();
    this.isLineDue = true;
    this.prefix.start();
    this.attribute = PLAIN;
  }

  private tab(): void {
    do this.put(SPACE);
    while (this.column % TAB_STOPS != 0 && this.column < this.columns);
  }

  private put(letter: u32): void {
    if (this.isLineDue || this.column == this.columns) this.startRow();
    this.isLineDue = false;
    this.set(this.column++, letter);
    const attribute = this.prefix.take(letter);
    if (attribute == 0) return;
    // The whole line has the colours of its prefix, which ends within the row that it starts.
    this.attribute = attribute;
    for (let column: u32 = 0; column < this.column; column++) {
      this.set(column, this.cells[this.row * this.columns + column] & 0xff);
    }
  }

  private set(column: u32, letter: u32): void {
    const at = this.row * this.columns + column;
    // A space without background looks the same in every colour: it need not be drawn again.
    const isBlank = letter == SPACE && this.attribute >> 4 == 0;
    this.cells[at] = isBlank ? BLANK : <u16>((this.attribute << 8) | letter);
    this.surface.draw(this.cells, at, 1);
  }

  private startRow(): void {
    this.column = 0;
    if (this.row + 1 < this.surface.rows) this.row++;
    else this.scroll();
  }

  /** Moves all rows up by one, and draws the cells that change: memory of screens is slow. */
  private scroll(): void {
    const count = <u32>this.cells.length;
    let run: u32 = 0;
    for (let at: u32 = 0; at < count; at++) {
      const cell = at + this.columns < count ? this.cells[at + this.columns] : BLANK;
      if (cell != this.cells[at]) {
        this.cells[at] = cell;
        run++;
      } else if (run != 0) {
        this.surface.draw(this.cells, at - run, run);
        run = 0;
      }
    }
    if (run != 0) this.surface.draw(this.cells, count - run, run);
  }
}
