// Puts modules of the kernel where an init loads them from.
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { requireProgram } from "../programs.ts";

/** Puts the modules `names` ("kvm.ko") into `directory`, unpacked. `find` answers with the path that an expression matches, or throws. */
export async function placeModules(
  names: readonly string[],
  find: (name: RegExp) => string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  for (const name of names) {
    const from = find(new RegExp(`/${name.replace(".", "\\.")}(?:\\.xz)?$`));
    const to = join(directory, name);
    // Debian compresses them since release 13; busybox's insmod takes them as they are loaded.
    await (from.endsWith(".xz") ? unpack(from, to, signal) : copyFile(from, to));
  }
}

async function unpack(from: string, to: string, signal: AbortSignal): Promise<void> {
  requireProgram("xz", "xz-utils", "emulator");
  const options = { stdout: { file: to }, reject: false, cancelSignal: signal } as const;
  const unpacking = await execa("xz", ["--decompress", "--stdout", from], options);
  if (unpacking.failed) throw new ToolError("setup", `xz could not unpack ${from}:\n${unpacking.stderr}`);
}
