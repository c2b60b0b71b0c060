// A flat binary: its bytes as they are at 1 MiB, entered at the first, in 32-bit protected mode.

// The machine has no BIOS, so that real mode at 0x7c00 would promise services that a boot sector does not find. EBX holds the
// address of the start info that PVH kernels have, for a binary that wants to know its RAM, command line or RAM disk.

import { ModuleBytes } from "../memory/module-bytes";
import { LoadPlan } from "./load-plan";
import { HIGH_MEMORY } from "./memory-map";

/** Plans it. GOOD, or why it cannot be loaded. */
export function planFlat(module: ModuleBytes, plan: LoadPlan): string {
  plan.entry = HIGH_MEMORY;
  const problem = plan.add(0, module.length, HIGH_MEMORY, module.length);
  return problem.length != 0 ? problem : plan.checkEntry();
}
