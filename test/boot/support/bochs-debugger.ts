// Stops Basalt in Bochs at a function of the image, by Bochs's own debugger, and has the debugger print things.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bochs } from "../../../tools/emulators/bochs.ts";
import { startChild } from "../../../tools/emulators/process.ts";
import { makeRunDirectory } from "../../../tools/emulators/run-directory.ts";
import { defaultMemory } from "../../../tools/emulators/run.ts";
import { copyIsoWithCommandLine } from "../../../tools/image/append.ts";
import { builtElf, builtIso } from "../../../tools/paths.ts";
import type { ImageSymbols } from "./image-symbols.ts";
import { hex } from "./page-walker.ts";

const timeoutSeconds = 100;

/** A boot from the ISO, and where it is stopped. */
export interface DebuggedBoot {
  readonly append?: string;
  readonly cpu?: string | undefined;
  /** In MiB. */
  readonly memory?: number;
  /** The machine stops when this function of the image is reached for the first time. */
  readonly stopAt: string;
  /** Changes Bochs's own BIOS before it boots. */
  readonly changeBios?: (bios: Buffer) => void;
}

export interface DebuggerAnswer {
  /** What the debugger printed. */
  readonly output: string;
  /** The words that its `xp` commands printed, in order. */
  readonly words: readonly string[];
  /** What came on COM1. */
  readonly serial: string;
}

/** Boots, stops, and executes the debugger's `commands`. */
export async function askBochs(
  symbols: ImageSymbols,
  boot: DebuggedBoot,
  commands: readonly string[],
): Promise<DebuggerAnswer> {
  const { append = "", cpu, memory = defaultMemory, stopAt, changeBios } = boot;
  const directory = await makeRunDirectory();
  const iso = join(directory, "basalt.iso");
  await copyIsoWithCommandLine(builtIso, iso, append);
  const serialPath = join(directory, "serial.txt");
  const common = { media: "iso", firmware: "bios", cpu, memory, debugPort: undefined } as const;
  const launch = await bochs.prepare({ directory, iso, elf: builtElf, commandLine: append, serialPath, ...common });
  if (changeBios !== undefined) await replaceBios(directory, launch.args, changeBios);

  const script = [`lb ${hex(symbols.address(stopAt))}`, "c", ...commands, "q"];
  const scriptName = launch.args[launch.args.indexOf("-rc") + 1]!;
  await writeFile(join(directory, scriptName), script.map((command) => `${command}\n`).join(""));
  const child = await startChild(launch.command, launch.args, directory);
  const timer = setTimeout(() => child.kill(), timeoutSeconds * 1000);
  const { output } = await child.end.finally(() => clearTimeout(timer));
  // Bochs makes the file with the first byte.
  const serial = await readFile(serialPath, "utf8").catch(() => "");
  if (!/ Breakpoint \d+, /.test(output)) {
    throw new Error(`Bochs did not come to ${stopAt}. Basalt printed:\n${serial}\nBochs printed:\n${output}`);
  }
  await rm(directory, { recursive: true });
  const words = [...output.matchAll(/^0x[0-9a-f]+ <.*>:((?:\t0x[0-9a-f]+)+)\r?$/gm)].flatMap(([, row]) =>
    row!.trim().split("\t"),
  );
  return { output, words, serial };
}

/** Has the machine boot a changed copy of the BIOS that its configuration names. */
async function replaceBios(directory: string, args: readonly string[], change: (bios: Buffer) => void): Promise<void> {
  const configuration = join(directory, args[args.indexOf("-f") + 1]!);
  const text = await readFile(configuration, "utf8");
  const [line, path] = /^romimage: file=(.+)$/m.exec(text) ?? [];
  if (line === undefined || path === undefined) throw new Error(`${configuration} names no BIOS:\n${text}`);
  const bios = await readFile(path);
  change(bios);
  await writeFile(join(directory, "bios.bin"), bios);
  await writeFile(configuration, text.replace(line, "romimage: file=bios.bin"));
}
