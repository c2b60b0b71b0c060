// Lines that give an MSR, by name or by index: rdmsr and loops over it, kernel logs, VirtualBox, InstLatx64, Basalt.
import { indexOfMsr, msrOfIndex, msrOfSuffix, type MsrName } from "../names.ts";
import type { Findings, Refusal } from "./findings.ts";
import { badNumber, readNumber } from "./numbers.ts";

/** Whether a line was of this kind, or why it cannot be read. */
export type LineResult = boolean | Refusal;

const NAME = /\b(?:MSR_)?I?A32_VMX_(\w{1,40})\b/i;
const INDEX_BEFORE_NAME = /(?:^|\W)(?:0x)?0{0,13}(4[89][0-9a-f])h?["')\]]?[\s:=,|-]{0,20}["'([]?$/i;
const BRACKETED_INDEX = /^\s{0,40}[[(]\s{0,4}(?:MSR\s{0,4})?(?:0x)?0{0,13}([0-9a-f]{1,4})h?\s{0,4}[\])]/i;
const SEPARATORS = /^(?:\s{1,4}MSR\b)?[\s"'|,;)\]]{0,100}(?:[:=]|=>|->|is\b)?[\s"'|,;([]{0,100}/;
const ABSENT = /^(?:unavailable|n\/a|none|not |error|fail|cannot|unsupported|#GP|-+\s*$|\?)/i;

const INDEX_ITSELF = String.raw`[[(]?\s{0,4}(0x)?(0{0,13}4[89][0-9a-f])h?\s{0,4}[\])]?`;
const INDEX = new RegExp(
  String.raw`^((?:rd)?msr|register|reg)?\s{0,8}${INDEX_ITSELF}(\s{0,20}[:=>|-]{0,2}\s{0,40})(.*)$`,
  "i",
);

/** What tools print before the message of a line. */
const PREFIXES: readonly RegExp[] = [
  /^\s+/,
  /^<\d{1,3}>/,
  /^\[[\s\d]{0,12}\.\d{1,9}\]/,
  /^\d{1,2}:\d\d:\d\d(?:\.\d{1,9})?\s/,
  /^basalt:\s{0,4}\w{1,12}:/,
  /^(?:HM|HWACCM):/,
  /^CPU\s?\(?(?:0x)?[0-9a-f]{1,4}\)?:/i,
];

function withoutPrefixes(line: string): string {
  let rest = line;
  for (const prefix of [...PREFIXES, ...PREFIXES]) rest = rest.replace(prefix, "");
  return rest.trim();
}

/** Reads the lines that give MSRs, one after another: a value alone belongs to the `rdmsr` in a line before it. */
export class MsrLines {
  private readonly findings: Findings;
  /** What `rdmsr` or a loop over it was asked for, whose output may follow; of all processors, in many lines. */
  private asked: { name: MsrName; isDecimal: boolean; isOfAll: boolean; isAnswered: boolean } | null = null;

  constructor(findings: Findings) {
    this.findings = findings;
  }

  read(line: string, number: number): LineResult {
    if (this.asked !== null) {
      const result = this.readOutput(line, number);
      if (result === false && !this.asked.isAnswered) {
        this.findings.note(number, `${this.asked.name} is asked for, but this is no value of it.`);
      }
      this.asked.isAnswered = true;
      if (result === false || !this.asked.isOfAll) this.asked = null;
      if (result !== false) return result;
    }
    return this.readNamed(line, number) || this.readIndexed(line, number) || this.readQuestion(line, number);
  }

  private readNamed(line: string, number: number): LineResult {
    const match = NAME.exec(line);
    const name = match === null ? null : msrOfSuffix(match[1]!);
    if (match === null || name === null) return false;
    const before = INDEX_BEFORE_NAME.exec(line.slice(Math.max(0, match.index - 80), match.index));
    let rest = line.slice(match.index + match[0].length);
    const bracketed = BRACKETED_INDEX.exec(rest);
    for (const index of [before?.[1], bracketed?.[1]]) {
      if (index === undefined || parseInt(index, 16) === indexOfMsr(name)) continue;
      const right = `0x${indexOfMsr(name).toString(16)}`;
      return {
        line: number,
        reason: `Found ${name} as MSR 0x${index}, expected ${right}: correct the name or the index.`,
      };
    }
    rest = rest.slice(bracketed?.[0].length ?? 0);
    return this.readValue(name, withoutOwnIndex(name, rest), number);
  }

  private readIndexed(line: string, number: number): LineResult {
    const [, word, prefix, digits, separator, rest] = INDEX.exec(withoutPrefixes(line)) ?? [];
    const name = digits === undefined ? null : msrOfIndex(parseInt(digits, 16));
    if (name === null || rest === "") return false;
    // "480 2a" is an MSR if it is the whole line; "480 MiB free" is not.
    const isMarked = word !== undefined || prefix !== undefined || digits!.length > 3 || /[:=>|]/.test(separator!);
    if (!isMarked && !/^[0-9a-fx_`' -]+$/i.test(rest!)) return false;
    return this.readValue(name, rest!, number);
  }

  private readValue(name: MsrName, text: string, number: number): LineResult {
    const separator = SEPARATORS.exec(text)![0];
    const rest = text.slice(separator.length);
    const found = readNumber(rest, 64);
    if (found !== null && "bad" in found) return { line: number, reason: badNumber(name, found.bad, 64) };
    if (found === null) {
      if (separator.includes("=") && rest !== "" && !ABSENT.test(rest)) {
        return { line: number, reason: badNumber(name, rest.slice(0, 24).trim(), 64) };
      }
      this.findings.note(number, `${name} is named here without a value.`);
      return true;
    }
    if (found.value === BigInt(indexOfMsr(name))) {
      this.findings.note(number, `${name} is given its index here, not a value.`);
      return true;
    }
    return this.findings.take(name, found.value, number) ?? true;
  }

  /** A command, as in the log of a terminal, or an index alone: the value is in the lines that follow. */
  private readQuestion(line: string, number: number): LineResult {
    const [, alone] = /^\s{0,8}(?:0x)?(4[89][0-9a-f]):?\s*$/i.exec(line) ?? [];
    const next = alone === undefined ? null : msrOfIndex(parseInt(alone, 16));
    if (next !== null) {
      this.asked = { name: next, isDecimal: false, isOfAll: false, isAnswered: false };
      return true;
    }
    const [, options] = /(?:^|[#$>;\s])rdmsr\s((?:[^:=]|\d:\d)*)$/.exec(line.slice(0, 400)) ?? [];
    if (options === undefined) return false;
    const words = options.trim().split(/\s+/);
    const index = words.find((word) => /^(?:0x)?0{0,5}4[89][0-9a-f]$/i.test(word));
    const name = index === undefined ? null : msrOfIndex(parseInt(index, 16));
    if (name === null) return false;
    if (words.some((word) => word.startsWith("-f") || word.startsWith("--bitfield"))) {
      this.findings.note(number, `${name} is read in part only (rdmsr -f), so its value is left out.`);
      return true;
    }
    const isDecimal = words.some((word) => /^(?:-u|-d|--unsigned|--decimal)$/.test(word));
    const isOfAll = words.some((word) => /^(?:-a|--all)$/.test(word));
    this.asked = { name, isDecimal, isOfAll, isAnswered: false };
    return true;
  }

  private readOutput(line: string, number: number): LineResult {
    const { name, isDecimal } = this.asked!;
    const text = line.trim();
    if (isDecimal) {
      if (!/^-?\d{1,20}$/.test(text)) return false;
      return this.findings.take(name, BigInt.asUintN(64, BigInt(text)), number) ?? true;
    }
    if (!/^(?:0x)?[0-9a-f]{1,16}$/i.test(text)) return false;
    return this.findings.take(name, BigInt(`0x${text.replace(/^0x/i, "")}`), number) ?? true;
  }
}

/** `rest` without the MSR's own index in front of a value: "IA32_VMX_BASIC 0x480 0x00da…". */
function withoutOwnIndex(name: MsrName, rest: string): string {
  const separator = SEPARATORS.exec(rest)![0];
  const [index, digits] = /^(?:0x)?0{0,13}([0-9a-f]{3})h?(?=[\s:=,|]+\w)/i.exec(rest.slice(separator.length)) ?? [];
  if (index === undefined || parseInt(digits!, 16) !== indexOfMsr(name)) return rest;
  return rest.slice(separator.length + index.length);
}
