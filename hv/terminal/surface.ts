// What cells of text can be drawn on.

/** A screen of `columns` by `rows` cells. A cell is a letter in bits 7:0 and its attribute in bits 15:8, as VGA has it. */
export abstract class Surface {
  constructor(
    readonly columns: u32,
    readonly rows: u32,
  ) {}

  /** Makes all of it black. */
  abstract clear(): void;
  /** Draws `count` of `cells`, from place `first` on, side by side; `first` is row * columns + column. */
  abstract draw(cells: StaticArray<u16>, first: u32, count: u32): void;
}

/** Fewer cells make no sense for lines of 80 letters and more; more of them are left black. */
export const MINIMUM_COLUMNS: u32 = 40;
export const MAXIMUM_COLUMNS: u32 = 256;
export const MINIMUM_ROWS: u32 = 10;
export const MAXIMUM_ROWS: u32 = 128;
