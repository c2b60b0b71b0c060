// The rows of a dump of KVM or Xen: lines without what loggers put before them, and wrapped ones put together again.
import type { Place } from "../dump.ts";
import { CONTINUATION, ROW_START } from "./kernel-dump-rows.ts";
import type { Line } from "./lines.ts";
import { afterLogPrefix } from "./log-prefix.ts";

/** What a logger that log-prefix.ts does not know ends its prefix with: "vmm0>", "dump: "; no part of a name as in "x::CR3". */
const END_OF_PREFIX = /[\]>|)] {0,8}|[:…-] {1,8}/g;
const LONGEST_PREFIX = 160;
/** A value, and what Xen prints behind it. */
const VALUE = /^(?:0x)?[0-9a-f]+\b(?! *=)/i;

interface Piece {
  /** Where the piece begins in the row's text. */
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

/** A row as it was printed. */
export interface Row {
  readonly text: string;
  /** The place in the text of a part of the row that no line break divides. */
  place(at: number, length: number): Place;
}

/** The rows of some lines, in their order; prose between them makes rows too. */
export function rowsOf(lines: readonly Line[]): Row[] {
  const rows: { text: string; pieces: Piece[] }[] = [];
  let isOpen = false;
  for (const { number, text } of lines) {
    const logged = afterLogPrefix(text);
    const last = rows.at(-1);
    if (last !== undefined && isOpen && isRestOf(last.text, text.slice(logged))) {
      last.pieces.push({ at: last.text.length + 1, line: number, column: logged });
      last.text += ` ${text.slice(logged).trimEnd()}`;
      continue;
    }
    const column = startOf(text, logged);
    const content = text.slice(column).trimEnd();
    // An empty line ends a row; only what stands directly below another line is its rest.
    isOpen = content !== "";
    rows.push({ text: content, pieces: [{ at: 0, line: number, column }] });
  }
  return rows.map(({ text, pieces }) => ({
    text,
    place: (at, length) => {
      const piece = pieces.findLast((candidate) => candidate.at <= at) ?? pieces[0]!;
      return { line: piece.line, column: piece.column + at - piece.at, length };
    },
  }));
}

/** The column at which a line of the dump itself begins, from `start`, behind the known prefixes, on; `start` in others. */
function startOf(text: string, start: number): number {
  if (startsRow(text, start)) return start;
  END_OF_PREFIX.lastIndex = start;
  const prefixes = text.slice(0, LONGEST_PREFIX);
  for (let match = END_OF_PREFIX.exec(prefixes); match !== null; match = END_OF_PREFIX.exec(prefixes)) {
    // The spaces may be the row's own.
    for (let at = match.index + 1; at <= END_OF_PREFIX.lastIndex; at++) if (startsRow(text, at)) return at;
  }
  return start;
}

function startsRow(text: string, column: number): boolean {
  ROW_START.lastIndex = column;
  return ROW_START.test(text);
}

/** Whether a line is the rest of the row above it: a mail breaks between two values, or behind "=". */
function isRestOf(row: string, content: string): boolean {
  return row.includes("=") && (CONTINUATION.test(content) || (row.endsWith("=") && VALUE.test(content)));
}
