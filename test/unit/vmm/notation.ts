// Two views of an instruction brought to one form: objdump's text, and what the decoder found.
import type { Decoded } from "./decoder.ts";
import type { Mode } from "./encodings.ts";

const OPERATIONS = (
  "add or adc sbb and sub xor cmp test mov movzx movsx movbe xchg xadd cmpxchg bt bts btr btc inc dec not neg " +
  "movs stos lods cmps scas ins outs"
).split(" ");
/** objdump's names of what the decoder takes for one operation. */
const SYNONYMS: Readonly<Record<string, string>> = { movabs: "mov", movsxd: "movsx", movnti: "mov" };

const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];
const BYTE_REGISTERS = "al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b".split(" ");
const HIGH_BYTES = ["ah", "ch", "dh", "bh"];
const WORD_REGISTERS = "ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w".split(" ");
const STRINGS = new Set(["movs", "stos", "lods", "cmps", "scas", "ins", "outs"]);
/** String instructions with no operand at (R)SI, so that a segment prefix has nothing to say. */
const WITHOUT_SOURCE = new Set(["stos", "scas", "ins"]);
const SIZES: Readonly<Record<string, number>> = { BYTE: 1, WORD: 2, DWORD: 4, QWORD: 8 };

function registerName(number: number, bytes: number, hasRex = true): string {
  if (bytes === 1) return !hasRex && number >= 4 && number < 8 ? HIGH_BYTES[number - 4]! : BYTE_REGISTERS[number]!;
  const word = WORD_REGISTERS[number]!;
  if (bytes === 2) return word;
  if (number >= 8) return word.slice(0, -1) + (bytes === 4 ? "d" : "");
  return (bytes === 4 ? "e" : "r") + word;
}

const hex = (value: bigint, bytes: number): string => `0x${BigInt.asUintN(8 * bytes, value).toString(16)}`;

/** The decoder's view: mnemonic and operands in order, memory as `size seg:[base+index*scale+displacement]`. */
export function notationOf(instruction: Decoded): string {
  const { form, operandBytes, memoryBytes, addressBytes, register, hasRex } = instruction;
  const name = OPERATIONS[instruction.operation] ?? `operation ${instruction.operation}`;
  if (STRINGS.has(name)) {
    const source = WITHOUT_SOURCE.has(name) ? "" : ` ${SEGMENTS[instruction.segment]}`;
    return `${name} ${operandBytes} ${addressBytes}${source}`;
  }
  // A segment register's MOV: objdump names the general register by the operand size.
  const rmBytes = (form === 4 || form === 5) && !instruction.isMemory ? operandBytes : memoryBytes;
  const rm = instruction.isMemory ? memory(instruction) : registerName(instruction.rm, rmBytes, hasRex !== 0);
  const other = registerName(register, operandBytes, hasRex !== 0);
  const isBitOffset = /^bt.?$/.test(name);
  const immediate = hex(instruction.immediate, isBitOffset ? 1 : operandBytes);
  const operands = [
    [rm, other],
    [other, rm],
    [rm, immediate],
    [rm],
    [rm, SEGMENTS[register]!],
    [SEGMENTS[register]!, rm],
    [other, rm],
    [rm, other],
  ][form]!;
  return `${name} ${operands.join(", ")}`;
}

function memory(instruction: Decoded): string {
  const { memoryBytes, addressBytes, base, index, scaleShift, displacement, segment } = instruction;
  const terms: string[] = [];
  if (instruction.isRipRelative) terms.push(addressBytes === 8 ? "rip" : "eip");
  if (base < 16) terms.push(registerName(base, addressBytes));
  if (index < 16) terms.push(registerName(index, addressBytes) + (addressBytes === 2 ? "" : `*${1 << scaleShift}`));
  terms.push(hex(displacement, addressBytes));
  return `${memoryBytes} ${SEGMENTS[segment]}:[${terms.join("+")}]`;
}

/** Prefixes that objdump prints as words where they change nothing, or nothing that the operands don't show. */
const PREFIX_WORDS =
  /^(?:(?:rex(?:\.[WRXB]+)?|data16|data32|addr16|addr32|[cdefgs]s|repn?z|rep|lock|xacquire|xrelease) +)+/;

/** objdump's view in the same form. `addressBytes` is what the prefixes say, for operands that do not show it. */
export function notationOfText(text: string, mode: Mode, addressBytes: number): string {
  const [, mnemonic, rest = ""] = /^(\w+) *(.*)$/.exec(text.replace(PREFIX_WORDS, "")) ?? [];
  if (mnemonic === undefined) return text;
  const name = SYNONYMS[mnemonic] ?? mnemonic;
  const operands = rest === "" ? [] : rest.split(",");
  const isString = operands.some((operand) => /^\w+ PTR [ed]s:\[[er]?[sd]i\]$/.test(operand));
  if (STRINGS.has(name) && (isString || rest.includes("PTR"))) return stringNotation(name, operands);
  const bytes = operandSize(operands);
  return `${name} ${operands.map((operand) => operandNotation(operand, mode, addressBytes, bytes, name)).join(", ")}`;
}

function stringNotation(name: string, operands: readonly string[]): string {
  const memories = operands.filter((operand) => operand.includes("PTR"));
  const parts = memories.map((operand) => /^(\w+) PTR (\w\w):\[([er]?)([sd]i)\]$/.exec(operand)!);
  const source = parts.find(([, , , , register]) => register === "si");
  const [, size, , width] = parts[0]!;
  const addressBytes = width === "" ? 2 : width === "e" ? 4 : 8;
  return [name, SIZES[size!], addressBytes, ...(source === undefined ? [] : [source[2]])].join(" ");
}

/** The size of the first operand that tells one, to which immediates are extended. */
function operandSize(operands: readonly string[]): number {
  for (const operand of operands) {
    const size = /^(\w+) PTR/.exec(operand)?.[1];
    const bytes = size === undefined ? [1, 2, 4, 8].find((bytes) => isRegister(operand, bytes)) : SIZES[size];
    if (bytes !== undefined) return bytes;
  }
  return 0;
}

function isRegister(name: string, bytes: number): boolean {
  if (bytes === 1 && HIGH_BYTES.includes(name)) return true;
  return WORD_REGISTERS.some((_, number) => registerName(number, bytes) === name);
}

function operandNotation(operand: string, mode: Mode, addressBytes: number, bytes: number, name: string): string {
  if (/^-?0x/.test(operand)) return hex(BigInt(operand), /^bt.?$/.test(name) ? 1 : bytes);
  const match = /^(?:(\w+) PTR )?(?:(\w\w):)?(?:\[(.*)\]|(0x[0-9a-f]+))$/.exec(operand);
  if (match === null) return operand;
  const [, size, segment, inside = "", absolute] = match;
  const terms = [...(absolute ?? inside).matchAll(/([+-]?)([^+-]+)/g)];
  let displacement = 0n;
  const registers: string[] = [];
  for (const [, sign, term] of terms) {
    if (term!.startsWith("0x")) displacement += sign === "-" ? -BigInt(term!) : BigInt(term!);
    else if (!/^[er]iz\*/.test(term!)) registers.push(term!);
  }
  const isStack = /^[er]?[sb]p$/.test(registers[0] ?? "");
  const effective = segment ?? (isStack ? "ss" : "ds");
  const width = size === undefined ? bytes : SIZES[size];
  return `${width} ${effective}:[${[...registers, hex(displacement, addressBytes)].join("+")}]`;
}
