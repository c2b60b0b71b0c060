// Packs folders as the cpio archives that Linux takes for its first file system.
import { readdir } from "node:fs/promises";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { requireProgram } from "../programs.ts";

/** The bytes of a cpio archive with everything below `tree`, owned by root. Files linked to each other are stored once. */
export async function packTree(tree: string, signal: AbortSignal): Promise<Uint8Array> {
  requireProgram("cpio", "cpio", "emulator");
  const names = (await readdir(tree, { recursive: true })).sort();
  const packed = await execa("cpio", ["--create", "--format=newc", "--owner=0:0", "--quiet"], {
    cwd: tree,
    input: names.join("\n"),
    encoding: "buffer",
    maxBuffer: 2 ** 31,
    reject: false,
    cancelSignal: signal,
  });
  if (!packed.failed) return packed.stdout;
  throw new ToolError("emulator", `cpio could not pack ${tree}:\n${Buffer.from(packed.stderr).toString()}`);
}
