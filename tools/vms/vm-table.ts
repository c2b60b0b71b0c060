// The VM table: what Basalt itself reads of VMs (hv/core/boot/vm-table.ts), a line a VM, and the kernels that it names.
import { guestCommandLine } from "../image/guest-kernel.ts";
import { kernelOf, type Vm } from "./vm.ts";

/** The command line by which Basalt knows the boot module that is the table. */
export const tableCommandLine = "basalt-vms";

/** The boot modules that `vms` need: the table, and the files of kernels, which are modules 1, 2 and so on. */
export interface VmModules {
  readonly table: string;
  readonly kernelPaths: readonly string[];
}

/** VMs with the same kernel share a module. */
export function modulesFor(vms: readonly Vm[]): VmModules {
  const kernelPaths = [...new Set(vms.flatMap(({ kernel }) => kernel ?? []))];
  return { table: vms.map((vm) => `${line(vm, kernelPaths)}\n`).join(""), kernelPaths };
}

function line(vm: Vm, kernelPaths: readonly string[]): string {
  const kernel = kernelOf(vm);
  const { name, memory, cpu, weight, iterations, ticks, console, watches = [] } = vm;
  const guest = vm.kernel === undefined ? vm.guest : `module:${kernelPaths.indexOf(vm.kernel) + 1}`;
  const options = Object.entries({ name, guest, memory, cpu, weight, iterations, ticks, console })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}`);
  const words = ["vm", ...options, ...watches.map((watch) => `watch=${watch}`)];
  return [...words, ...(kernel === null ? [] : ["--", guestCommandLine(kernel)])].join(" ");
}
