// Runs Basalt's image where the user said, or in the best emulator that works here.
import type { PlaceName } from "./machine.ts";
import { probeKvm } from "./kvm-probe.ts";
import { runNested } from "./nested/nested.ts";
import { runOn, type RunOptions, type RunResult } from "./run.ts";

export const onNames = ["auto", "kvm", "bochs", "nested", "tcg"] as const;
export type On = (typeof onNames)[number];

/** The place behind `on`: for "auto" KVM where the probe executed VMXON under it, else Bochs. */
export async function choosePlace(on: On): Promise<PlaceName> {
  if (on !== "auto") return on;
  return (await probeKvm()).works ? "kvm" : "bochs";
}

export interface ImageRunOptions extends RunOptions {
  /** "auto" unless it is named. */
  readonly on?: On;
  /** Told what is being done, where a run has several stages. */
  readonly onStage?: ((stage: string) => void) | undefined;
}

/** Runs the image as `runOn` and `runNested` do. The command line and the tests start here. */
export async function runImage({ on = "auto", onStage, ...options }: ImageRunOptions = {}): Promise<RunResult> {
  const place = await choosePlace(on);
  if (place !== "nested") return runOn(place, options);
  const [result] = await runNested([options], { ...options, onStage });
  return result!;
}
