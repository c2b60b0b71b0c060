// Runs Basalt's image in the emulator that the user named, or in the best one that works here.
import type { EmulatorName } from "./machine.ts";
import { probeKvm } from "./kvm-probe.ts";
import { runOn, type RunOptions, type RunResult } from "./run.ts";

export const onNames = ["auto", "kvm", "bochs", "tcg"] as const;
export type On = (typeof onNames)[number];

/** The emulator behind `on`: for "auto" KVM where the probe executed VMXON under it, else Bochs. */
export async function chooseEmulator(on: On): Promise<EmulatorName> {
  if (on !== "auto") return on;
  return (await probeKvm()).works ? "kvm" : "bochs";
}

/** Runs the image as `runOn` does; `on` is "auto" unless it is named. The command line and the tests start here. */
export async function runImage({
  on = "auto",
  ...options
}: RunOptions & { readonly on?: On } = {}): Promise<RunResult> {
  return runOn(await chooseEmulator(on), options);
}
