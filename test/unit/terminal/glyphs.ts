// The font as the tests read it: each glyph as 16 rows of 8 pixels, and the colours, as the module's source lists them.
type Table = Readonly<Record<string, unknown>>;

// Its types are AssemblyScript's, so each module arrives as untyped data.
async function load(path: string): Promise<Table> {
  return (await import(new URL(`../../../hv/${path}.ts`, import.meta.url).href)) as Table;
}

const bands = (await load("terminal/font"))["GLYPH_BANDS"] as readonly number[];
const colours = (await load("terminal/colours"))["COLOURS"] as readonly number[];
const screenTable = await load("shared/screen");

export const GLYPH_WIDTH = 8;
export const GLYPH_HEIGHT = 16;

/** Rows of a letter's glyph; bit 7 is the left pixel. What is no printable ASCII has the glyph behind the last one. */
export function glyph(letter: string): number[] {
  const code = letter.charCodeAt(0);
  const number = (code >= 0x20 && code < 0x7f ? code : 0x7f) - 0x20;
  return Array.from({ length: GLYPH_HEIGHT }, (_, y) => bands[(Math.floor(number / 8) * 16 + y) * 8 + (number % 8)]!);
}

/** The colour 0xRRGGBB of a nibble of an attribute. */
export function colour(number: number): number {
  return colours[number]!;
}

/** A status of hv/shared/screen.ts. */
export function screenStatus(name: string): number {
  const value = screenTable[name];
  if (typeof value === "number") return value;
  throw new Error(`found no ${name} in hv/shared/screen.ts, expected a status`);
}

/**
 * The letter that 16 rows of pixels show, of which `isLetter` tells by x and y whether they have the letter's colour; null
 * if none does.
 */
export function letterOf(isLetter: (x: number, y: number) => boolean): string | null {
  const rows = Array.from({ length: GLYPH_HEIGHT }, (_, y) =>
    Array.from({ length: GLYPH_WIDTH }, (_, x) => (isLetter(x, y) ? 0x80 >> x : 0)).reduce((a, b) => a | b, 0),
  ).join();
  return letters.get(rows) ?? null;
}

const letters = new Map(
  Array.from({ length: 95 }, (_, n) => String.fromCharCode(0x20 + n)).map((letter) => [glyph(letter).join(), letter]),
);
