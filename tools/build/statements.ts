// Which C statement wasm2c (wabt 1.0.39) writes for a Wasm instruction.
import type { Instruction } from "./wasm-instructions.ts";

/** A variable of wasm2c's for a place on the operand stack; the number is its depth. */
const STACK = String.raw`var_[ijfd]\d+`;

/** A local variable: by its number, or by its name if the module has names for them. */
const LOCAL = String.raw`var_(?:[pl]@|(?![plijfd]\d+\b)\w+)`;

/** Takes the operands along to where a branch goes, where the stack is deeper than that. */
const MOVES = `(?:${STACK} = ${STACK}; ?)*`;

/** The opcodes for which wasm2c writes no statement. */
const silent = new Set(["block", "loop", "else", "end", "drop", "nop"]);

/** The statements of single opcodes; `@` is the instruction's first immediate as a number. */
const statements: Readonly<Record<string, string>> = {
  "local.get": `${STACK} = ${LOCAL};`,
  "local.set": `${LOCAL} = ${STACK};`,
  "local.tee": `${LOCAL} = ${STACK};`,
  "i32.const": `${STACK} = @u;`,
  "i64.const": `${STACK} = @ull;`,
  "global.get": String.raw`${STACK} = \*?instance->w2c_\w+;`,
  "global.set": String.raw`\*?instance->w2c_\w+ = ${STACK};`,
  call: String.raw`(?:${STACK} = )?w2c_\w+\(.*\);`,
  call_indirect: String.raw`(?:${STACK} = )?CALL_INDIRECT\(.*\);`,
  if: String.raw`if \(${STACK}\) \{`,
  br: `${MOVES}goto var_[A-Z]\\w+;`,
  br_if: String.raw`if \(${STACK}\) \{${MOVES}goto var_[A-Z]\w+;\}`,
  br_table: String.raw`switch \(${STACK}\) \{`,
  return: `${MOVES}goto var_Bfunc;`,
  unreachable: "UNREACHABLE;",
  select: String.raw`${STACK} = ${STACK} \? ${STACK} : ${STACK};`,
  "memory.fill": String.raw`memory_fill\(.*\);`,
  "memory.copy": String.raw`memory_copy\(.*\);`,
  "memory.size": String.raw`${STACK} = instance->w2c_\w+\.pages;`,
  "memory.grow": String.raw`${STACK} = wasm_rt_grow_memory\(.*\);`,
};

/** Those of whole families: a memory access has its opcode's name, and the rest computes a value from values. */
const families: readonly (readonly [opcode: RegExp, statement: (opcode: string) => string])[] = [
  [/^[if](32|64)\.load/, (opcode) => String.raw`${STACK} = ${opcode.replace(".", "_")}(?:_default32)?\(.*\);`],
  [/^[if](32|64)\.store/, (opcode) => String.raw`${opcode.replace(".", "_")}(?:_default32)?\(.*\);`],
  [/^[if](32|64)\./, () => String.raw`${STACK} (?:[-+*/&|^]|<<|>>)?= .*\S;`],
];

/**
 * Lines in a function's body that no instruction stands for by itself: ends, labels, the arms of a switch, moves, and
 * what memory.grow has behind it for the GS register (which WASM_RT_USE_SEGUE switches off).
 */
const structure = new RegExp(
  [
    String.raw`^(?:\}|\} else \{|var_[A-Z]\w+: ?;?|(?:case \d+|default): goto var_[A-Z]\w+;|${STACK} = ${STACK};`,
    String.raw`|#if WASM_RT_USE_SEGUE_FOR_THIS_MODULE|wasm_rt_segue_write_base\(.*\);|#endif)$`,
  ].join(""),
);

const patterns = new Map<string, string | null>();

function patternOf(opcode: string): string | null {
  let pattern = patterns.get(opcode);
  if (pattern !== undefined) return pattern;
  if (silent.has(opcode)) pattern = null;
  else pattern = statements[opcode] ?? families.find(([family]) => family.test(opcode))?.[1](opcode);
  if (pattern === undefined) throw new Error(`no C statement is known for the Wasm instruction ${opcode}`);
  patterns.set(opcode, pattern);
  return pattern;
}

const expressions = new Map<string, RegExp>();

/** Whether wasm2c writes a statement for `instruction`. Throws for an opcode that no table here has. */
export function hasStatement(instruction: Instruction): boolean {
  return patternOf(instruction.opcode) !== null;
}

/** Whether `line`, without its indentation, is what wasm2c writes for `instruction`. */
export function isStatementOf(instruction: Instruction, line: string): boolean {
  const number = /^-?\d+/.exec(instruction.immediates)?.[0] ?? "";
  const text = patternOf(instruction.opcode)?.replace("@", number);
  if (text === undefined) return false;
  let expression = expressions.get(text);
  if (expression === undefined) expressions.set(text, (expression = new RegExp(`^${text}$`)));
  return expression.test(line);
}

export function isStructure(line: string): boolean {
  return structure.test(line);
}

/** The depth on the operand stack that a statement writes, or null. */
export function writtenDepth(line: string): number | null {
  return numberOf(/^var_[ijfd](\d+) /.exec(line)?.[1]);
}

/** The depth of an instruction's first operand: the lowest that its statement reads. Null if it reads none. */
export function firstOperandDepth(line: string): number | null {
  const compound = /^var_[ijfd](\d+) \S+= /.exec(line)?.[1];
  const read = line.replace(/^var_[ijfd]\d+ \S*= /, "").matchAll(/\bvar_[ijfd](\d+)/g);
  const depths = [...read].map((match) => Number(match[1]));
  if (compound !== undefined) depths.push(Number(compound));
  return depths.length === 0 ? null : Math.min(...depths);
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
