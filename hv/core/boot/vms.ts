// Which VMs a boot has: those of the VM table, where a boot module is one, else those of the boot option `guest`.

import { GUEST_MODULE } from "../../shared/guests";
import { Console } from "../console/console";
import { RawOutput } from "../console/raw-output";
import { addWatch } from "../watch/watch-option";
import { BootModule } from "./boot-modules";
import { areDisksSound, TABLE_COMMAND_LINE } from "./module-uses";
import { decimal, isDecimal } from "./option-values";
import { BootOptions, refuseOption, WatchChoice } from "./options";
import { CONSOLE_RAW, CONSOLE_UNSAID, defaultName, VmDescription } from "./vm-description";
import { VmTable } from "./vm-table";

/**
 * Completes `options.groups`: the VMs of the table take the place of the option's, all of them in one group, and what a VM
 * does not say of itself the options say. False where the table, a disk or a watch is wrong, each of which has been told.
 */
export function describeVms(options: BootOptions, modules: Array<BootModule>, console: Console): bool {
  if (!readTable(options, modules, console)) return false;
  let number: u32 = 0;
  for (let i = 0; i < options.groups.length; i++) {
    for (let j = 0; j < options.groups[i].length; j++) complete(options.groups[i][j], number++, options, console);
  }
  let isGood = areDisksSound(options.groups, modules, console);
  for (let i = 0; i < options.watches.length; i++) {
    const problem = giveWatch(options.watches[i], options.groups);
    if (problem.length == 0) continue;
    refuseOption(console, "watch=" + options.watches[i].value, problem);
    isGood = false;
  }
  return isGood;
}

/** Reads the VM table where there is one. False where something is wrong with it, which has been told. */
function readTable(options: BootOptions, modules: Array<BootModule>, console: Console): bool {
  let found = -1;
  for (let i = 0; i < modules.length; i++) {
    if (modules[i].commandLine != TABLE_COMMAND_LINE) continue;
    if (found >= 0) {
      console.error().text("two boot modules have the command line basalt-vms; expected one VM table").end();
      return false;
    }
    found = i;
  }
  if (found < 0) return true;
  if (options.namesGuests) {
    const line = console
      .error()
      .text("boot option 'guest': boot module ")
      .decimal(found + 1);
    line.text(" is a VM table, which names the guests; leave out one of the two").end();
    return false;
  }
  const table = new VmTable(modules, <u32>found, console);
  if (!table.read()) return false;
  options.groups.length = 0;
  options.groups.push(table.vms);
  return true;
}

/** What VM `number` does not say of itself. */
function complete(vm: VmDescription, number: u32, options: BootOptions, console: Console): void {
  if (vm.name.length == 0) vm.name = defaultName(number);
  if (vm.memory == 0 && vm.guest == GUEST_MODULE) vm.memory = options.memory;
  if (vm.guest == GUEST_MODULE) vm.further.complete(options.further);
  if (vm.iterations == 0) vm.iterations = options.iterations;
  if (vm.ticks == 0) vm.ticks = options.ticks;
  if (vm.console == CONSOLE_UNSAID) vm.console = options.console;
  if (vm.console == CONSOLE_RAW && !console.raw) console.raw = new RawOutput();
}

/** Gives a watch of the boot options to its VM. What is wrong with that, "" if nothing is. */
function giveWatch(choice: WatchChoice, groups: Array<Array<VmDescription>>): string {
  const isNumber = isDecimal(choice.vm);
  const chosen = decimal(choice.vm);
  let number: u64 = 0;
  for (let i = 0; i < groups.length; i++) {
    for (let j = 0; j < groups[i].length; j++) {
      const vm = groups[i][j];
      if (isNumber ? number == chosen : vm.name == choice.vm) return addWatch(choice.watch, vm.watches);
      number++;
    }
  }
  return "no VM has this number or name; expected one of this boot, 0 for the first";
}
