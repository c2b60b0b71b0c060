// The cost of RAM that a guest touches for the first time, in Bochs: the VM exit and all but the zeroing, which is told apart.
import { ToolError } from "../errors.ts";
import { runOn, type RunResult } from "../emulators/run.ts";

/** Blocks of 2 MiB that fit into the machine, in numbers of the same length. */
const blocks = { few: 100, many: 200 } as const;

export interface FirstTouch {
  /** Ticks of one EPT violation: the guest's four instructions, the exit, Basalt's work but zeroing, the entry. */
  readonly roundTrip: number;
  /** Ticks of finding and zeroing one block. */
  readonly zeroing: number;
}

let measured: Promise<FirstTouch> | undefined;

/** Two boots of guest `touch` that differ in the number of blocks only. They are made once. */
export function measureFirstTouch(): Promise<FirstTouch> {
  return (measured ??= measure());
}

async function measure(): Promise<FirstTouch> {
  const few = await ticksOfBoot(blocks.few);
  const many = await ticksOfBoot(blocks.many);
  const touched = blocks.many - blocks.few;
  const zeroing = (many.zeroing - few.zeroing) / touched;
  return { roundTrip: (many.ran - few.ran) / touched - zeroing, zeroing };
}

async function ticksOfBoot(count: number): Promise<{ ran: number; zeroing: number }> {
  const run = await runOn("bochs", { guest: "touch", append: `iterations=${count}` });
  if (run.exit !== "ok") throw new ToolError(run.exit, run.summary);
  return {
    ran: numberIn(run, /^basalt: vm0: ran (\d+) ticks/),
    zeroing: numberIn(run, /^basalt: vm0: RAM: .* zeroing them took (\d+) ticks$/),
  };
}

function numberIn(run: RunResult, pattern: RegExp): number {
  const found = run.lines.map((line) => pattern.exec(line)?.[1]).find((digits) => digits !== undefined);
  if (found !== undefined) return Number(found);
  throw new ToolError("internal", `Basalt printed no line like ${String(pattern)}.`);
}
