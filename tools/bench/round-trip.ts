// The cost of one VM exit in Bochs, whose time-stamp counter counts instructions: exact, and the same on every machine.
import { ToolError } from "../errors.ts";
import { runOn } from "../emulators/run.ts";

/** Numbers of the same length: GRUB and Basalt read them in the command line, and each character takes its time. */
const iterations = { few: 10_000, many: 90_000 } as const;

/**
 * Ticks of one iteration of built-in guest `guest`: its own instructions, the VM exit, Basalt's work, the VM entry. Two
 * boots that differ in the iterations only; what they have in common falls out of the difference.
 */
export async function measureRoundTrip(guest: string): Promise<number> {
  const few = await ticksOfBoot(guest, iterations.few);
  const many = await ticksOfBoot(guest, iterations.many);
  return (many - few) / (iterations.many - iterations.few);
}

/** The machine's time at its end. Nothing but the result is printed: a longer number would cost time on the serial line. */
async function ticksOfBoot(guest: string, count: number): Promise<number> {
  const run = await runOn("bochs", { guest, append: `quiet iterations=${count}` });
  if (run.exit !== "ok") throw new ToolError(run.exit, run.summary);
  if (run.ticks === null)
    throw new ToolError("emulator", `Bochs left no ticks in ${run.logPath}; expected them in each line.`);
  return run.ticks;
}
