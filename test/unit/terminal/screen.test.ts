// What the terminal draws, held against pictures made from the whole text at once, and against boot loaders that lie.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { glyph, letterOf, screenStatus } from "./glyphs.ts";
import { noPorts, OWN_START, picture, TestTerminal, VgaPorts, type Format, type Frame } from "./terminal.ts";
import { randomText, rowsOf } from "./text-model.ts";

const terminal = new TestTerminal();
const vga = new VgaPorts();
terminal.ports = vga;
const UNTOUCHED = 0xa5;
/** Bytes behind a screen that have to stay as they are. */
const BEHIND = 1 << 16;

const channels = (red: [number, number], green: [number, number], blue: [number, number]) => ({
  red: { position: red[0], size: red[1] },
  green: { position: green[0], size: green[1] },
  blue: { position: blue[0], size: blue[1] },
});
const FORMATS: Readonly<Record<string, Format>> = {
  "32 bits, BGRX": { bits: 32, ...channels([16, 8], [8, 8], [0, 8]) },
  "32 bits, RGBX": { bits: 32, ...channels([0, 8], [8, 8], [16, 8]) },
  "32 bits, the highest ones used": { bits: 32, ...channels([24, 8], [16, 8], [8, 8]) },
  "32 bits, ten a colour": { bits: 32, ...channels([20, 10], [10, 10], [0, 10]) },
  "24 bits": { bits: 24, ...channels([16, 8], [8, 8], [0, 8]) },
  "16 bits, 5:6:5": { bits: 16, ...channels([11, 5], [5, 6], [0, 5]) },
  "15 bits, 5:5:5": { bits: 15, ...channels([10, 5], [5, 5], [0, 5]) },
};
const BGRX = FORMATS["32 bits, BGRX"]!;

/** Opens the screen on fresh memory, writes `text`, and holds every byte of the screen and behind it. */
function holdPicture(frame: Frame, scale: number, text: string): void {
  const end = frame.start + frame.pitch * frame.height;
  terminal.memory.fill(UNTOUCHED, 0, end + BEHIND);
  const { columns, rows } = terminal.renew().openFrame(frame);
  terminal.write(text);
  const expected = Buffer.from(picture(frame, rowsOf(text, columns, rows), scale, UNTOUCHED));
  const shown = Buffer.from(terminal.memory.buffer, 0, end);
  if (!shown.equals(expected)) {
    const at = expected.findIndex((byte, n) => byte !== shown[n]);
    assert.fail(`byte ${at} of the screen is ${shown[at]}, expected ${expected[at]}`);
  }
  assert.ok(
    terminal.memory.subarray(end, end + BEHIND).every((byte) => byte === UNTOUCHED),
    "something was written behind the screen",
  );
}

describe("a framebuffer", () => {
  const size = { start: 0, width: 640, height: 200 };
  for (const [name, format] of Object.entries(FORMATS)) {
    test(`of ${name} shows text in the colours of its levels`, () => {
      const pitch = size.width * Math.ceil(format.bits / 8);
      holdPicture({ ...size, pitch, format }, 1, randomText(11, 1));
    });
  }

  for (const [what, frame] of [
    ["a pitch larger than its lines", { start: 0, width: 640, height: 200, pitch: 4096, format: BGRX }],
    ["an odd pitch", { start: 0, width: 640, height: 200, pitch: 2563, format: BGRX }],
    ["an odd start", { start: 3072 + 5, width: 640, height: 200, pitch: 2560, format: BGRX }],
    ["a size that is no multiple of a letter's", { start: 0, width: 647, height: 213, pitch: 2588, format: BGRX }],
    [
      "three bytes a pixel and an odd width",
      { start: 16, width: 645, height: 170, pitch: 1935, format: FORMATS["24 bits"]! },
    ],
  ] as const) {
    test(`of ${what} is drawn within its lines`, () => holdPicture(frame, 1, randomText(40, 2)));
  }

  test("shows the last rows of a long text", () => {
    for (const seed of [3, 4, 5])
      holdPicture({ ...size, pitch: 1280, format: FORMATS["16 bits, 5:6:5"]! }, 1, randomText(200, seed));
  });

  test("is enlarged where it is large", () => {
    holdPicture({ start: 0, width: 1920, height: 1080, pitch: 7680, format: BGRX }, 2, randomText(60, 6));
    holdPicture({ start: 0, width: 3840, height: 2160, pitch: 15360, format: BGRX }, 4, randomText(50, 7));
  });

  test("takes no more of the terminal's own memory than boot/runtime gives it", () => {
    const own = new TestTerminal();
    // The most columns and the most rows.
    own.openFrame({ start: 0, width: 2600, height: 2100, pitch: 10400, format: BGRX });
    own.openFrame({ start: 0, width: 1919, height: 2160, pitch: 7680, format: BGRX });
    own.write(randomText(300, 8));
    const used = Buffer.from(own.memory.buffer, OWN_START, 1 << 20).findLastIndex((byte) => byte !== 0);
    assert.ok(used < 256 << 10, `${used} bytes, expected fewer than terminal_unit.c's OWN_BYTES`);
  });
});

describe("VGA's text memory", () => {
  const open = (): number => {
    terminal.memory.fill(UNTOUCHED, 0, 4000 + BEHIND);
    return terminal.renew().open(0, 160, 80, 25, screenStatus("SCREEN_TEXT"), 0, 0, 0);
  };

  test("holds the letters and attributes of the last 25 rows", () => {
    for (const [lines, seed] of [
      [0, 1],
      [1, 2],
      [24, 3],
      [25, 4],
      [300, 5],
    ] as const) {
      assert.equal(open(), (80 << 16) | 25);
      const text = randomText(lines, seed);
      terminal.write(text);
      const expected = rowsOf(text, 80, 25)
        .flat()
        .flatMap(({ letter, attribute }) => {
          const isBlank = letter === " " && attribute < 0x10;
          return [letter.charCodeAt(0), isBlank ? 0x07 : attribute];
        });
      assert.deepEqual([...terminal.memory.subarray(0, 4000)], expected);
      assert.ok(terminal.memory.subarray(4000, 4000 + BEHIND).every((byte) => byte === UNTOUCHED));
    }
  });

  test("may have another size, and rows further apart", () => {
    const [columns, rows, pitch] = [90, 30, 190];
    terminal.memory.fill(UNTOUCHED, 0, pitch * rows);
    assert.equal(
      terminal.renew().open(0, pitch, columns, rows, screenStatus("SCREEN_TEXT"), 0, 0, 0),
      (columns << 16) | rows,
    );
    const text = randomText(60, 6);
    terminal.write(text);
    const letters = rowsOf(text, columns, rows).map((cells) => cells.map(({ letter }) => letter).join(""));
    for (let row = 0; row < rows; row++) {
      const bytes = Buffer.from(terminal.memory.buffer, row * pitch, pitch);
      assert.equal(
        bytes
          .subarray(0, 2 * columns)
          .filter((_, n) => n % 2 === 0)
          .toString(),
        letters[row],
      );
      assert.ok(bytes.subarray(2 * columns).every((byte) => byte === UNTOUCHED));
    }
  });

  const firstLine = (): string =>
    Buffer.from(terminal.memory.buffer, 0, 160)
      .filter((_, n) => n % 2 === 0)
      .toString();

  test("shows tabs as steps of eight, starts a line anew at a carriage return, and other bytes as '?'", () => {
    open();
    terminal.write("a\tbc\td\x00\x1b\xe9\r\nnext");
    assert.match(firstLine(), /^a {7}bc {6}d\?\?\? *$/);
    open();
    terminal.write("abc\rX\r\n");
    assert.match(firstLine(), /^Xbc *$/);
  });

  test("has its cursor hidden", () => {
    open();
    assert.equal(vga.cursorStart & 0x20, 0x20);
  });

  test("without an adapter is no screen, though there may be RAM, and text for it goes nowhere", () => {
    terminal.ports = noPorts;
    try {
      assert.equal(open(), screenStatus("SCREEN_ABSENT"));
      terminal.write("basalt: nobody reads this\n");
      assert.ok(terminal.memory.subarray(0, 4000).every((byte) => byte === UNTOUCHED));
    } finally {
      terminal.ports = vga;
    }
  });
});

describe("what a boot loader says that makes no sense", () => {
  const good = [0, 2560, 640, 480, 32, 0xff0000, 0xff00, 0xff];
  const patched = (changes: Readonly<Record<number, number>>): number[] => good.map((value, n) => changes[n] ?? value);
  const [pitch, width, height, bits, red, green, blue] = [1, 2, 3, 4, 5, 6, 7];

  for (const [what, status, changes] of [
    ["lines longer than the pitch", "SCREEN_WRONG_SIZE", { [width]: 641 }],
    ["no pitch", "SCREEN_WRONG_SIZE", { [pitch]: 0 }],
    ["a pitch of 4 GiB", "SCREEN_WRONG_SIZE", { [pitch]: 0xffffffff }],
    ["no width", "SCREEN_WRONG_SIZE", { [width]: 0 }],
    ["no height", "SCREEN_WRONG_SIZE", { [height]: 0 }],
    ["a width that times four is small", "SCREEN_WRONG_SIZE", { [width]: 0x40000010 }],
    ["a height of four billion", "SCREEN_WRONG_SIZE", { [height]: 0xffffffff }],
    ["fewer pixels than ten lines", "SCREEN_WRONG_SIZE", { [height]: 159 }],
    ["fewer pixels than forty letters", "SCREEN_WRONG_SIZE", { [width]: 319 }],
    ["8 bits a pixel", "SCREEN_WRONG_DEPTH", { [bits]: 8 }],
    ["33 bits a pixel", "SCREEN_WRONG_DEPTH", { [bits]: 33 }],
    ["255 bits a pixel", "SCREEN_WRONG_DEPTH", { [bits]: 255 }],
    ["no red", "SCREEN_WRONG_COLOURS", { [red]: 0 }],
    ["green where red is", "SCREEN_WRONG_COLOURS", { [green]: 0xff0000 }],
    ["green that touches red", "SCREEN_WRONG_COLOURS", { [green]: 0x1ff00 }],
    ["blue in two parts", "SCREEN_WRONG_COLOURS", { [blue]: 0x81 }],
    ["colours beyond a pixel of 24 bits", "SCREEN_WRONG_COLOURS", { [bits]: 24, [red]: 0xff000000 }],
  ] as const) {
    test(`${what}: no screen, and nothing is drawn`, () => {
      terminal.memory.fill(UNTOUCHED, 0, BEHIND);
      assert.equal(terminal.renew().open(...patched(changes)), screenStatus(status));
      terminal.write("basalt: nobody reads this\n");
      assert.ok(terminal.memory.subarray(0, BEHIND).every((byte) => byte === UNTOUCHED));
    });
  }

  test("text memory of a wrong size is no screen", () => {
    for (const [pitch, columns, rows] of [
      [158, 80, 25],
      [160, 80, 9],
      [160, 39, 25],
      [160, 80, 129],
      [1024, 257, 25],
      [0xffffffff, 80, 25],
      [160, 0xffffffff, 25],
      [160, 80, 0xffffffff],
    ] as const)
      assert.equal(terminal.renew().open(0, pitch, columns, rows, 0, 0, 0, 0), screenStatus("SCREEN_WRONG_SIZE"));
  });

  test("whatever it says, the terminal answers, and draws within what it was given", () => {
    const odd = [
      0, 1, 39, 40, 319, 320, 640, 1280, 2560, 4095, 16384, 16385, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
    ];
    const depths = [0, 1, 8, 15, 16, 24, 32, 40];
    const masks = [0, 0x1f, 0x7e0, 0xf800, 0xff, 0xff00, 0xff0000, 0xff000000, 0xffffffff];
    let state = 9;
    const pick = <T>(values: readonly T[]): T => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return values[(state >>> 8) % values.length]!;
    };
    for (let i = 0; i < 3000; i++) {
      const pixels = [pick(odd), pick(odd), pick(odd)] as const;
      // A real screen of hundreds of megabytes takes its time to clear; boot/runtime refuses it before.
      if (pixels[0] * pixels[2] > 2 ** 24 && pixels[0] <= 131072) continue;
      const colours = pick([0, 1]) ? [0xff0000, 0xff00, 0xff] : [pick(masks), pick(masks), pick(masks)];
      const answer = terminal.renew().open(pick([0, 5, 4095]), ...pixels, pick(depths), ...colours);
      if (answer > 0xffff) terminal.write("basalt: error: x\n".repeat(3));
    }
  });
});

describe("the font", () => {
  const printable = Array.from({ length: 95 }, (_, n) => String.fromCharCode(0x20 + n));

  test("has a glyph of its own for each letter, and each can be read back", () => {
    for (const letter of printable) {
      const rows = glyph(letter);
      assert.equal(
        letterOf((x, y) => (rows[y]! & (0x80 >> x)) !== 0),
        letter,
      );
    }
  });

  test("keeps letters apart: only lines and tall signs touch their cell's right or lower edge", () => {
    for (const letter of printable.filter((letter) => letter !== "_")) {
      const rows = glyph(letter);
      assert.ok(
        rows.every((row) => (row & 1) === 0),
        letter,
      );
      assert.deepEqual([rows[0], rows[15]], [0, 0], letter);
    }
  });
});
