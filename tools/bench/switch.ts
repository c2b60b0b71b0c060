// The cost of a switch between VMs side by side in Bochs, whose time-stamp counter counts instructions.
import { ToolError } from "../errors.ts";
import { runOn } from "../emulators/run.ts";

/**
 * Ticks of one switch, as Basalt counts them itself, from the end of one VM's slice until the next one's may begin, with the defences that the boot option `defences` names. An instruction
 * is a tick in Bochs, so that this is what Basalt does for them, not what a processor takes for an IBPB or a flush.
 */
export async function measureSwitch(defences: string): Promise<number> {
  const append = `guest=registers+registers iterations=200000 defences=${defences}`;
  const run = await runOn("bochs", { append, cpu: "corei7_icelake_u" });
  if (run.exit !== "ok") throw new ToolError(run.exit, run.summary);
  const line = run.lines.find((text) => text.includes("switches between VMs side by side"));
  const ticks = /, (\d+) ticks each$/.exec(line ?? "")?.[1];
  if (ticks === undefined)
    throw new ToolError("emulator", "Basalt told no switches between VMs; expected a line of them.");
  return Number(ticks);
}
