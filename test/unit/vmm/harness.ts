// Compiles harnesses with asc in a process of its own, and gives the exports of those of this folder.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { root } from "../../../tools/paths.ts";
import { textAt } from "../core/machine/vmm-bridge.ts";

interface Started {
  readonly memory: WebAssembly.Memory;
  start(): void;
}

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** Compiles the AssemblyScript at `path`, from the repository's root. */
export async function compileHarness(path: string, flags: readonly string[]): Promise<WebAssembly.Module> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-harness-"));
  try {
    const output = join(folder, "harness.wasm");
    const asc = join(root, "node_modules/assemblyscript/bin/asc.js");
    const options = ["--runtime", "stub", "-O3", "--exportStart", "start", "--outFile", output, ...flags];
    await execa(process.execPath, [asc, path, ...options], { cwd: root });
    return await WebAssembly.compile(await readFile(output));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Starts an instance of test/unit/vmm/`name`, which is compiled once, always with the same `flags`; `imports` beside env. */
export async function loadHarness<T>(
  name: string,
  flags: readonly string[] = [],
  imports: WebAssembly.Imports = {},
): Promise<T & Started> {
  let module = modules.get(name);
  if (module === undefined) {
    module = compileHarness(join("test/unit/vmm", name), flags);
    modules.set(name, module);
  }
  const env = {
    abort: (message: number, file: number, line: number) => {
      throw new Error(`abort: ${textAt(exports.memory, message)} at ${textAt(exports.memory, file)}:${line}`);
    },
  };
  const instance = await WebAssembly.instantiate(await module, { env, ...imports });
  const exports = instance.exports as unknown as T & Started;
  exports.start();
  return exports;
}
