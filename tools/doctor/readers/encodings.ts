// Reads the encodings that an author's own source gives the VMCS fields, and judges them.
import { isUnreadable, type Note, type Place, type Unreadable } from "../dump.ts";
import { fieldOf, hex, selected } from "../fields.ts";
import { quoted, refuse } from "./collect.ts";
import { splitLines, type Line } from "./lines.ts";
import { guestMeaningOf, isForeign, meaningOf, nearestIdentifier, type Meaning } from "./names.ts";
import { readNumber } from "./numbers.ts";

export interface Encoding {
  readonly encoding: number;
  readonly place: Place;
  /** The encoding that the name means by the spelling table, an odd one for an upper half; null where it means none. */
  readonly meant: number | null;
}

/** By the author's name, in the order of the text. */
export type Encodings = Map<string, Encoding>;

export interface Judgement {
  /** A sentence for each wrong encoding. */
  readonly wrong: { readonly name: string; readonly place: Place; readonly text: string }[];
  readonly notes: Note[];
}

/** `#define NAME VALUE`, and what a value may be wrapped in. */
const DEFINE = /^\s*#\s*define\s+(\w{1,96})\s+(.*)$/;
/** A module of Rust or a namespace of C++: rust-x86 has `guest::CR0` and `host::CR0`. */
const MODULE = /^\s*(?:pub(?:\([a-z]{1,16}\))? )?(?:mod|namespace) +(\w{1,32})/;
/** The last name before `=` or `:`, with a type behind it as Rust and TypeScript write it. */
const NAME = /([\w:]{1,96})\s*(?::\s*\w{1,32}\s*)?$/;
const VALUE = /^[\s(]*([0-9][\w']*)[\s)]*[,;}]?\s*$/;
const MISTYPED = /^[\s(]*[0-9]\w*[\s)]*[,;}]?\s*$/;
/** The guest's ES selector, the first field beyond the 16-bit controls. */
const SMALLEST_GUEST_ENCODING = 0x800;
const LARGEST_FIELD = 0x7fff;
const LARGEST_ENCODING = 0xffff_ffffn;
const MOST_NOTES = 100;

/**
 * Reads a list or a C, Rust or TypeScript source: `NAME = 0x…`, `NAME: 0x…`, `NAME 0x…`, `#define NAME 0x…`, the members of
 * an enum, `const NAME: u32 = 0x…;`. Lines of another form are passed over, expressions too. Refuses a field's name with a
 * mistyped number or one of more than 32 bits, a name with two values, and a text that names no field.
 */
export function readEncodings(text: string): Encodings | Unreadable {
  const lines = splitLines(text);
  if (isUnreadable(lines)) return lines;
  const encodings: Encodings = new Map();
  let module = "";
  for (const line of withoutComments(lines)) {
    module = MODULE.exec(line.text)?.[1]?.concat("::") ?? (line.text.startsWith("}") ? "" : module);
    const refusal = readLine(line, module, encodings);
    if (refusal !== null) return refusal;
  }
  if ([...encodings.values()].some(({ meant }) => meant !== null)) return encodings;
  return {
    line: lines.find((line) => line.text.trim() !== "")?.number ?? 1,
    reason:
      "Found no name of a VMCS field with a number, expected lines of `NAME = 0x…`, `#define NAME 0x…` or " +
      "`const NAME: u32 = 0x…;`: give the source that defines the encodings, with macros expanded.",
  };
}

/** Blanks comments in the style of C, those of several lines too; columns stay. */
function* withoutComments(lines: readonly Line[]): Generator<Line> {
  let isInside = false;
  for (const { number, text } of lines) {
    let kept = "";
    let at = 0;
    while (at < text.length) {
      if (isInside) {
        const end = text.indexOf("*/", at);
        const next = end < 0 ? text.length : end + 2;
        kept += " ".repeat(next - at);
        isInside = end < 0;
        at = next;
        continue;
      }
      const start = nearest(text.indexOf("/*", at), text.indexOf("//", at), text.length);
      kept += text.slice(at, start);
      if (!text.startsWith("/*", start)) break;
      isInside = true;
      at = start;
    }
    yield { number, text: kept };
  }
}

/** The smaller of two places that were looked for, or `none` where neither was found. */
function nearest(one: number, other: number, none: number): number {
  const found = [one, other].filter((place) => place >= 0);
  return found.length === 0 ? none : Math.min(...found);
}

function readLine({ number, text }: Line, module: string, encodings: Encodings): Unreadable | null {
  // Several members of an enum may share a line.
  let column = 0;
  for (const piece of text.split(/(?<=[,;{}])/)) {
    const place = { line: number, column, length: piece.length };
    const refusal = readPiece(piece, place, module, encodings);
    if (refusal !== null) return refusal;
    column += piece.length;
  }
  return null;
}

function readPiece(piece: string, { line, column }: Place, module: string, encodings: Encodings): Unreadable | null {
  const parts = nameAndValue(piece);
  if (parts === null) return null;
  const { value, at } = parts;
  const name = module + parts.name;
  const meaning = isForeign(name) ? null : meaningOf(name);
  const token = VALUE.exec(value)?.[1];
  const place = {
    line,
    column: column + at + Math.max(0, value.search(/[^\s(]/)),
    length: (token ?? value.trim()).length,
  };
  const number = token === undefined ? null : readNumber(token, 10);
  if (number === null || number.value < 0n || number.value > LARGEST_ENCODING) {
    // A structure, a type or an expression under a name like a field's is something else; a mistyped number is not.
    if (meaning === null || !MISTYPED.test(value)) return null;
    return refuse(
      place,
      `Found ${quoted(value)} for ${name}, expected an encoding such as 0x6800: write it as a number.`,
    );
  }
  const encoding = Number(number.value);
  const before = encodings.get(name);
  if (meaning !== null && before !== undefined && before.encoding !== encoding) {
    return refuse(
      place,
      `Found ${hex(encoding)} for ${name}, expected ${hex(before.encoding)} as line ${before.place.line} has it: keep the right one.`,
    );
  }
  if (before === undefined) encodings.set(name, { encoding, place, meant: meantBy(name, meaning, encoding) });
  return null;
}

function nameAndValue(piece: string): { name: string; value: string; at: number } | null {
  const define = DEFINE.exec(piece);
  if (define !== null) {
    const value = define[2] ?? "";
    return { name: define[1] ?? "", value, at: piece.length - value.length };
  }
  const trimmed = piece.trimEnd();
  const mark = separatorOf(trimmed);
  if (mark < 0) return null;
  const name = NAME.exec(trimmed.slice(Math.max(0, mark - 256), mark))?.[1];
  return name === undefined ? null : { name, value: trimmed.slice(mark + 1), at: mark + 1 };
}

/** Where the value is set off: the first `=`, else the last `:`, else the last space; -1 where there is none. */
function separatorOf(trimmed: string): number {
  const equals = trimmed.indexOf("=");
  if (equals >= 0) return equals;
  const colon = trimmed.lastIndexOf(":");
  if (colon >= 0) return colon;
  return Math.max(trimmed.lastIndexOf(" "), trimmed.lastIndexOf("\t"));
}

/**
 * A name without an area is the guest's only where its value says so too: `RIP` is as often the host's. Headers give names
 * like a field's to MSRs (IA32_VMX_EXIT_CTLS), exit reasons and widths of bit-fields as well; their numbers are small.
 */
function meantBy(name: string, certain: Meaning | null, encoding: number): number | null {
  if (isOfAnotherKind(encoding)) return null;
  if (certain !== null) return certain.encoding + (certain.isUpperHalf ? 1 : 0);
  const likely = guestMeaningOf(name);
  const likelyEncoding = likely === null ? null : likely.encoding + (likely.isUpperHalf ? 1 : 0);
  return likelyEncoding === encoding ? encoding : null;
}

/** Whether a number is below all encodings but those of the 16-bit control fields, and is none of these. */
function isOfAnotherKind(value: number): boolean {
  return value < SMALLEST_GUEST_ENCODING && selected(value) === undefined;
}

/** Whether a name that no table knows is likely a field's: by an encoding that no other name has, or nearly by its name. */
function mayMeanField(name: string, value: number, named: ReadonlySet<number>): boolean {
  if (value < SMALLEST_GUEST_ENCODING || value > LARGEST_FIELD) return false;
  if (selected(value) !== undefined && !named.has(value)) return true;
  // A mask of one bit is as often the bit of a control with nearly the name of its field.
  return (value & (value - 1)) !== 0 && nearestIdentifier(name) !== null;
}

/** Judges every encoding whose name is known; notes others with the encoding of a field or nearly its name, counts the rest. */
export function judgeEncodings(encodings: Encodings): Judgement {
  const judgement: Judgement = { wrong: [], notes: [] };
  const users = new Map<number, string>();
  const named = new Set([...encodings.values()].filter(({ meant }) => meant !== null).map(({ encoding }) => encoding));
  let unknown = 0;
  for (const [name, { encoding, place, meant }] of encodings) {
    if (meant === null) {
      if (mayMeanField(name, encoding, named) && judgement.notes.length < MOST_NOTES) {
        judgement.notes.push({ place, text: unknownName(name, encoding) });
      } else unknown++;
      continue;
    }
    const other = users.get(encoding);
    users.set(encoding, other ?? name);
    if (encoding !== meant) judgement.wrong.push({ name, place, text: wrongEncoding(encoding, meant) });
    const otherMeant = other === undefined ? meant : encodings.get(other)?.meant;
    if (otherMeant !== meant) {
      judgement.notes.push({
        place,
        text: `${name} and ${other ?? ""} both have ${hex(encoding)}; they are two fields.`,
      });
    }
  }
  if (unknown > 0) {
    const names = unknown === 1 ? "1 other name is" : `${unknown} other names are`;
    judgement.notes.push({ place: null, text: `${names} of no VMCS field, and not checked.` });
  }
  return judgement;
}

function unknownName(name: string, encoding: number): string {
  const field = selected(encoding)?.field.name;
  const nearest = nearestIdentifier(name);
  const value = field === undefined ? "no field's encoding" : `the encoding of ${inSentence(field)}`;
  return `${name} is no known name of a VMCS field; ${hex(encoding)} is ${value}.${nearest === null ? "" : ` The nearest name is ${nearest}.`}`;
}

function wrongEncoding(encoding: number, meant: number): string {
  const half = selected(encoding);
  const upper = half?.isUpperHalf === true ? "the upper half of " : "";
  const found = half === undefined ? "no field's encoding" : upper + withArticle(inSentence(half.field.name));
  const expected = inSentence(fieldOf(meant & ~1)?.name ?? "") + ((meant & 1) === 1 ? " (high)" : "");
  return `${hex(encoding)} is ${found}; ${expected} ${isPlural(expected) ? "are" : "is"} ${hex(meant)}`;
}

/** An SDM name in the middle of a sentence: its first letter small, unless it begins an abbreviation. */
function inSentence(name: string): string {
  return /^[A-Z][a-z]/.test(name) ? name.charAt(0).toLowerCase() + name.slice(1) : name;
}

function withArticle(name: string): string {
  return isPlural(name) || /^(?:guest|host) /.test(name) ? name : `the ${name}`;
}

function isPlural(name: string): boolean {
  return /(?:rights|controls|exceptions|bitmaps)$/.test(name);
}
