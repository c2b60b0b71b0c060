// The VM table: what Basalt itself reads of VMs (hv/core/boot/vm-table.ts), a line a VM, and the kernels that it names.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModuleFile } from "../image/add-modules.ts";
import { guestCommandLine } from "../image/guest-kernel.ts";
import { diskFileOf, kernelOf, ramDiskMebibytesOf, type Vm } from "./vm.ts";

/** The command line by which Basalt knows the boot module that is the table. */
const tableCommandLine = "basalt-vms";

/** The boot modules that `vms` need: the table, and files that are modules 1, 2 and so on. */
export interface VmModules {
  readonly table: string;
  readonly files: readonly ModuleFile[];
}

/** VMs share modules with the same kernel, the same initrd, and the same disk that they only read. */
export function modulesFor(vms: readonly Vm[]): VmModules {
  const modules = new Modules();
  const lines = vms.map((vm, n) => `${line(vm, n, modules)}\n`);
  return { table: lines.join(""), files: modules.files };
}

/** Writes the table of `vms` to `directory`, as the boot module that follows those of `modulesFor`. */
export async function writeTable(vms: readonly Vm[], directory: string): Promise<ModuleFile> {
  const path = join(directory, "vms.txt");
  await writeFile(path, modulesFor(vms).table);
  return { path, commandLine: tableCommandLine };
}

class Modules {
  readonly files: ModuleFile[] = [];
  readonly #numbers = new Map<string, number>();

  /** The word by which the table names the module of a file, which VMs with the same `use` of it share. */
  name(use: string, path: string, commandLine = ""): string {
    const key = `${use} ${path}`;
    const known = this.#numbers.get(key);
    if (known === undefined) this.files.push({ path, commandLine });
    const number = known ?? this.files.length;
    this.#numbers.set(key, number);
    return `module:${number}`;
  }
}

function line(vm: Vm, n: number, modules: Modules): string {
  const kernel = kernelOf(vm);
  const { name, memory, cpu, weight, iterations, ticks, console, flat, watches = [] } = vm;
  const named =
    kernel === null ? vm.guest : modules.name("kernel", kernel.path, guestCommandLine({ path: kernel.path }));
  const initrd = vm.initrd === undefined ? undefined : modules.name("initrd", vm.initrd);
  const disk = diskOf(vm, n, modules);
  const load = flat ? "flat" : undefined;
  const words = { name, guest: named, load, initrd, disk, memory, cpu, weight, iterations, ticks, console };
  const options = Object.entries(words)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}`);
  const all = ["vm", ...options, ...watches.map((watch) => `watch=${watch}`)];
  return [...all, ...(kernel === null ? [] : ["--", guestCommandLine(kernel)])].join(" ");
}

/** The table's word for a VM's disk; one that is written is a module of its own. */
function diskOf(vm: Vm, n: number, modules: Modules): string | undefined {
  const ram = ramDiskMebibytesOf(vm);
  if (ram !== null) return `ram:${ram}M`;
  const file = diskFileOf(vm);
  if (file === undefined) return undefined;
  return vm.diskReadOnly ? `${modules.name("disk", file)}:readonly` : modules.name(`disk of ${n}`, file);
}
