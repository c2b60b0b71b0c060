// Lets Basalt end in QEMU without the machine going away, and reads the machine's state by QEMU's monitor.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readStoppedMachine, type StoppedMachine } from "../../../tools/emulators/qemu-monitor.ts";
import type { ImageSymbols } from "./image-symbols.ts";
import { dataOf, type MachineState } from "./machine-state.ts";

/** The state at the end of a boot by TCG. */
export async function stopInQemu(symbols: ImageSymbols, append: string): Promise<MachineState> {
  const boot = { media: "kernel", firmware: "bios", append } as const;
  return readStoppedMachine(boot, (machine) => readState(machine, symbols));
}

async function readState({ monitor, directory }: StoppedMachine, symbols: ImageSymbols): Promise<MachineState> {
  const registers = await monitor.ask("info registers");
  const data = dataOf(symbols);
  const path = join(directory, "memory");
  const range = { val: Number(data.start), size: Number(data.end - data.start) };
  await monitor.execute("pmemsave", { ...range, filename: path });
  const field = (name: string, column = 0): bigint => {
    const found = new RegExp(`\\b${name} *=((?: *[0-9a-f]+)+)`).exec(registers)?.[1]?.trim().split(" ")[column];
    if (found === undefined) throw new Error(`QEMU's monitor printed no ${name}:\n${registers}`);
    return BigInt(`0x${found}`);
  };
  return {
    cr0: field("CR0"),
    cr3: field("CR3"),
    cr4: field("CR4"),
    efer: field("EFER"),
    gdtBase: field("GDT"),
    taskSelector: field("TR"),
    memory: await readFile(path),
    memoryStart: data.start,
  };
}
