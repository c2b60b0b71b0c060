// How much of Basalt is written by hand in C and assembly.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const suffixes = [".c", ".h", ".asm", ".inc"];

/** All lines, blank ones and comments included, of the C and assembly below `directory`. */
export async function countNativeLines(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true });
  const sources = names.filter((name) => suffixes.some((suffix) => name.endsWith(suffix)));
  const texts = await Promise.all(sources.map((name) => readFile(join(directory, name), "utf8")));
  return texts.reduce((lines, text) => lines + text.split("\n").length - 1, 0);
}
