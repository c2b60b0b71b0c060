// Makes a second module of a Wasm module: the very code, which counts its loops' iterations and its functions' calls.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import initWabt from "wabt";

/** The exported counter, a mutable i32. Bulk copies and fills count one for each eight bytes. */
export const ITERATIONS = "iterations";
/** Exported too: where AssemblyScript's stub runtime allocates next. */
export const HEAP_END = "heapEnd";

const HEAP_GLOBAL = "~lib/rt/stub/offset";
const COUNT = ["global.get $counted", "i32.const 1", "i32.add", "global.set $counted"];

/** `memory.copy` and `memory.fill`: three operands, the last of which is the length. */
function bulk(name: string): string {
  return `(func $counted.${name} (param i32 i32 i32)
    (global.set $counted (i32.add (global.get $counted) (i32.shr_u (local.get 2) (i32.const 3))))
    (memory.${name} (local.get 0) (local.get 1) (local.get 2)))`;
}

/** Counts in the text of a module as wabt writes it, an instruction a line. Throws where it has no stub runtime. */
export function countInText(text: string): string {
  if (!text.includes(`(global $${HEAP_GLOBAL} (mut i32)`))
    throw new Error("found no stub runtime in the module, expected vmm.wasm");
  const lines: string[] = [];
  let isHead = false;
  for (const line of text.trimEnd().replace(/\)$/, "").split("\n")) {
    if (isHead && !line.startsWith("    (local ")) {
      lines.push(...COUNT);
      isHead = false;
    }
    lines.push(line.replace(/^( +)memory\.(copy|fill)$/, "$1call $counted.$2"));
    if (/^ +loop\b/.test(line)) lines.push(...COUNT);
    isHead ||= /^ {2}\(func /.test(line) && !line.endsWith("))");
  }
  lines.push(
    "(global $counted (mut i32) (i32.const 0))",
    `(export "${ITERATIONS}" (global $counted))`,
    `(export "${HEAP_END}" (global $${HEAP_GLOBAL}))`,
    bulk("copy"),
    bulk("fill"),
    ")",
  );
  return lines.join("\n");
}

/** The counting module of `wasm`, which has the same exports and more. */
export async function countIterations(wasm: Uint8Array): Promise<Uint8Array> {
  const wabt = await initWabt();
  const module = wabt.readWasm(wasm, { readDebugNames: true });
  module.applyNames();
  const text = module.toText({ foldExprs: false, inlineExport: false });
  module.destroy();
  const counting = wabt.parseWat("counted.wat", countInText(text));
  counting.validate();
  const { buffer } = counting.toBinary({ write_debug_names: true });
  counting.destroy();
  return buffer;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [input, output] = process.argv.slice(2) as [string, string];
  await writeFile(output, await countIterations(await readFile(input)));
}
