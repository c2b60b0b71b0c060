// Capabilities as JSON: by name or index, or in the layout of test/fixtures/cpu-models.
import { indexOfMsr, msrOfIndex, msrOfSuffix, REGISTERS, type MsrName, type Register } from "../names.ts";
import { readWordName, takePhysicalWidth } from "./cpuid.ts";
import { hex, type Findings, type Refusal } from "./findings.ts";
import { readScalars, type Scalar } from "./json.ts";
import { badNumber, readNumber } from "./numbers.ts";

/** The text is JSON, not a log that begins with a bracket. */
export function isJson(text: string): boolean {
  return /^[\s\ufeff]*(?:\{\s*["}]|\[\s*[{\]])/.test(text.slice(0, 1000));
}

export function readJsonCapabilities(findings: Findings, text: string): Refusal | null {
  const scalars = readScalars(text.replace(/^\ufeff/, ""));
  if (!Array.isArray(scalars)) return scalars;
  for (const scalar of scalars) {
    const refusal = readScalar(findings, scalar);
    if (refusal !== null) return refusal;
  }
  return null;
}

function readScalar(findings: Findings, scalar: Scalar): Refusal | null {
  const keys = scalar.path;
  const last = keys.at(-1) ?? "";
  if (last === "name") return checkName(scalar, keys.at(-2) ?? "");
  const key = last === "value" ? (keys.at(-2) ?? "") : last;
  const msr = msrOfKey(key);
  if (msr !== null) {
    const value = numberOf(scalar, msr, 64);
    return typeof value === "bigint" ? findings.take(msr, value, scalar.line) : value;
  }
  const named = readWordName(key);
  if (named !== null && named.rest.trim() === "") {
    const value = numberOf(scalar, key, 32);
    return typeof value === "bigint" ? findings.takeWord(named.word, value, scalar.line) : value;
  }
  if (/^max_?phys?_?addr$/i.test(key)) return readWidth(findings, scalar);
  return readCpuid(findings, scalar);
}

function readWidth(findings: Findings, scalar: Scalar): Refusal | null {
  if (/^\d{1,3}$/.test(scalar.text)) return takePhysicalWidth(findings, BigInt(scalar.text), scalar.line);
  const found = scalar.text.slice(0, 24);
  return { line: scalar.line, reason: `Found "${found}" as MAXPHYADDR, expected 32 to 52, in decimal: correct it.` };
}

/** Below "cpuid", a leaf with four registers in one string, or a leaf with a value for each register. */
function readCpuid(findings: Findings, scalar: Scalar): Refusal | null {
  const keys = scalar.path;
  const root = keys.findIndex((key) => key.toLowerCase() === "cpuid");
  const [, leafDigits, subleafDigits] = root < 0 ? [] : (leafOf(keys[root + 1] ?? "") ?? []);
  if (leafDigits === undefined) return null;
  const [leaf, subleaf] = [parseInt(leafDigits, 16), parseInt(subleafDigits ?? "0", 16)];
  const name = `CPUID leaf 0x${leaf.toString(16)}`;
  const register = keys[root + 2]?.toUpperCase();
  if (register !== undefined) {
    if (!(REGISTERS as readonly string[]).includes(register)) return null;
    const value = numberOf(scalar, name, 32);
    if (typeof value !== "bigint") return value;
    return findings.takeWord({ leaf, subleaf, register: register as Register }, value, scalar.line);
  }
  const words = scalar.text.trim().split(/\s+/);
  if (words.length !== 4 || !words.every((word) => /^(?:0x)?[0-9a-f]{1,8}$/i.test(word))) {
    const found = scalar.text.slice(0, 40);
    return { line: scalar.line, reason: `Found "${found}" as ${name}, expected EAX, EBX, ECX and EDX: correct it.` };
  }
  const registers = words.map((word) => BigInt(`0x${word.replace(/^0x/i, "")}`));
  return findings.takeLeaf(leaf, subleaf, registers, scalar.line);
}

function leafOf(key: string): RegExpExecArray | null {
  return /^(?:0x)?([0-9a-f]{1,8})(?:[.:](?:0x)?([0-9a-f]{1,2}))?$/i.exec(key);
}

function msrOfKey(key: string): MsrName | null {
  const [, suffix] = /^(?:MSR_)?IA32_VMX_(\w{1,40})$/i.exec(key) ?? [];
  if (suffix !== undefined) return msrOfSuffix(suffix);
  if (key.toUpperCase() === "IA32_PERF_CAPABILITIES") return "IA32_PERF_CAPABILITIES";
  const [, digits] = /^(?:0x)?0{0,5}(345|4[89][0-9a-f])$/i.exec(key) ?? [];
  return digits === undefined ? null : msrOfIndex(parseInt(digits, 16));
}

/** The name beside an index is that of the index. */
function checkName(scalar: Scalar, key: string): Refusal | null {
  const [byIndex, byName] = [msrOfKey(key), msrOfKey(scalar.text)];
  if (byIndex === null || byName === null || byIndex === byName) return null;
  const right = hex(BigInt(indexOfMsr(byName)));
  return {
    line: scalar.line,
    reason: `Found ${byName} as MSR ${key}, expected ${right}: correct the name or the index.`,
  };
}

/** A string is hexadecimal, as tools print it; a number is a number of JSON, decimal. */
function numberOf(scalar: Scalar, name: string, bits: 32 | 64): bigint | Refusal {
  const refusal = { line: scalar.line, reason: badNumber(name, scalar.text.slice(0, 24), bits) };
  if (scalar.kind === "number") {
    if (!/^\d{1,20}$/.test(scalar.text)) return refusal;
    const value = BigInt(scalar.text);
    return value >> BigInt(bits) === 0n ? value : refusal;
  }
  const text = scalar.text.trim();
  const found = scalar.kind === "word" ? null : readNumber(text, bits);
  return found !== null && "value" in found && found.length === text.length ? found.value : refusal;
}
