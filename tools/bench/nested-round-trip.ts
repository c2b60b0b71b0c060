// The cost of one VM exit under nested VMX: the time-stamp counter in there counts Bochs's instructions, KVM's included.
import { runNested } from "../emulators/nested/nested.ts";
import type { RunResult } from "../emulators/run.ts";
import { roundTrip, roundTripRuns, underKvm } from "./round-trip.ts";

/** The runs that are measured; test/boot/nested.test.ts makes them among others. */
export const nestedRoundTripRuns = roundTripRuns(underKvm, "count");

/** Ticks of one iteration, from the results of `nestedRoundTripRuns`: the guest's CPUID, KVM, Basalt, and back. */
export function nestedRoundTrip(results: readonly RunResult[]): number {
  return roundTrip(underKvm, results);
}

/** Boots Linux in Bochs for them: it takes a minute. */
export async function measureNestedRoundTrip(): Promise<number> {
  return nestedRoundTrip(await runNested(nestedRoundTripRuns));
}
