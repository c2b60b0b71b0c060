// Lines that give CPUID: `cpuid -r`, InstLatx64 and Bochs by leaf, words by the manual's names, and address sizes.
import { CPUID_BY_NAME, cpuidName, REGISTERS, type CpuidWord, type Register } from "../names.ts";
import type { Findings, Refusal } from "./findings.ts";
import { badNumber, readNumber } from "./numbers.ts";
import type { LineResult } from "./msrs.ts";

const RAW = /^\s{0,20}0x([0-9a-f]{1,8})(?:\s{1,4}0x([0-9a-f]{1,8}))?\s{0,4}:\s{0,4}(eax\s?=.*)$/i;
const RAW_REGISTER = /\b(e[abcd]x)\s?=\s?0x([0-9a-f]{1,8})(?!\w)/gi;
const LEAF_ROW = /\bCPUID\s?\[?(?:0x)?([0-9a-f]{8})\]?:?\s{1,8}([0-9a-f]{8}(?:[- ][0-9a-f]{8}){3})(?!\w)/i;
const SUBLEAF = /\[SL ([0-9a-f]{1,2})\]/i;
const BROKEN_ROW = /^\s{0,20}CPUID\s[0-9a-f]{8}:/i;

const LEAF_NAME = String.raw`(?:EAX\s?=\s?)?(?:0x)?([0-9a-f]{1,8})h?`;
const SUBLEAF_NAME = String.raw`(?:\s?[,.:]\s?(?:ECX\s?=\s?)?(?:0x)?([0-9a-f]{1,2})h?)?`;
/** "CPUID.1:ECX[5]" and "CPUID.1:ECX.VMX" speak of a bit, not of a word. */
const WORD = new RegExp(
  String.raw`\bCPUID[.\s]?\(?\s?${LEAF_NAME}${SUBLEAF_NAME}\s?\)?\s?[.:]\s?(E[ABCD]X)\b(?!\s?[[.])`,
  "i",
);

/** A word of CPUID by the manual's name, as "CPUID.7.0.EBX" or "CPUID.(EAX=07H,ECX=0):EBX", and the text behind it. */
export function readWordName(text: string): { word: CpuidWord; rest: string } | null {
  const match = WORD.exec(text);
  if (match === null) return null;
  const word: CpuidWord = {
    leaf: parseInt(match[1]!, 16),
    subleaf: parseInt(match[2] ?? "0", 16),
    register: match[3]!.toUpperCase() as Register,
  };
  return { word, rest: text.slice(match.index + match[0].length) };
}

/** Reads the lines that give words of CPUID, one after another. */
export class CpuidLines {
  private readonly findings: Findings;
  /** The last leaf read as a row: a next row of it that names no sub-leaf is of one that cannot be told. */
  private last: { leaf: number; line: number } | null = null;

  constructor(findings: Findings) {
    this.findings = findings;
  }

  read(line: string, number: number): LineResult {
    const raw = RAW.exec(line);
    if (raw !== null) {
      const registers = [...raw[3]!.matchAll(RAW_REGISTER)];
      const names = registers.map(([, name]) => name!.toUpperCase());
      if (names.join() !== REGISTERS.join()) return brokenRow(line, number);
      return this.take(
        raw[1]!,
        raw[2],
        registers.map(([, , digits]) => digits!),
        number,
      );
    }
    const row = LEAF_ROW.exec(line);
    if (row !== null) return this.take(row[1]!, SUBLEAF.exec(line)?.[1], row[2]!.split(/[- ]/), number);
    if (BROKEN_ROW.test(line)) return brokenRow(line, number);
    const named = readWordName(line);
    if (named !== null) return readNamedWord(this.findings, named.word, named.rest, number);
    return readAddressSizes(this.findings, line, number);
  }

  private take(leafDigits: string, told: string | undefined, registers: string[], number: number): LineResult {
    const leaf = parseInt(leafDigits, 16);
    const follows = this.last !== null && this.last.leaf === leaf && this.last.line === number - 1;
    this.last = { leaf, line: number };
    // Older dumps leave out empty sub-leaves, so that counting the rows would be guessing.
    if (told === undefined && follows) {
      if (hasKnownSubleaves(leaf))
        this.findings.note(number, `A sub-leaf of CPUID leaf 0x${leaf.toString(16)} without a number is left out.`);
      return true;
    }
    const subleaf = parseInt(told ?? "0", 16);
    const values = registers.map((digits) => BigInt(`0x${digits}`));
    return this.findings.takeLeaf(leaf, subleaf, values, number) ?? true;
  }
}

function hasKnownSubleaves(leaf: number): boolean {
  return [...CPUID_BY_NAME.values()].some((word) => word.leaf === leaf && word.subleaf > 0);
}

function brokenRow(line: string, number: number): Refusal {
  const found = line.trim().slice(0, 60);
  return { line: number, reason: `Found "${found}", expected the leaf and four registers of CPUID: correct it.` };
}

function readNamedWord(findings: Findings, word: CpuidWord, rest: string, number: number): LineResult {
  const name = cpuidName(word);
  const [separator] = /^[\s"')\]]{0,40}[:=]?[\s"'(]{0,40}/.exec(rest)!;
  const found = readNumber(rest.slice(separator.length), 32);
  if (name === null || found === null) return false;
  if ("bad" in found) return { line: number, reason: badNumber(name, found.bad, 32) };
  return findings.take(name, found.value, number) ?? true;
}

const SIZES = /\baddress sizes?\s{0,20}:\s{0,20}(\d{1,3}) bits physical(?:,\s{0,8}(\d{1,3}) bits virtual)?/i;
const WIDTH = String.raw`[ _-]address[ _-](?:bits|width|size)`;
const GIVEN = String.raw`\b(?:\s{0,60}[:=]|\s{1,8}is)?\s{1,60}(0x[0-9a-f]{1,4}|\d{1,4})(?!\w)`;
const PHYSICAL = new RegExp(String.raw`\b(?:MAXPHYADDR|physical${WIDTH})${GIVEN}`, "i");
const LINEAR = new RegExp(String.raw`\b(?:linear|virtual)(?: \(virtual\))?${WIDTH}${GIVEN}`, "i");

/** The widths of addresses (CPUID.80000008.EAX) in words, in decimal unless they begin with 0x. */
function readAddressSizes(findings: Findings, line: string, number: number): LineResult {
  const sizes = SIZES.exec(line);
  const physical = PHYSICAL.exec(line);
  // "Guest Physical Address Width" is another thing.
  const isGuest =
    physical !== null && /guest\s{0,4}$/i.test(line.slice(Math.max(0, physical.index - 12), physical.index));
  const width = sizes?.[1] ?? (isGuest ? undefined : physical?.[1]);
  const linear = sizes === null ? LINEAR.exec(line)?.[1] : sizes[2];
  if (width === undefined && linear === undefined) return false;
  let refusal: Refusal | null = null;
  if (width !== undefined) refusal = takePhysicalWidth(findings, BigInt(width), number);
  if (linear !== undefined) refusal ??= takeLinearWidth(findings, BigInt(linear), number);
  return refusal ?? true;
}

/** Takes MAXPHYADDR (bits 7:0 of CPUID.80000008.EAX; SDM 2A "CPUID"); 52 is the architecture's limit. */
export function takePhysicalWidth(findings: Findings, width: bigint, line: number): Refusal | null {
  if (width < 32n || width > 52n) {
    return { line, reason: `Found physical addresses of ${width} bits, expected 32 to 52: correct the number.` };
  }
  return findings.take("CPUID.80000008.EAX", width, line, 0xffn);
}

/** Takes the width of linear addresses (bits 15:8 of CPUID.80000008.EAX). */
function takeLinearWidth(findings: Findings, width: bigint, line: number): Refusal | null {
  if (width < 32n || width > 57n) {
    return { line, reason: `Found linear addresses of ${width} bits, expected 32 to 57: correct the number.` };
  }
  return findings.take("CPUID.80000008.EAX", width << 8n, line, 0xff00n);
}
