// `basalt where`: names the functions and source lines that addresses of a crash report stand for.
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { execa } from "execa";
import { readableName } from "../build/symbols.ts";
import { ToolError } from "../errors.ts";
import { builtElf, root } from "../paths.ts";
import { requireProgram } from "../programs.ts";
import { printJson, printLine, stdoutColours } from "../terminal.ts";

/** One function at an address; where functions were inlined there are several, the innermost first. */
export interface Frame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
}

export interface Place {
  readonly address: string;
  /** Empty if the image has no code at the address. */
  readonly frames: readonly Frame[];
}

export function whereCommand(): Command {
  return new Command("where")
    .description("Name the AssemblyScript functions and lines at addresses of a crash report.")
    .argument("<address...>", "host addresses in hexadecimal, with or without 0x", parseAddress)
    .option("--json", "print JSON", false)
    .option("--elf <file>", "the image that crashed", builtElf)
    .action(async (addresses: string[], { json, elf }: { json: boolean; elf: string }) => {
      const places = await findPlaces(elf, addresses);
      if (json) printJson(places);
      else places.forEach(printPlace);
    });
}

function parseAddress(text: string, previous: string[] = []): string[] {
  const digits = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text.replaceAll("_", ""))?.[1];
  if (digits === undefined) throw new InvalidArgumentError("It takes hexadecimal addresses, for example 0x1000c6.");
  return [...previous, `0x${digits.toLowerCase()}`];
}

/** Asks addr2line for `addresses`, hexadecimal with 0x, in `elf`. */
export async function findPlaces(elf: string, addresses: readonly string[]): Promise<Place[]> {
  requireProgram("addr2line", "binutils", "build");
  if (!existsSync(elf)) throw new ToolError("build", `There is no image at ${elf}. Run \`npm run build\`.`);
  const { stdout } = await execa("addr2line", ["-e", elf, "-a", "-f", "-i", ...addresses]);
  return parsePlaces(stdout);
}

/** Reads what `addr2line -a -f -i` prints: a line with the address, then a function and a `file:line` for each frame. */
export function parsePlaces(output: string): Place[] {
  const lines = output.split("\n");
  const starts = lines.flatMap((line, index) => (/^0x[0-9a-f]+$/.test(line) ? [index] : []));
  return starts.map((start, n) => {
    const pairs = lines.slice(start + 1, starts[n + 1]);
    const frames: Frame[] = [];
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const symbol = pairs[i] ?? "??";
      const [, file = "??", line = "0"] = /^(.*):(\d+|\?)(?: |$)/.exec(pairs[i + 1] ?? "") ?? [];
      if (symbol !== "??" || file !== "??") {
        frames.push({ function: readableName(symbol), file: relativeToRoot(file), line: Number(line) || 0 });
      }
    }
    return { address: lines[start] ?? "", frames };
  });
}

function relativeToRoot(file: string): string {
  return file.startsWith(root) ? relative(root, file) : file.replace(/^\.\//, "");
}

function printPlace({ address, frames }: Place): void {
  if (frames.length === 0) printLine(`${address}  is not in the image's code`);
  frames.forEach((frame, depth) => {
    const place = `${frame.function}  ${stdoutColours.cyan(`${frame.file}:${frame.line}`)}`;
    printLine(depth === 0 ? `${address}  ${place}` : `${" ".repeat(address.length)}  inlined into ${place}`);
  });
}
