// Compiles a harness of this folder, with asc in a process of its own, and gives its exports.
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

/** Compiles test/unit/vmm/`name`, with memory that a fixed number of 64 KiB pages holds, and starts an instance. */
export async function loadHarness<T>(name: string, flags: readonly string[] = []): Promise<T & Started> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-vmm-"));
  try {
    const output = join(folder, "harness.wasm");
    const asc = join(root, "node_modules/assemblyscript/bin/asc.js");
    const options = ["--runtime", "stub", "-O3", "--exportStart", "start", "--outFile", output, ...flags];
    await execa(process.execPath, [asc, join("test/unit/vmm", name), ...options], { cwd: root });
    const env = {
      abort: (message: number, file: number, line: number) => {
        throw new Error(`abort: ${textAt(exports.memory, message)} at ${textAt(exports.memory, file)}:${line}`);
      },
    };
    const { instance } = await WebAssembly.instantiate(await readFile(output), { env });
    const exports = instance.exports as unknown as T & Started;
    exports.start();
    return exports;
  } finally {
    await rm(folder, { recursive: true });
  }
}
