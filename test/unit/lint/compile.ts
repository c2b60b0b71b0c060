// Compiles a few lines of AssemblyScript: by a process of its own, as asc takes ten times as long to load through tsx.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { root } from "../../../tools/paths.ts";

/** Compiles `source` with the stub runtime and `flags`, and has `use` read the file; throws what asc says if it refuses. */
export async function compile<T>(
  source: string,
  flags: readonly string[],
  use: (wasmPath: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "basalt-asc-"));
  try {
    await writeFile(join(folder, "sample.ts"), source);
    const asc = join(root, "node_modules/assemblyscript/bin/asc.js");
    const options = ["sample.ts", "--runtime", "stub", "--use", "abort=", "--outFile", "sample.wasm", ...flags];
    await execa(process.execPath, [asc, ...options], { cwd: folder });
    return await use(join(folder, "sample.wasm"));
  } finally {
    await rm(folder, { recursive: true });
  }
}
