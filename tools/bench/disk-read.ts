// The cost of a read from a virtio disk: a kernel of its own measures it, from the notification to the interrupt.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runStep } from "../build/step.ts";
import { runOn, type RunResult } from "../emulators/run.ts";
import { ToolError } from "../errors.ts";
import { buildDirectory } from "../paths.ts";

const source = new URL("kernels/disk-read.asm", import.meta.url).pathname;
/** Where Basalt loads it. */
const address = "0x100000";

/** Numbers of the same length. */
const reads = { few: 100, many: 900 };

export interface DiskRead {
  /** From the guest's notification to the first instruction of its interrupt handler. */
  readonly ticks: number;
  /** All VM exits of a read, the end of its interrupt among them. */
  readonly exits: number;
}

let measured: Promise<DiskRead> | undefined;

/** What one read of 4 KiB costs in Bochs. Throws a ToolError where a run did not end well. */
export function measureDiskRead(): Promise<DiskRead> {
  measured ??= measure();
  return measured;
}

async function measure(): Promise<DiskRead> {
  const kernel = await assemble();
  const [few, many] = [await run(kernel, reads.few), await run(kernel, reads.many)];
  return {
    ticks: numberIn(many, /: a read takes (\d+) ticks$/),
    exits: (entriesOf(many) - entriesOf(few)) / (reads.many - reads.few),
  };
}

async function assemble(): Promise<string> {
  const directory = join(buildDirectory, "bench");
  await mkdir(directory, { recursive: true });
  const [object, elf] = [join(directory, "disk-read.o"), join(directory, "disk-read.elf")];
  await runStep("nasm", ["-w+error", "-f", "elf32", "-o", object, source]);
  const layout = ["-m", "elf_i386", "-n", "--no-warn-rwx-segments", `-Ttext=${address}`, "-e", "start"];
  await runStep("ld", [...layout, "-o", elf, object]);
  return elf;
}

async function run(kernel: string, count: number): Promise<RunResult> {
  const vms = [{ kernel, commandLine: `reads=${count}`, disk: "2M", memory: "8M" }];
  const result = await runOn("bochs", { vms });
  if (result.exit !== "ok") throw new ToolError(result.exit, result.summary);
  return result;
}

function entriesOf(result: RunResult): number {
  return numberIn(result, /: ended: ok, (\d+) VM entries/);
}

function numberIn(result: RunResult, pattern: RegExp): number {
  const found = result.lines.flatMap((line) => pattern.exec(line)?.[1] ?? [])[0];
  if (found !== undefined) return Number(found);
  throw new ToolError("internal", `No line of the run matches ${pattern}.`);
}
