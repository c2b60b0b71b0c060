// Which VM has which boot module: a disk is no other VM's, and nothing but a disk.

import { GUEST_MODULE } from "../../shared/guests";
import { Console } from "../console/console";
import { BootModule } from "./boot-modules";
import { NO_MODULE } from "./further-modules";
import { VmDescription } from "./vm-description";

/** The command line of the boot module that is the VM table. */
export const TABLE_COMMAND_LINE: string = "basalt-vms";

/**
 * Whether no disk of `groups` is anything else: neither the VM table, a kernel or an initrd, nor another VM's disk, but that
 * all VMs that only read a disk may have it. Tells of each disk that is.
 */
export function areDisksSound(groups: Array<Array<VmDescription>>, modules: Array<BootModule>, console: Console): bool {
  let isGood = true;
  for (let i = 0; i < groups.length; i++) {
    for (let j = 0; j < groups[i].length; j++) {
      const vm = groups[i][j];
      const disk = vm.further.disk;
      if (disk == NO_MODULE) continue;
      const isTable = disk < <u32>modules.length && modules[disk].commandLine == TABLE_COMMAND_LINE;
      if (isTable) refuse(console, vm, "is the VM table; name a module that is a disk").end();
      if (isTable || !isNobodyElses(vm, groups, console)) isGood = false;
    }
  }
  return isGood;
}

function isNobodyElses(vm: VmDescription, groups: Array<Array<VmDescription>>, console: Console): bool {
  for (let i = 0; i < groups.length; i++) {
    for (let j = 0; j < groups[i].length; j++) {
      const other = groups[i][j];
      const problem = findProblem(vm, other);
      if (problem.length == 0) continue;
      refuse(console, vm, problem).text(other.name).end();
      return false;
    }
  }
  return true;
}

/** What `other` is or has that the disk of `vm` may not be, up to its name; "" if nothing. */
function findProblem(vm: VmDescription, other: VmDescription): string {
  const disk = vm.further.disk;
  if (other.guest != GUEST_MODULE) return "";
  if (other.module == disk) return "is a kernel, too: that of ";
  if (other.further.initrd == disk) return "is an initrd, too: that of ";
  const isShared = other != vm && other.further.disk == disk;
  if (!isShared || (vm.further.diskIsReadOnly && other.further.diskIsReadOnly)) return "";
  return "can be one VM's only, unless each has it as module:N:readonly; it is the disk, too, of ";
}

function refuse(console: Console, vm: VmDescription, problem: string): Console {
  const line = console.error().text(vm.name).text(": its disk, boot module ");
  return line
    .decimal(vm.further.disk + 1)
    .text(", ")
    .text(problem);
}
