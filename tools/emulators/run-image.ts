// Runs Basalt's image where the user said, or in the best emulator that works here.
import { choosePlace, type On } from "./choice.ts";
import { runNested } from "./nested/nested.ts";
import { runOn, type RunOptions, type RunResult } from "./run.ts";

export interface ImageRunOptions extends RunOptions {
  /** "auto" unless it is named. */
  readonly on?: On;
  /** A vendor, or a CPU model by the emulator's own name. */
  readonly cpu?: string | undefined;
  /** Told what is being done, where a run has several stages. */
  readonly onStage?: ((stage: string) => void) | undefined;
}

/** Runs the image as `runOn` and `runNested` do. The command line and the tests start here. */
export async function runImage({ on = "auto", onStage, ...options }: ImageRunOptions = {}): Promise<RunResult> {
  const place = await choosePlace(on, options.cpu);
  const run = { ...options, cpu: place.cpu };
  if (place.on !== "nested") return runOn(place.on, run);
  const [result] = await runNested([run], { ...run, onStage });
  return result!;
}
