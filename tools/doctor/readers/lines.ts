// A text as lines, within the bounds that every reader relies on.
import type { Unreadable } from "../dump.ts";

export interface Line {
  /** 1-based. */
  readonly number: number;
  /** As long as the line of the text, so that columns agree; control characters and colours are spaces. */
  readonly text: string;
}

/** In UTF-16 code units. A VMCS dump is a few kilobytes; a whole kernel log may be some hundred. */
export const LONGEST_TEXT = 4 * 1024 * 1024;
export const LONGEST_LINE = 64 * 1024;
export const MOST_LINES = 100_000;

/** Splits a text at LF, CRLF and CR. Refuses a text, a line or a number of lines beyond the bounds, with the line where it passes them. */
export function splitLines(text: string): Line[] | Unreadable {
  const lines: Line[] = [];
  let start = 0;
  while (start <= text.length) {
    const end = endOfLine(text, start);
    const number = lines.length + 1;
    if (end > LONGEST_TEXT) {
      return {
        line: number,
        reason: `Found a text of ${text.length} characters, expected at most ${LONGEST_TEXT}: cut it to the dump itself.`,
      };
    }
    if (number > MOST_LINES) {
      return {
        line: number,
        reason: `Found more than ${MOST_LINES} lines, expected fewer: cut the text to the dump itself.`,
      };
    }
    if (end - start > LONGEST_LINE) {
      return {
        line: number,
        reason: `Found a line of ${end - start} characters, expected at most ${LONGEST_LINE}: break it into its values.`,
      };
    }
    lines.push({ number, text: blank(text.slice(start, end)) });
    start = text.startsWith("\r\n", end) ? end + 2 : end + 1;
  }
  return lines;
}

function endOfLine(text: string, start: number): number {
  const end = /[\r\n]/g;
  end.lastIndex = start;
  return end.exec(text)?.index ?? text.length;
}

const NO_TEXT = /[\p{Cc}\u00a0\ufeff]/u;

/** Replaces what is no text, colours of terminals, NULs of serial lines, a byte-order mark, by as many spaces. */
function blank(line: string): string {
  if (!NO_TEXT.test(line)) return line;
  return line
    .replaceAll(/\u001b\[[0-9;]{0,16}[A-Za-z]/g, (escape) => " ".repeat(escape.length))
    .replaceAll(/[\p{Cc}\u00a0\ufeff]/gu, " ");
}
