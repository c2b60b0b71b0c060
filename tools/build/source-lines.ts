// Gives wasm2c's C the AssemblyScript's lines, as #line directives: the C compiler's debug information then names them.
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { accessesInPlace } from "./accesses-in-place.ts";
import { firstOperandDepth, hasStatement, isStatementOf, isStructure, writtenDepth } from "./statements.ts";
import { readFunctions, type Instruction, type WasmFunction } from "./wasm-instructions.ts";

interface Position {
  readonly file: string;
  readonly line: number;
}

type Place = Position | null;

/** The position of the instruction at a byte offset, null if the compiler gave it none. */
type Lookup = (offset: number) => Place;

/** Where in the C's lines a function stands: its head, its first statement and its closing brace. */
interface Extent {
  readonly head: number;
  readonly body: number;
  readonly epilogue: number;
  readonly end: number;
}

/**
 * Puts #line directives into `code`, wasm2c's C for the module at `wasmPath`, by the source map that lies beside it.
 * Code that stems from no AssemblyScript keeps its lines in `cPath`, which is the C's path as the compiler will know
 * it. Throws with a function's name if its C is not, statement for statement, what its Wasm instructions give.
 */
export function withSourceLines(
  code: string,
  wasmPath: string,
  cPath: string = wasmPath.replace(/\.wasm$/, "_module.c.inc"),
): string {
  const { lookup, sources } = readSourceMap(`${wasmPath}.map`);
  const lines = accessesInPlace(code).split("\n");
  const functions = readFunctions(wasmPath);
  const extents = findFunctions(lines);
  if (extents.length !== functions.length) {
    throw new Error(
      `${wasmPath} has ${functions.length} functions and wasm2c's C ${extents.length}: wasm2c has changed`,
    );
  }
  const places: Place[] = new Array<Place>(lines.length).fill(null);
  functions.forEach((wasmFunction, index) => {
    placeFunction(wasmFunction, lines, extents[index]!, { lookup, sources }, places);
  });
  return insertDirectives(lines, places, cPath);
}

function readSourceMap(path: string): { lookup: Lookup; sources: readonly string[] } {
  const payload = JSON.parse(readFileSync(path, "utf8")) as ConstructorParameters<typeof SourceMap>[0];
  const map = new SourceMap(payload);
  const lookup = (offset: number): Place => {
    const entry = map.findEntry(0, offset);
    if (!("originalSource" in entry) || entry.originalSource === undefined) return null;
    return { file: entry.originalSource, line: entry.originalLine + 1 };
  };
  return { lookup, sources: payload.sources };
}

function findFunctions(lines: readonly string[]): Extent[] {
  const indexFrom = (start: number, isIt: (line: string) => boolean): number => {
    let index = start;
    while (index < lines.length && !isIt(lines[index]!)) index++;
    return index;
  };
  return lines.flatMap((line, prologue) => {
    if (line !== "  FUNC_PROLOGUE;") return [];
    let head = prologue;
    while (head > 0 && !/^\w.*\{$/.test(lines[head]!)) head--;
    let body = prologue + 1;
    while (/^  (?:u32|u64|f32|f64) /.test(lines[body] ?? "")) body = indexFrom(body, (end) => end.endsWith(";")) + 1;
    return {
      head,
      body,
      epilogue: indexFrom(body, (end) => end === "  FUNC_EPILOGUE;"),
      end: indexFrom(body, (end) => end === "}"),
    };
  });
}

/**
 * Writes the positions of one function's lines into `places`. asc and Binaryen leave about a third of the instructions
 * without one, most of them accesses to fields and calls that throw: those take the position of their first operand,
 * which as a rule begins the same expression, else of the statement before. A function's head has the position of the
 * first instruction from its own file.
 */
function placeFunction(
  wasmFunction: WasmFunction,
  lines: readonly string[],
  extent: Extent,
  { lookup, sources }: { lookup: Lookup; sources: readonly string[] },
  places: Place[],
): void {
  const instructions = wasmFunction.instructions.filter(hasStatement);
  const own = instructions.map(({ offset }) => lookup(offset)).filter((place) => place !== null);
  const file = fileOf(wasmFunction.name, sources);
  const start = own.find((place) => place.file === file) ?? own[0] ?? null;

  let place = start;
  let next = 0;
  const byDepth: Place[] = [];
  for (let index = extent.head; index <= extent.end; index++) {
    const line = lines[index]!.trim();
    if (index >= extent.body && index < extent.epilogue && !isStructure(line)) {
      const instruction = instructions[next++];
      if (instruction === undefined || !isStatementOf(instruction, line))
        throw mismatch(wasmFunction, line, instruction);
      place = lookup(instruction.offset) ?? byDepth[firstOperandDepth(line) ?? -1] ?? place;
      const depth = writtenDepth(line);
      if (depth !== null) byDepth[depth] = place;
    }
    places[index] = place;
  }
  if (next < instructions.length) throw mismatch(wasmFunction, "the end of the function", instructions[next]);
}

function mismatch({ name }: WasmFunction, found: string, expected: Instruction | undefined): Error {
  const instruction = expected
    ? `${expected.opcode} at byte 0x${expected.offset.toString(16)}`
    : "the end of the function";
  return new Error(
    `function ${name}: found \`${found}\` in wasm2c's C where its Wasm has ${instruction}: ` +
      "wasm2c has changed; see tools/build/statements.ts",
  );
}

/** The source that defines a function: its name begins with the source's path without `.ts`. */
function fileOf(name: string, sources: readonly string[]): string | undefined {
  return sources
    .filter((source) => name.startsWith(source.replace(/\.ts$/, "/")))
    .sort((a, b) => b.length - a.length)[0];
}

/** A directive before each line whose place is not what counting on from the one before gives. */
function insertDirectives(lines: readonly string[], places: readonly Place[], cPath: string): string {
  const out: string[] = [];
  let file = cPath;
  let line = 1;
  lines.forEach((text, index) => {
    const place = places[index];
    const wanted = place ?? { file: cPath, line: out.length + 1 };
    if (wanted.file !== file || wanted.line !== line) {
      // In the C file itself the directive is a line too.
      const number = place ? place.line : wanted.line + 1;
      out.push(wanted.file === file ? `#line ${number}` : `#line ${number} "${wanted.file}"`);
      ({ file } = wanted);
      line = number;
    }
    out.push(text);
    line++;
  });
  return out.join("\n");
}
