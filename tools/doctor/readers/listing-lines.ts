// Takes the lines of a free listing apart: a name, a value, and how far the line is indented.
import type { Line } from "./lines.ts";
import { afterLogPrefix } from "./log-prefix.ts";
import { readNumber } from "./numbers.ts";
import { pairsOf } from "./pairs.ts";

export interface Entry {
  readonly line: number;
  /** The column at which the name begins. */
  readonly indent: number;
  readonly name: string;
  /** The text of the value; empty where the line is a heading. */
  readonly value: string;
  readonly column: number;
  /** Whether `:`, `=` or a call sets the value off. Without it, a line is taken only where its name is known. */
  readonly isMarked: boolean;
}

const BULLET = /(?:\[[*+!#>~ -]{1,4}\]|[*•+>|-]{1,3}(?= ))? */y;
const HASH_BULLET = /#+ +(?!define\b)/y;
const COMMENT = /^(?:\/\/|#(?!define\b)|;)/;
/** `vmwrite(GUEST_CR0, 0x80050033)` and the like. */
const CALL = /\w{0,32}vm(?:cs_)?write\w{0,16} ?\( ?([^,()]{1,96}), ?([^,()]{1,96})\)/;
/** A value's first word, and the separator's groups that may follow: `0xffff8000 00000000`. */
const TOKEN = /^[^\s,;(){}/#]+/;
const WRAPPED = /^[A-Z]\w{0,31}\((0x[0-9a-f]{1,16})\),?$/i;
const GROUP = /^(?:[0-9a-f]{4}|[0-9a-f]{8})$/i;
const FIRST_GROUP = /^(?:0x)?(?:[0-9a-f]{4}|[0-9a-f]{8})$/i;
/** A name of CPUID may hold a colon, so that the first colon is none. */
const CPUID = /^cpuid\.[0-9a-f]{1,8}h?:e[abcd]x/i;
const COLON_PAIR = /([A-Za-z][\w -]{0,63}): *(0x[0-9a-f]{1,16})(?![\w:])/gi;
const MOST_COLONS = 4;

/** The entries of a line: none of a comment or of a text without a value, several of `a=1 b=2`. */
export function entriesOf({ number, text }: Line): Entry[] {
  const logged = afterLogPrefix(text);
  HASH_BULLET.lastIndex = BULLET.lastIndex = logged;
  // What a logger printed is no comment: there, "# " is an ornament.
  const bullet = text.slice(0, logged).trim() !== "" && HASH_BULLET.test(text) ? HASH_BULLET : BULLET;
  bullet.lastIndex = logged;
  bullet.test(text);
  const start = bullet.lastIndex;
  const rest = text.slice(start).trimEnd();
  if (rest === "" || COMMENT.test(rest)) return [];
  const at = (name: string, value: string, column: number, isMarked = true): Entry => ({
    line: number,
    indent: start,
    name: name.trim(),
    value: value.trim(),
    column: column + value.length - value.trimStart().length,
    isMarked,
  });
  const call = rest.includes("write") ? CALL.exec(rest) : null;
  if (call !== null) {
    const value = call[2] ?? "";
    return [at(call[1] ?? "", value, start + call.index + call[0].lastIndexOf(value))];
  }
  const equals = rest.indexOf("=");
  if (equals >= 0 && rest.includes("=", equals + 1)) {
    return pairsOf(text, start).map((pair) => at(pair.spelled.replace(":", " "), pair.value, pair.column));
  }
  if (equals >= 0) return [at(rest.slice(0, equals), rest.slice(equals + 1), start + equals + 1)];
  const pairs = colonPairsOf(rest);
  if (pairs.length > 1) return pairs.map(({ name, value, column }) => at(name, value, start + column));
  const colon = colonOf(rest);
  if (colon >= 0) return [at(rest.slice(0, colon), rest.slice(colon + 1), start + colon + 1)];
  const space = rest.lastIndexOf(" ");
  return space < 0 ? [] : [at(rest.slice(0, space), rest.slice(space), start + space, false)];
}

/**
 * `Guest CS Segment - Selector: 0x10  Limit: 0x0`: what stands before " - " belongs to every name of the line.
 * `Guest GDTR Limit: 0x57  Base: 0x0`: a name of one word hangs on the words before the last name.
 */
function colonPairsOf(rest: string): { name: string; value: string; column: number }[] {
  const dash = rest.indexOf(" - ");
  const start = dash < 0 ? 0 : dash + 3;
  let context = dash < 0 ? "" : registerOf(rest.slice(0, dash));
  return [...rest.slice(start).matchAll(COLON_PAIR)].map((match) => {
    const [all, spelled = "", value = ""] = match;
    const words = spelled.trim().split(/ +/);
    if (dash < 0 && words.length > 1) context = words.slice(0, -1).join(" ");
    const name = `${context} ${words.at(dash < 0 ? -1 : 0) ?? ""}`.trim();
    return { name, value, column: start + match.index + all.length - value.length };
  });
}

/** What a heading such as "Guest CS Segment" or "Guest Control & Debug Registers" puts before each name of its line. */
function registerOf(heading: string): string {
  const register = heading.replace(/ (?:segment|registers?)$/i, "").replace(/ task$/i, " TR");
  return register.includes("&") ? (/^(?:guest|host)\b/i.exec(register)?.[0] ?? "") : register;
}

/** The colon in front of the value: the first with a number behind it, else the first; -1 where there is none. */
function colonOf(rest: string): number {
  let from = CPUID.exec(rest)?.[0].length ?? 0;
  let first = -1;
  for (let seen = 0; seen < MOST_COLONS; seen++) {
    const colon = rest.indexOf(":", from);
    if (colon < 0) break;
    from = colon + 1;
    if (rest.startsWith(":", from)) {
      from++;
      continue;
    }
    if (first < 0) first = colon;
    if (tokenOf(rest.slice(from, from + 128)).number) return colon;
  }
  return first;
}

/**
 * The number at the start of a value's text, its groups joined; what follows is a comment, unless it is another number.
 * `number` is false where there is none.
 */
export function tokenOf(value: string): { token: string; length: number; number: boolean } {
  const trimmed = value.trim();
  // `PhysAddr(0x1000)`, as Rust prints a number of a type of its own.
  const wrapped = WRAPPED.exec(trimmed)?.[1];
  if (wrapped !== undefined) return { token: wrapped, length: trimmed.length, number: true };
  const token = TOKEN.exec(trimmed)?.[0] ?? "";
  const rest = trimmed.slice(token.length);
  const next = TOKEN.exec(rest.slice(0, 256).trimStart())?.[0] ?? "";
  if (/^\s/.test(rest) && next !== "" && /^[0-9]/.test(next)) {
    const groups = rest.slice(0, 256).trim().split(/ +/);
    const joins = FIRST_GROUP.test(token) && groups.length < 8 && groups.every((group) => GROUP.test(group));
    return joins
      ? { token: token + groups.join(""), length: trimmed.length, number: true }
      : { token: trimmed, length: trimmed.length, number: false };
  }
  return { token, length: token.length, number: readNumber(token, 10) !== null };
}
