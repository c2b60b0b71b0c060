// What the screen shows at the end of a boot, by VGA text and by framebuffer: the lines of COM1, in the colours of their
// levels, and to the pixel what docs/screenshots holds, where firmware's figures are the same.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { PNG } from "pngjs";
import { linesOfBasalt, referenceBoots, takeScreenshot, type Screenshot } from "../../tools/emulators/screenshot.ts";
import { screenshotsDirectory } from "../../tools/paths.ts";
import { colour, GLYPH_HEIGHT, GLYPH_WIDTH, letterOf } from "../unit/terminal/glyphs.ts";
import { PLAIN, rowsOf, type Cell } from "../unit/terminal/text-model.ts";

const ROWS = 25;
const COLUMNS = 80;

/** What firmware and GRUB printed before is gone from the screen. */
function linesOf(shot: Screenshot): string[] {
  const lines = linesOfBasalt(shot);
  assert.ok(lines.length >= 3, shot.lines.join("\n"));
  return lines;
}

function cellsOf(textMemory: Buffer): Cell[][] {
  return Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: COLUMNS }, (_, column) => {
      const at = 2 * (row * COLUMNS + column);
      return { letter: String.fromCharCode(textMemory[at]!), attribute: textMemory[at + 1]! };
    }),
  );
}

/** Spaces on black look the same in every colour. */
function plainSpaces(rows: readonly (readonly Cell[])[]): Cell[][] {
  return rows.map((cells) =>
    cells.map((cell) => (cell.letter === " " && cell.attribute < 0x10 ? { ...cell, attribute: PLAIN } : cell)),
  );
}

/** Holds that VGA's text memory shows the last lines, in their colours. */
function holdTextScreen(shot: Screenshot): void {
  const expected = rowsOf(linesOf(shot).join("\n"), COLUMNS, ROWS);
  assert.deepEqual(plainSpaces(cellsOf(shot.textMemory)), plainSpaces(expected));
}

function colourAt(png: PNG, x: number, y: number): number {
  const at = 4 * (y * png.width + x);
  return (png.data[at]! << 16) | (png.data[at + 1]! << 8) | png.data[at + 2]!;
}

/** Reads a framebuffer's letters back by the font, each with its colour. */
function readPixels(png: PNG): { letter: string; colour: number }[][] {
  return Array.from({ length: Math.floor(png.height / GLYPH_HEIGHT) }, (_, row) =>
    Array.from({ length: Math.floor(png.width / GLYPH_WIDTH) }, (_, column) => {
      const pixel = (x: number, y: number): number => colourAt(png, column * GLYPH_WIDTH + x, row * GLYPH_HEIGHT + y);
      const letter = letterOf((x, y) => pixel(x, y) !== 0);
      const places = Array.from({ length: GLYPH_WIDTH * GLYPH_HEIGHT }, (_, n) => pixel(n % GLYPH_WIDTH, n >> 3));
      const colours = new Set(places.filter((value) => value !== 0));
      assert.ok(letter !== null && colours.size <= 1, `the cell in row ${row}, column ${column} is no letter`);
      return { letter, colour: [...colours][0] ?? 0 };
    }),
  );
}

/** Holds that a framebuffer shows the last lines, in their colours on black. */
function holdFramebuffer(shot: Screenshot): void {
  const found = readPixels(PNG.sync.read(shot.png));
  const expected = rowsOf(linesOf(shot).join("\n"), found[0]!.length, found.length).map((cells) =>
    cells.map(({ letter, attribute }) => ({ letter, colour: letter === " " ? 0 : colour(attribute & 15) })),
  );
  assert.deepEqual(found, expected);
}

/** Figures of firmware's and of the machine's are among a line's numbers: free RAM, how many PCI functions. */
function withoutFigures(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/0x[0-9a-f]+|\d+/g, "#"));
}

/** Holds the picture against the one in docs/screenshots: all of it but the cells whose letters other figures change. */
function holdReference(t: TestContext, name: string, shot: Screenshot, columns: number, rows: number): void {
  const again = "If the screen is right, make the picture anew by `npx basalt screenshot`.";
  const [picture, text] = ["png", "txt"].map((ending) => join(screenshotsDirectory, `${name}.${ending}`)) as [
    string,
    string,
  ];
  for (const path of [picture, text]) assert.ok(existsSync(path), `${path} is missing. ${again}`);
  const [lines, shown] = [linesOf(shot), readFileSync(text, "utf8").trimEnd().split("\n")];
  assert.deepEqual(withoutFigures(lines), withoutFigures(shown), again);
  const changed = lines.filter((line, n) => line !== shown[n]);
  for (const line of changed) t.diagnostic(`other figures than in docs/screenshots/${name}.png: ${line}`);

  const [found, expected] = [PNG.sync.read(shot.png), PNG.sync.read(readFileSync(picture))];
  assert.deepEqual([found.width, found.height], [expected.width, expected.height], again);
  const cells = rowsOf(lines.join("\n"), columns, rows);
  const shownCells = rowsOf(shown.join("\n"), columns, rows);
  const isComparable = (n: number): boolean => {
    const row = Math.floor(Math.floor(n / found.width) / Math.floor(found.height / rows));
    const column = Math.floor((n % found.width) / Math.floor(found.width / columns));
    return isDeepStrictEqual(cells[row]?.[column], shownCells[row]?.[column]);
  };
  const differing = Array.from({ length: found.width * found.height }, (_, n) => n).filter(
    (n) => colourAt(found, n, 0) !== colourAt(expected, n, 0) && isComparable(n),
  );
  assert.equal(differing.length, 0, `${differing.length} pixels differ from docs/screenshots/${name}.png. ${again}`);
}

describe("the screen shows the lines of COM1 in their colours", () => {
  test("as VGA text under BIOS, to the pixel as the README shows it", async (t) => {
    const shot = await takeScreenshot(referenceBoots.bios);
    holdTextScreen(shot);
    holdReference(t, "bios", shot, COLUMNS, ROWS);
  });

  test("on the framebuffer under UEFI, to the pixel as the README shows it", async (t) => {
    const shot = await takeScreenshot(referenceBoots.uefi);
    holdFramebuffer(shot);
    const { width, height } = PNG.sync.read(shot.png);
    holdReference(t, "uefi", shot, Math.floor(width / GLYPH_WIDTH), Math.floor(height / GLYPH_HEIGHT));
  });

  test("when a panic ends the run", async () => {
    for (const append of ["fail=assertion", "loglevel=debug fail=bounds"]) {
      const shot = await takeScreenshot({ media: "kernel", firmware: "bios", append });
      assert.ok(linesOf(shot).some((line) => line.startsWith("basalt: panic: ")));
      holdTextScreen(shot);
    }
  });

  test("when boot options are wrong, and scrolls", async () => {
    const append = Array.from({ length: 20 }, (_, n) => `option-${n}`).join(" ");
    const shot = await takeScreenshot({ media: "kernel", firmware: "bios", append });
    assert.ok(linesOf(shot).length > 20);
    holdTextScreen(shot);
  });
});

test("a PC without COM1 says so on its screen, and that keys are taken", async () => {
  const shot = await takeScreenshot({ media: "kernel", firmware: "bios", append: "iterations=10", hasSerial: false });
  assert.deepEqual(shot.lines, []);
  const rows = cellsOf(shot.textMemory).map((row) =>
    row
      .map(({ letter }) => letter)
      .join("")
      .trimEnd(),
  );
  assert.ok(rows.includes("basalt: console: no COM1, screen 80x25 text, keyboard"), rows.join("\n"));
  assert.ok(rows.includes("basalt: result 0 ok"), rows.join("\n"));
});

for (const [what, changes] of [
  ["a CPU without long mode", { cpu: "qemu32" }],
  ["a CPU without execute-disable", { cpu: "qemu64,-nx" }],
  ["a start without boot information", { hasBootInformation: false }],
] as const) {
  test(`${what} is refused on the screen too, white on red`, async () => {
    const boot = { media: "kernel", firmware: "bios", append: "", stopAt: "refused", ...changes } as const;
    const shot = await takeScreenshot(boot);
    const cells = cellsOf(shot.textMemory);
    const rows = cells.map((row) => row.map(({ letter }) => letter).join(""));
    const [sentence, result, ...more] = shot.lines;
    assert.match(sentence ?? "", /^basalt: error: /);
    assert.match(result ?? "", /^basalt: result 1[0-2] no-/);
    assert.deepEqual(more, []);
    assert.equal(rows.slice(0, 2).join("").trimEnd(), sentence);
    assert.equal(rows[2]!.trimEnd(), result);
    assert.equal(rows.slice(3).join("").trim(), "");
    const letters = cells.flat().filter(({ letter }) => letter !== " ");
    assert.deepEqual(new Set(letters.map(({ attribute }) => attribute)), new Set([0x4f]));
  });
}
