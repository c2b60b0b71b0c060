// Chooses the loader of a guest that is a boot module, by the file itself.

import { Registers, VcpuPage } from "../../shared/vcpu-page";
import { Ram } from "../memory/ram";
import { BootFiles } from "./boot-files";
import { loadLinux } from "./linux";
import { hasLinuxHeader } from "./linux-header";
import { HIGH_MEMORY } from "./memory-map";
import { loadMultiboot } from "./multiboot";

/**
 * Loads `files` into `ram`, which is zero, and writes the start state to `page` and `registers`. The first of these that the
 * file says it is decides: Linux bzImage, Multiboot2, Multiboot. GOOD, or why there is nothing to start.
 */
export function loadKernel(files: BootFiles, ram: Ram, page: VcpuPage, registers: Registers): string {
  if (ram.bytes <= HIGH_MEMORY) return "the VM has no RAM above 1 MiB";
  if (hasLinuxHeader(files.kernel)) return loadLinux(files, ram, page, registers);
  return loadMultiboot(files.kernel, ram, files.commandLine, page, registers);
}
