// The cost of one VM exit where a time-stamp counter counts instructions: exact, and the same on every machine.
import { ToolError } from "../errors.ts";
import { runOn, type RunOptions, type RunResult } from "../emulators/run.ts";

/** How a place is measured: what is run there, how often, and where the ticks of a run are read. */
export interface Method {
  /** Numbers of the same length: GRUB and Basalt read them in the command line, and each character takes its time. */
  readonly iterations: { readonly few: number; readonly many: number };
  /** Besides the guest and the iterations. */
  readonly options: RunOptions;
  readonly ticks: (run: RunResult) => number;
}

/** Bochs counts from the machine's start. A summary would cost time on the serial line, the longer for longer numbers. */
export const inBochs: Method = {
  iterations: { few: 10_000, many: 90_000 },
  options: { append: "quiet" },
  ticks: ticksOfMachine,
};

/**
 * QEMU does not tell when its machine ended, but Basalt what its own counter did from a VM's first entry to its last exit;
 * nothing is printed in between.
 */
export const inTcg: Method = {
  iterations: { few: 10_000, many: 90_000 },
  options: { countsInstructions: true, media: "kernel" },
  ticks: ticksOfVm,
};

/** Each iteration takes KVM thousands of instructions. */
export const underKvm: Method = {
  iterations: { few: 1000, many: 6000 },
  options: { media: "kernel" },
  ticks: ticksOfVm,
};

/** The two runs of built-in guest `guest` that differ in the iterations only. */
export function roundTripRuns({ iterations, options }: Method, guest: string): RunOptions[] {
  return [iterations.few, iterations.many].map((count) => {
    return { ...options, guest, append: [options.append, `iterations=${count}`].filter(Boolean).join(" ") };
  });
}

/**
 * Ticks of one iteration, from the results of `roundTripRuns`: the guest's own instructions, the VM exit, Basalt's work, the
 * VM entry. What the runs have in common falls out of their difference. Throws a ToolError where one did not end well.
 */
export function roundTrip({ iterations, ticks }: Method, results: readonly RunResult[]): number {
  const [few, many] = results;
  if (few === undefined || many === undefined) throw new ToolError("internal", "A round trip takes two runs.");
  return (ticks(many) - ticks(few)) / (iterations.many - iterations.few);
}

/** The round trip of guest `guest` on `on`, whose method is `method`. */
export async function measureRoundTrip(on: "bochs" | "tcg", method: Method, guest: string): Promise<number> {
  return roundTrip(method, await resultsOf(on, method, guest));
}

const results = new Map<string, Promise<readonly RunResult[]>>();

/** The results of `roundTripRuns` on `on`, which are made once. */
export function resultsOf(on: "bochs" | "tcg", method: Method, guest: string): Promise<readonly RunResult[]> {
  const runs = roundTripRuns(method, guest);
  const key = JSON.stringify([on, runs]);
  const made = results.get(key) ?? runAll(on, runs);
  results.set(key, made);
  return made;
}

async function runAll(on: "bochs" | "tcg", runs: readonly RunOptions[]): Promise<RunResult[]> {
  const made: RunResult[] = [];
  for (const options of runs) made.push(await runOn(on, options));
  return made;
}

function ticksOfMachine(run: RunResult): number {
  requireOk(run);
  if (run.ticks !== null) return run.ticks;
  throw new ToolError("emulator", `Bochs left no ticks in ${run.logPath}; expected them in each line.`);
}

function ticksOfVm(run: RunResult): number {
  requireOk(run);
  const line = run.lines.find((line) => line.startsWith("basalt: vm0: ran "));
  const ticks = /ran (\d+) ticks/.exec(line ?? "")?.[1];
  if (ticks !== undefined) return Number(ticks);
  throw new ToolError("internal", "Basalt did not print how many ticks vm0 ran.");
}

function requireOk(run: RunResult): void {
  if (run.exit !== "ok") throw new ToolError(run.exit, run.summary);
}
