// Stops Basalt in Bochs at a function of the image, by Bochs's own debugger, and reads the machine's state.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bochs } from "../../../tools/emulators/bochs.ts";
import { startChild } from "../../../tools/emulators/process.ts";
import { makeRunDirectory } from "../../../tools/emulators/run-directory.ts";
import { copyIsoWithCommandLine } from "../../../tools/image/append.ts";
import { builtElf, builtIso } from "../../../tools/paths.ts";
import type { ImageSymbols } from "./image-symbols.ts";
import { dataOf, type MachineState } from "./machine-state.ts";
import { hex } from "./page-walker.ts";

const timeoutSeconds = 60;

/** The state when function `functionName` is reached for the first time, in a boot with command line `append`. */
export async function stopInBochs(symbols: ImageSymbols, functionName: string, append: string): Promise<MachineState> {
  const directory = await makeRunDirectory();
  const iso = join(directory, "basalt.iso");
  await copyIsoWithCommandLine(builtIso, iso, append);
  const serialPath = join(directory, "serial.txt");
  const common = { media: "iso", firmware: "bios", cpu: undefined, memory: 512, debugPort: undefined } as const;
  const launch = await bochs.prepare({ directory, iso, elf: builtElf, commandLine: append, serialPath, ...common });

  const data = dataOf(symbols);
  const commands = [
    `lb ${hex(symbols.address(functionName))}`,
    "c",
    "creg",
    "sreg",
    `xp /${(data.end - data.start) / 8n}gx ${hex(data.start)}`,
    "q",
  ];
  const commandsName = launch.args[launch.args.indexOf("-rc") + 1]!;
  await writeFile(join(directory, commandsName), commands.map((command) => `${command}\n`).join(""));
  const child = await startChild(launch.command, launch.args, directory);
  const timer = setTimeout(() => child.kill(), timeoutSeconds * 1000);
  const { output } = await child.end.finally(() => clearTimeout(timer));
  if (!/ Breakpoint \d+, /.test(output)) {
    const printed = await readFile(serialPath, "utf8");
    throw new Error(`Bochs did not come to ${functionName}. Basalt printed:\n${printed}\nBochs printed:\n${output}`);
  }
  const state = readOutput(output, data.start);
  await rm(directory, { recursive: true });
  return state;
}

/** What `creg`, `sreg` and `xp` print. */
function readOutput(output: string, memoryStart: bigint): MachineState {
  const field = (pattern: RegExp): bigint => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`Bochs's debugger printed nothing like ${String(pattern)}`);
    return BigInt(found);
  };
  const words = [...output.matchAll(/^0x[0-9a-f]+ <.*>:((?:\t0x[0-9a-f]+)+)\r?$/gm)].flatMap(([, row]) =>
    row!.trim().split("\t"),
  );
  return {
    cr0: field(/^CR0=(0x[0-9a-f]+)/m),
    cr3: field(/^CR3=(0x[0-9a-f]+)/m),
    cr4: field(/^CR4=(0x[0-9a-f]+)/m),
    efer: field(/^EFER=(0x[0-9a-f]+)/m),
    gdtBase: field(/^gdtr:base=(0x[0-9a-f]+)/m),
    taskSelector: field(/^tr:(0x[0-9a-f]+)/m),
    memory: Buffer.from(BigUint64Array.from(words, BigInt).buffer),
    memoryStart,
  };
}
