// Chooses the loader of a guest that is a boot module.

import { isElf } from "./elf";
import { planFlat } from "./flat";
import { loadLinux } from "./linux";
import { hasLinuxHeader } from "./linux-header";
import { Loading } from "./loading";
import { HIGH_MEMORY } from "./memory-map";
import { hasMultibootHeader, loadMultiboot } from "./multiboot";
import { planPvh } from "./pvh";
import { startWithInfo } from "./start-info";
import { describeUnknown } from "./unknown";

/**
 * Loads the files that the vCPU page tells of, whose `rsdp` is the address of ACPI's RSDP or 0, and writes the start state to the
 * page. Where the VM's description does not say that it is a flat binary, the first of these that the file says it is decides:
 * Linux bzImage, Multiboot2, Multiboot, PVH. GOOD, or why there is nothing to start. Allocates nothing.
 */
export function loadKernel(loading: Loading, rsdp: u64): string {
  if (loading.ram.bytes <= HIGH_MEMORY) return "the VM has no RAM above 1 MiB";
  loading.files.read(loading.page, rsdp);
  loading.plan.clear();
  const problem = loadFormat(loading);
  loading.isClean = false;
  return problem;
}

function loadFormat(loading: Loading): string {
  const module = loading.files.kernel;
  const plan = loading.plan;
  const isFlat = loading.page.moduleIsFlat != 0;
  if (!isFlat && hasLinuxHeader(module)) return loadLinux(loading);
  if (!isFlat && hasMultibootHeader(module)) return loadMultiboot(loading);
  if (!isFlat && !isElf(module)) return describeUnknown(module);
  const problem = isFlat ? planFlat(module, plan) : planPvh(module, plan, loading.elf);
  return problem.length != 0 ? problem : startWithInfo(loading);
}
