// Builds everything under build/: writes the ninja file and has ninja bring its targets up to date.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { root } from "../paths.ts";
import { requireProgram } from "../programs.ts";
import { type BuildOptions, ninjaFile } from "./ninja-file.ts";

/** Brings build/basalt.elf and build/basalt.iso up to date; ninja says what it does. Throws a ToolError on failure. */
export async function build(options: BuildOptions): Promise<void> {
  requireProgram("ninja", "ninja-build", "build");
  requireProgram("nasm", "nasm", "build");
  requireProgram("ld", "binutils", "build");
  requireProgram(options.compiler, options.compiler, "build");
  await mkdir(join(root, "build"), { recursive: true });
  await writeIfChanged(join(root, "build/build.ninja"), ninjaFile(options, root));
  const ninja = await execa("ninja", ["-f", "build/build.ninja"], {
    cwd: root,
    reject: false,
    stdout: process.stderr,
    stderr: process.stderr,
    env: { TERM: process.stderr.isTTY ? (process.env["TERM"] ?? "") : "dumb" },
  });
  if (ninja.failed) throw new ToolError("build", "the build failed; the first FAILED line above names the step");
}

// ninja rebuilds what a changed command line touches; an unchanged file keeps its date.
async function writeIfChanged(path: string, text: string): Promise<void> {
  const old = await readFile(path, "utf8").catch(() => "");
  if (old !== text) await writeFile(path, text);
}
