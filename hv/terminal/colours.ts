// The colours of VGA's text cells, and which of them the lines of each level have.

/** The colours of a cell's letter (bits 3:0) and of its background (bits 7:4), as red, green and blue: 0xRRGGBB. */
export const COLOURS: StaticArray<u32> = [
  0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55,
  0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
];

/** Light grey on black: lines of level info, and what is no line of Basalt's. */
export const PLAIN: u32 = 0x07;

/** How lines start that have colours of their own: the prefixes of hv/core/console, boot/runtime and boot/entry.asm. */
export const PREFIXES: StaticArray<string> = [
  "basalt: error: ",
  "basalt: panic: ",
  "basalt: warning: ",
  "basalt: debug: ",
  "basalt: result ",
];
/** In the order of PREFIXES: light red, white on red, yellow, dark grey, white. */
export const ATTRIBUTES: StaticArray<u32> = [0x0c, 0x4f, 0x0e, 0x08, 0x0f];

/** Follows the start of a line, letter by letter, to the prefix that gives it its colours. */
export class LinePrefix {
  private letters: i32 = 0;
  /** Bit n: PREFIXES[n] starts with all letters so far. */
  private candidates: u32 = 0;

  constructor() {
    this.start();
  }

  /** A new line starts. */
  start(): void {
    this.letters = 0;
    this.candidates = (1 << PREFIXES.length) - 1;
  }

  /** Takes the line's next letter; the attribute of the prefix that it completes, else 0. */
  take(letter: u32): u32 {
    if (this.candidates == 0) return 0;
    const place = this.letters++;
    for (let i = 0; i < PREFIXES.length; i++) {
      const prefix = PREFIXES[i];
      if ((this.candidates & (1 << i)) == 0) continue;
      if (<u32>prefix.charCodeAt(place) != letter) this.candidates &= ~(1 << i);
      else if (this.letters == prefix.length) {
        this.candidates = 0;
        return ATTRIBUTES[i];
      }
    }
    return 0;
  }

  /** How many letters the line has so far; no more are counted once its colours are decided. */
  get length(): u32 {
    return <u32>this.letters;
  }
}
