// What a screen should show of a text, worked out from the whole text at once.

export interface Cell {
  readonly letter: string;
  readonly attribute: number;
}

export const PLAIN = 0x07;

/** The colours of lines, by what they start with. */
const LEVELS: readonly (readonly [RegExp, number])[] = [
  [/^basalt: error: /, 0x0c],
  [/^basalt: panic: /, 0x4f],
  [/^basalt: warning: /, 0x0e],
  [/^basalt: debug: /, 0x08],
  [/^basalt: result /, 0x0f],
];

/** The attribute of a whole line. */
export function attributeOf(line: string): number {
  return LEVELS.find(([start]) => start.test(line))?.[1] ?? PLAIN;
}

/** The rows of a screen of this size after `text`, which holds line feeds and printable ASCII. */
export function rowsOf(text: string, columns: number, rows: number): Cell[][] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const all = lines.flatMap((line) => {
    const attribute = attributeOf(line);
    const cells = [...line].map((letter) => ({ letter, attribute }));
    const parts = Array.from({ length: Math.max(1, Math.ceil(cells.length / columns)) }, (_, n) =>
      cells.slice(n * columns, (n + 1) * columns),
    );
    return parts;
  });
  const shown = all.slice(-rows);
  const blank: Cell = { letter: " ", attribute: PLAIN };
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => shown[row]?.[column] ?? blank),
  );
}

/** Words as Basalt prints them, and worse: lines of all levels and lengths, by a generator that repeats. */
export function randomText(lines: number, seed: number): string {
  const starts = [
    "basalt: ",
    "basalt: error: ",
    "basalt: panic: ",
    "basalt: warning: ",
    "basalt: debug: ",
    "basalt: result ",
  ];
  let state = seed >>> 0;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: lines }, () => {
    const start =
      random(3) === 0 ? "" : starts[random(starts.length)]!.slice(0, random(4) === 0 ? random(16) : undefined);
    const length = random(4) === 0 ? random(400) : random(60);
    const rest = Array.from({ length }, () => String.fromCharCode(0x20 + random(95))).join("");
    return start + rest;
  }).join("\n");
}
