// A guest that is a boot module: the module is shown to its vmm, which loads it.

import { PAGE_SIZE_2_MIB } from "../x86/paging";
import { COMMAND_LINE_CAPACITY, COMMAND_LINE_OFFSET, MODULE_IN_VMM, VCPU_PAGE_IN_VMM } from "../shared/vcpu-page";
import { BootModule } from "./boot/boot-modules";
import { VmDescription } from "./boot/vm-description";
import { LEVEL_ERROR } from "./console/console";
import { imageEnd, imageStart, MAP_READ_ONLY } from "./hardware";
import { Machine } from "./machine";
import { PAGE_BYTES } from "./memory/page-pool";
import { storeText } from "./memory/page-text";
import { RESULT_GUEST_NOT_LOADED, RESULT_OK, RESULT_VMM_NOT_CREATED } from "./results";
import { Vcpu } from "./vcpu/vcpu";
import { VmmMemory } from "./vmm-memory";

/** A vmm copies what it loads within its time budget; tools/image/guest-kernel.ts has the same figure. */
const MAXIMUM_BYTES: u64 = 128 << 20;

/**
 * Maps the boot module of a VM into the memory of the vCPU's vmm, read-only and as it is, and tells the vmm where it lies and
 * what its command line is. The vmm can read to the end of the module's last page. RESULT_OK or why not.
 */
export function showModule(machine: Machine, vcpu: Vcpu, description: VmDescription, vmm: VmmMemory): u32 {
  const modules = machine.modules;
  const number = description.module;
  if (number >= <u32>modules.length) return refuseMissing(vcpu, number, <u32>modules.length);
  const module = modules[number];
  const problem = findProblem(machine, module);
  if (problem.length != 0) {
    vcpu
      .say(LEVEL_ERROR)
      .text("boot module ")
      .decimal(number + 1)
      .text(" ")
      .text(problem)
      .end();
    return RESULT_GUEST_NOT_LOADED;
  }
  const commandLine = commandLineFor(machine, module, description);
  if (<u32>commandLine.length > COMMAND_LINE_CAPACITY) {
    const line = vcpu.say(LEVEL_ERROR).text("the guest's command line has ").decimal(commandLine.length);
    line.text(" letters; expected ").decimal(COMMAND_LINE_CAPACITY).text(" at most").end();
    return RESULT_GUEST_NOT_LOADED;
  }
  const address = placeOf(modules, number);
  const bytes = (module.bytes + PAGE_BYTES - 1) & ~(<u64>PAGE_BYTES - 1);
  if (address + bytes > VCPU_PAGE_IN_VMM || !vmm.map(address, module.start, bytes, MAP_READ_ONLY)) {
    const line = vcpu
      .say(LEVEL_ERROR)
      .text("the boot module could not be mapped for its vmm: page tables ran out, or ");
    line.text("the modules before it are too large; put it first").end();
    return RESULT_VMM_NOT_CREATED;
  }
  vcpu.shared.moduleAddress = <u32>address;
  vcpu.shared.moduleBytes = <u32>module.bytes;
  vcpu.shared.commandLineBytes = commandLine.length;
  storeText(vcpu.page + COMMAND_LINE_OFFSET, commandLine);
  return RESULT_OK;
}

/**
 * Where a module lies in the memory of every vmm that has it. So that large pages can be used, as a page table for each 2 MiB
 * is much, it lies in them as it does in physical memory; and no other one is ever mapped there, whoever has had the vmm's slot
 * before, so that a large page is never to take the place of a page table.
 */
function placeOf(modules: Array<BootModule>, number: u32): u64 {
  let place = <u64>MODULE_IN_VMM;
  for (let i: u32 = 0; i < number; i++) {
    const before = modules[i];
    if (before.bytes > MAXIMUM_BYTES) continue;
    const end = place + (before.start % PAGE_SIZE_2_MIB) + before.bytes;
    place = (end + PAGE_SIZE_2_MIB - 1) & ~(PAGE_SIZE_2_MIB - 1);
  }
  return place + (modules[number].start % PAGE_SIZE_2_MIB);
}

/**
 * The VM table's words; where it has none the loader's own for the module; where there are none, as QEMU's -initrd takes none,
 * what is behind "--" of the boot options.
 */
function commandLineFor(machine: Machine, module: BootModule, description: VmDescription): string {
  const own = description.commandLine;
  if (own != null) return own;
  return module.commandLine.length != 0 ? module.commandLine : machine.options.guestCommandLine;
}

/** What is wrong with a module's place; "" if nothing is. The loader's word is not taken for it. */
function findProblem(machine: Machine, module: BootModule): string {
  const end = module.start + module.bytes;
  if (module.bytes == 0) return "is empty";
  if (module.bytes > MAXIMUM_BYTES) return "is too large; expected 128 MiB at most";
  if (module.start % PAGE_BYTES != 0)
    return "does not start on a page boundary, as Basalt's header asks for; the boot loader is at fault";
  if (end < module.start || end > (<u64>1) << machine.maximumPhysicalAddress)
    return "lies beyond this CPU's physical addresses; the boot loader is at fault";
  if (module.start < imageEnd() && end > imageStart()) return "overlaps Basalt's image; the boot loader is at fault";
  return "";
}

function refuseMissing(vcpu: Vcpu, number: u32, there: u32): u32 {
  const line = vcpu
    .say(LEVEL_ERROR)
    .text("there is no boot module ")
    .decimal(number + 1)
    .text(": the boot loader gave ");
  line.decimal(there).text("; name one with GRUB's module2 or QEMU's -initrd").end();
  return RESULT_GUEST_NOT_LOADED;
}
