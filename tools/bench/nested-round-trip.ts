// The cost of one VM exit under nested VMX: the time-stamp counter in there counts Bochs's instructions, KVM's included.
import { ToolError } from "../errors.ts";
import { runNested } from "../emulators/nested/nested.ts";
import type { RunOptions, RunResult } from "../emulators/run.ts";

const iterations = { few: 1000, many: 6000 } as const;

/** Two runs of guest `count` that differ in the iterations only; what they have in common falls out of the difference. */
export const nestedRoundTripRuns: readonly RunOptions[] = Object.values(iterations).map((count) => {
  return { guest: "count", append: `iterations=${count}`, media: "kernel" };
});

/** Ticks of one iteration, from the results of `nestedRoundTripRuns`: the guest's CPUID, KVM, Basalt, and back. */
export function nestedRoundTrip(results: readonly RunResult[]): number {
  const [few = 0, many = 0] = results.map(ticksOfVm);
  return (many - few) / (iterations.many - iterations.few);
}

/** Boots Linux in Bochs for them: it takes a minute. */
export async function measureNestedRoundTrip(): Promise<number> {
  return nestedRoundTrip(await runNested(nestedRoundTripRuns));
}

function ticksOfVm(run: RunResult): number {
  if (run.exit !== "ok") throw new ToolError(run.exit, run.summary);
  const line = run.lines.find((line) => line.startsWith("basalt: vm0: ran "));
  const ticks = /ran (\d+) ticks/.exec(line ?? "")?.[1];
  if (ticks !== undefined) return Number(ticks);
  throw new ToolError("internal", "Basalt did not print how many ticks vm0 ran.");
}
