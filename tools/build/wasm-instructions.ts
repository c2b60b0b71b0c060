// Reads the instructions of a Wasm module's functions, with their byte offsets, from wabt's disassembler.
import { join } from "node:path";
import { execaSync } from "execa";
import { root } from "../paths.ts";

export interface Instruction {
  /** As the Wasm specification's text format writes it, for example `i32.load8_u`. */
  readonly opcode: string;
  /** The immediates, as wasm-objdump writes them. */
  readonly immediates: string;
  /** The first byte's offset in the module's file, which a source map has as its column. */
  readonly offset: number;
}

export interface WasmFunction {
  readonly name: string;
  /** Those that a run can reach: what follows a branch in its block is left out. */
  readonly instructions: readonly Instruction[];
}

const functionHead = /^[0-9a-f]+ func\[\d+\](?: <(.*)>)?:$/;
const instructionLine = /^ ([0-9a-f]+): [0-9a-f ]+\| *([a-z][a-z0-9_.]*)(?: (.*))?$/;
/** The rest of a long instruction's bytes; a function's local variables. */
const otherLine = /^ [0-9a-f]+: [0-9a-f ]+\| *(?:local\[.*)?$/;

const openers = new Set(["block", "loop", "if"]);
const branches = new Set(["br", "br_table", "return", "unreachable"]);

/** The functions that the module at `wasmPath` defines, in its order. Throws if the disassembly is not understood. */
export function readFunctions(wasmPath: string): WasmFunction[] {
  const program = join(root, "node_modules/wabt/bin/wasm-objdump");
  const { stdout } = execaSync(process.execPath, [program, "--disassemble", wasmPath], { maxBuffer: 1 << 28 });
  return parseDisassembly(stdout);
}

/** Reads what `wasm-objdump --disassemble` prints. */
export function parseDisassembly(text: string): WasmFunction[] {
  const functions: { name: string; instructions: Instruction[] }[] = [];
  // How many blocks are open since a branch made the code unreachable; null where it is reachable.
  let unreachableDepth: number | null = null;
  for (const line of text.slice(text.indexOf("Code Disassembly:")).split("\n").slice(1)) {
    const head = functionHead.exec(line);
    const [, offset, opcode, immediates = ""] = instructionLine.exec(line) ?? [];
    if (head) {
      functions.push({ name: head[1] ?? `function ${functions.length}`, instructions: [] });
      unreachableDepth = null;
    } else if (offset === undefined || opcode === undefined) {
      if (line !== "" && !otherLine.test(line))
        throw new Error(`wasm-objdump printed a line of no known form: ${line}`);
    } else {
      if (unreachableDepth === 0 && (opcode === "else" || opcode === "end")) unreachableDepth = null;
      if (unreachableDepth === null) {
        functions.at(-1)?.instructions.push({ opcode, immediates, offset: parseInt(offset, 16) });
        if (branches.has(opcode)) unreachableDepth = 0;
      } else if (openers.has(opcode)) unreachableDepth++;
      else if (opcode === "end") unreachableDepth--;
    }
  }
  return functions;
}
