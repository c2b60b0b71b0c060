// Mangles a text in the ways in which logs, editors and people do, and in some in which nobody does.
import type { Random } from "./random.ts";

type Mutation = (lines: string[], random: Random, seeds: readonly string[]) => void;

const VALUES = [
  "0x",
  "0x0",
  "-1",
  "99999999999999999999999999",
  `0x${"f".repeat(300)}`,
  "0xzz",
  "1e400",
  "NaN",
  "null",
  '"',
];
const CHARACTERS = [
  "\0",
  "\u0000\u0000",
  "=",
  ":",
  "::",
  "{",
  "}",
  "[",
  "\\",
  '"',
  "\t",
  "\ufeff",
  "\ud800",
  "é",
  "\u2028",
  "|",
  "*",
  "/*",
  "*/",
  "//",
  "#",
  ",",
  "(",
];

function change(lines: string[], random: Random, edit: (line: string) => string): void {
  const row = random.below(lines.length);
  lines[row] = edit(lines[row] ?? "");
}

const MUTATIONS: readonly Mutation[] = [
  // Cut, drop, double and swap lines.
  (lines, random) => lines.splice(random.below(lines.length)),
  (lines, random) => lines.splice(0, random.below(lines.length)),
  (lines, random) => lines.splice(random.below(lines.length), 1 + random.below(5)),
  (lines, random) => lines.splice(random.below(lines.length), 0, random.pick(lines)),
  (lines, random) => {
    const [one, other] = [random.below(lines.length), random.below(lines.length)];
    [lines[one], lines[other]] = [lines[other] ?? "", lines[one] ?? ""];
  },
  // A line of another dump, or a whole one behind this one.
  (lines, random, seeds) => lines.splice(random.below(lines.length), 0, random.pick(random.pick(seeds).split("\n"))),
  (lines, random, seeds) => lines.push(...random.pick(seeds).split("\n").slice(0, 40)),
  // Cut a line, join two.
  (lines, random) => change(lines, random, (line) => line.slice(0, random.below(line.length + 1))),
  (lines, random) => change(lines, random, (line) => line.slice(random.below(line.length + 1))),
  (lines, random) => {
    const row = random.below(lines.length);
    lines.splice(row, 2, lines.slice(row, row + 2).join(""));
  },
  // Flip a bit of a character, insert one, double a piece.
  (lines, random) =>
    change(lines, random, (line) => {
      const at = random.below(line.length + 1);
      const flipped = String.fromCharCode(line.charCodeAt(Math.min(at, line.length - 1)) ^ (1 << random.below(7)));
      return line.slice(0, at) + flipped + line.slice(at + 1);
    }),
  (lines, random) =>
    change(lines, random, (line) => {
      const at = random.below(line.length + 1);
      return line.slice(0, at) + random.pick(CHARACTERS) + line.slice(at);
    }),
  (lines, random) => change(lines, random, (line) => line + line.slice(random.below(line.length + 1))),
  // Another value for a value.
  (lines, random) => change(lines, random, (line) => line.replace(/(0x)?[0-9a-f]{2,}/, () => random.pick(VALUES))),
  (lines, random) => change(lines, random, (line) => line.replace(/[0-9a-f]+$/, () => random.pick(VALUES))),
  // Names and numbers lose their marks.
  (lines, random) => change(lines, random, (line) => line.replace(/[=:]/, random.pick([" ", "=", ":", "==", ""]))),
  (lines, random) => change(lines, random, (line) => line.replaceAll("0x", "")),
  (lines, random) => change(lines, random, (line) => " ".repeat(random.below(9)) + line.trim()),
];

/** `text` after one to six mutations, sometimes with other ends of lines, a long line, or deep brackets. */
export function mangle(text: string, random: Random, seeds: readonly string[]): string {
  const lines = text.split("\n");
  const count = 1 + random.below(6);
  for (let done = 0; done < count; done++) {
    if (lines.length === 0) lines.push("");
    random.pick(MUTATIONS)(lines, random, seeds);
  }
  const oddity = random.below(60);
  if (oddity === 0) lines.splice(random.below(lines.length + 1), 0, "x=".repeat(random.below(40_000)));
  if (oddity === 1) lines.splice(random.below(lines.length + 1), 0, '{"fields":'.repeat(random.below(5_000)));
  if (oddity === 2) lines.unshift("{");
  return lines.join(oddity === 3 ? "\r\n" : oddity === 4 ? "\r" : oddity === 5 ? "\n\0" : "\n");
}
