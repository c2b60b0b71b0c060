// Chooses the loader of a guest that is a boot module.

import { Registers, VcpuPage } from "../../shared/vcpu-page";
import { Ram } from "../memory/ram";
import { BootFiles } from "./boot-files";
import { isElf } from "./elf";
import { planFlat } from "./flat";
import { loadLinux } from "./linux";
import { hasLinuxHeader } from "./linux-header";
import { LoadPlan } from "./load-plan";
import { HIGH_MEMORY, MemoryMap } from "./memory-map";
import { hasMultibootHeader, loadMultiboot } from "./multiboot";
import { planPvh } from "./pvh";
import { startWithInfo } from "./start-info";
import { describeUnknown } from "./unknown";

/**
 * Loads `files` into `ram`, which is zero, and writes the start state to `page` and `registers`. Where the VM's description
 * does not say that it is a flat binary, the first of these that the file says it is decides: Linux bzImage, Multiboot2,
 * Multiboot, PVH. GOOD, or why there is nothing to start.
 */
export function loadKernel(files: BootFiles, ram: Ram, page: VcpuPage, registers: Registers): string {
  if (ram.bytes <= HIGH_MEMORY) return "the VM has no RAM above 1 MiB";
  const module = files.kernel;
  const isFlat = page.moduleIsFlat != 0;
  if (!isFlat && hasLinuxHeader(module)) return loadLinux(files, ram, page, registers);
  const plan = new LoadPlan(module, new MemoryMap(ram.bytes));
  if (!isFlat && hasMultibootHeader(module)) return loadMultiboot(files, plan, ram, page, registers);
  if (!isFlat && !isElf(module)) return describeUnknown(module);
  const problem = isFlat ? planFlat(module, plan) : planPvh(module, plan);
  return problem.length != 0 ? problem : startWithInfo(plan, files, ram, page, registers);
}
