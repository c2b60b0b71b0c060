// From a name as somebody spells it to the VMCS field that it means.
import { FIELDS, encodingOf, fieldOf } from "../fields.ts";
import { ALIASES, WHOLE_NAMES, WORDS } from "./spellings.ts";

/** What a name means: a field, and whether it is the name of that field's upper half. */
export interface Meaning {
  /** The full encoding of the field. */
  readonly encoding: number;
  readonly isUpperHalf: boolean;
}

/** No project spells a field longer; a longer text is no name. */
const LONGEST_NAME = 96;

const UPPER_HALF = new Set(["high", "hi", "h", "upper"]);
const LOWER_HALF = new Set(["full", "low", "lo", "f"]);
/** Words in front of a name that say how it is stored and not what it is (Bochs, ia32-doc, HyperPlatform, ACRN). */
const PREFIXES = new Set(["vmx", "vmcs", "k", "16bit", "32bit", "64bit", "16", "32", "64", "bit", "bits", "natural"]);
/** What may follow them, or stand before `::` (rust-x86): the area of a field that is neither the guest's nor the host's. */
const AREAS = new Set(["control", "controls", "ctrl", "ro", "nat"]);

/** Splits a name into lower-case words: at separators, at the humps of camelCase, and before the digit of a row. */
export function wordsOf(name: string): string[] {
  return name
    .replaceAll(/[iI]\/[oO]/g, "io")
    .replaceAll(/\bVM(?=[a-z])/g, "Vm")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .replaceAll(/(bitmap|exit|value|target|controls?|ctrls?|ctls?|exec|procbased)([0-9])(?![a-z0-9])/g, "$1 $2")
    .replaceAll(/access[ _-]?rights?|ar[ _-]bytes?\b/g, "rights")
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

interface Key {
  /** The words that a name means, in alphabetical order. */
  readonly words: readonly string[];
  readonly isUpperHalf: boolean;
  readonly isLowerHalf: boolean;
}

/** What the words of `name` mean, and whether it ends as an upper half's name does. */
function keyOf(name: string, words = wordsOf(name)): Key {
  let start = 0;
  while (start < words.length - 1 && PREFIXES.has(words[start] ?? "")) start++;
  const isQualified = start > 0 || name.includes("::");
  if (isQualified && start < words.length - 1 && AREAS.has(words[start] ?? "")) start++;
  const last = words.at(-1) ?? "";
  const isUpperHalf = words.length - start > 1 && UPPER_HALF.has(last);
  const isLowerHalf = words.length - start > 1 && LOWER_HALF.has(last);
  const meant = words.slice(start, isUpperHalf || isLowerHalf ? -1 : undefined).flatMap(meaningOfWord);
  return { words: meant.sort(), isUpperHalf, isLowerHalf };
}

const meaningsOfWords = new Map(Object.entries(WORDS));
const wholeNames = new Map(Object.entries(WHOLE_NAMES));

function meaningOfWord(word: string): readonly string[] {
  return meaningsOfWords.get(word) ?? [word];
}

/** The parts of an SDM name: "EPT pointer (EPTP)" is known by both. */
function sdmNames(name: string): string[] {
  const open = name.indexOf("(");
  return open < 0 ? [name] : [name.slice(0, open), name.slice(open + 1, -1)];
}

const byKey = new Map<string, number>();
/** Every word of every key: a name with another word means nothing. */
const vocabulary = new Set<string>();
/** Keys that two fields claim; the tests keep this empty. */
export const ambiguousKeys: string[] = [];

for (const field of FIELDS) for (const name of [...sdmNames(field.name), field.identifier]) learn(name, field.encoding);
for (const [identifier, ...names] of ALIASES) for (const name of names) learn(name, encodingOf(identifier));

function learn(name: string, encoding: number): void {
  const { words } = keyOf(name);
  for (const word of words) vocabulary.add(word);
  const key = words.join(" ");
  const taken = byKey.get(key);
  if (taken !== undefined && taken !== encoding) ambiguousKeys.push(`${name}: ${key}`);
  byKey.set(key, encoding);
}

/** What is known of a name. */
interface Known {
  readonly meaning: Meaning | null;
  readonly isForeign: boolean;
}

/** What names were found to be: a text spells few names, and each in many places. */
const known = new Map<string, Known>();
const MOST_KNOWN = 5000;

function knownOf(name: string): Known {
  const before = known.get(name);
  if (before !== undefined) return before;
  if (known.size >= MOST_KNOWN) known.clear();
  const words = wordsOf(name);
  const key = keyOf(name, words);
  const isForeign = !key.words.every((word) => vocabulary.has(word));
  const whole = wholeNames.get(words.join(" "));
  const found: Known = {
    meaning:
      whole !== undefined ? { encoding: encodingOf(whole), isUpperHalf: false } : isForeign ? null : meaningOfKey(key),
    isForeign,
  };
  known.set(name, found);
  return found;
}

function meaningOfKey({ words, isUpperHalf, isLowerHalf }: Key): Meaning | null {
  const encoding = byKey.get(words.join(" "));
  if (encoding === undefined) return null;
  if ((isUpperHalf || isLowerHalf) && fieldOf(encoding)?.hasUpperHalf !== true) return null;
  return { encoding, isUpperHalf };
}

/**
 * The field that `name` means, in any spelling of the table; null where none is known.
 * A name without an area, "cr0", is not the guest's here: see guestMeaningOf. What stands in parentheses may be anything.
 */
export function meaningOf(name: string): Meaning | null {
  if (name.length > LONGEST_NAME) return null;
  return knownOf(name).meaning ?? (name.includes("(") ? knownOf(sdmNames(name)[0] ?? "").meaning : null);
}

/** Whether a word of `name` is in no field's name, so that no area and no register in front of it can help. */
export function isForeign(name: string): boolean {
  return name.length > LONGEST_NAME || knownOf(sdmNames(name)[0] ?? "").isForeign;
}

/** As meaningOf, but a name that means nothing without an area means the guest's: "cr0", "cs base", "rip". */
export function guestMeaningOf(name: string): Meaning | null {
  return meaningOf(name) ?? (/guest|host/i.test(name) || isForeign(name) ? null : meaningOf(`guest ${name}`));
}

const trigramRows = new Map<string, number[]>();
const keys = [...byKey.keys()];
for (const [row, key] of keys.entries()) {
  for (const trigram of trigramsOf(key)) trigramRows.set(trigram, [...(trigramRows.get(trigram) ?? []), row]);
}

function trigramsOf(key: string): Set<string> {
  const trigrams = new Set<string>();
  for (let start = 0; start + 3 <= key.length; start++) trigrams.add(key.slice(start, start + 3));
  return trigrams;
}

/** The identifier of the field whose spelling shares most with `name`; null where none shares half of its letters. */
export function nearestIdentifier(name: string): string | null {
  if (name.length > LONGEST_NAME) return null;
  const trigrams = trigramsOf(keyOf(name).words.join(" "));
  const shared = new Map<number, number>();
  for (const trigram of trigrams) {
    for (const row of trigramRows.get(trigram) ?? []) shared.set(row, (shared.get(row) ?? 0) + 1);
  }
  let best: number | null = null;
  let bestScore = 0.5;
  for (const [row, count] of shared) {
    const score = (2 * count) / (trigrams.size + Math.max(1, (keys[row] ?? "").length - 2));
    if (score > bestScore) [best, bestScore] = [row, score];
  }
  const encoding = best === null ? undefined : byKey.get(keys[best] ?? "");
  return encoding === undefined ? null : (fieldOf(encoding)?.identifier ?? null);
}
