// Builds everything under build/: writes the ninja file and has ninja bring its targets up to date.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { root } from "../paths.ts";
import { requireProgram } from "../programs.ts";
import { type BuildOptions, ninjaFile } from "./ninja-file.ts";

/**
 * Brings what the default targets are up to date, or `targets`, files below build/ that need no native tools; ninja says
 * what it does. Throws a ToolError on failure.
 */
export async function build(options: BuildOptions, targets: readonly string[] = []): Promise<void> {
  requireProgram("ninja", "ninja-build", "build");
  if (targets.length === 0) requireNativeTools(options);
  await mkdir(join(root, "build"), { recursive: true });
  await writeIfChanged(join(root, "build/build.ninja"), ninjaFile(options, root));
  // Few targets are a step on the way of another command, whose own output counts: told only where they fail.
  const isQuiet = targets.length > 0;
  const ninja = await execa("ninja", ["-f", "build/build.ninja", ...targets], {
    cwd: root,
    reject: false,
    stdout: isQuiet ? "pipe" : process.stderr,
    stderr: isQuiet ? "pipe" : process.stderr,
    env: { TERM: process.stderr.isTTY ? (process.env["TERM"] ?? "") : "dumb" },
  });
  if (ninja.failed && isQuiet) process.stderr.write(`${ninja.stdout ?? ""}\n${ninja.stderr ?? ""}\n`);
  if (ninja.failed) throw new ToolError("build", "the build failed; the first FAILED line above names the step");
}

function requireNativeTools({ compiler }: BuildOptions): void {
  requireProgram("nasm", "nasm", "build");
  requireProgram("ld", "binutils", "build");
  requireProgram(compiler, compiler, "build");
}

// ninja rebuilds what a changed command line touches; an unchanged file keeps its date.
async function writeIfChanged(path: string, text: string): Promise<void> {
  const old = await readFile(path, "utf8").catch(() => "");
  if (old !== text) await writeFile(path, text);
}
