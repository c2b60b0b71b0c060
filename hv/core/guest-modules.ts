// A guest that is a boot module: the module is shown to its vmm, which loads it, with the guest's initrd and disk.

import { COMMAND_LINE_CAPACITY, COMMAND_LINE_OFFSET } from "../shared/vcpu-page";
import { BootModule } from "./boot/boot-modules";
import { FurtherModules, NO_MODULE } from "./boot/further-modules";
import { VmDescription } from "./boot/vm-description";
import { LEVEL_ERROR } from "./console/console";
import { Machine } from "./machine";
import { storeText } from "./memory/page-text";
import { ModuleWindow } from "./module-window";
import { RESULT_GUEST_NOT_LOADED, RESULT_OK } from "./results";
import { Vcpu } from "./vcpu/vcpu";
import { VmmMemory } from "./vmm-memory";

/**
 * Maps the boot modules of a VM into the memory of the vCPU's vmm: kernel and initrd read-only and as they are, the disk as it
 * may be used; and tells the vmm where they lie and what the kernel's command line is. RESULT_OK or why not.
 */
export function showModules(machine: Machine, vcpu: Vcpu, description: VmDescription, vmm: VmmMemory): u32 {
  const window = new ModuleWindow(machine, vcpu, vmm);
  const result = window.showLoaded(description.module);
  if (result != RESULT_OK) return result;
  const commandLine = commandLineFor(machine, machine.modules[description.module], description);
  if (<u32>commandLine.length > COMMAND_LINE_CAPACITY) {
    const line = vcpu.say(LEVEL_ERROR).text("the guest's command line has ").decimal(commandLine.length);
    line.text(" letters; expected ").decimal(COMMAND_LINE_CAPACITY).text(" at most").end();
    return RESULT_GUEST_NOT_LOADED;
  }
  vcpu.shared.moduleAddress = window.address;
  vcpu.shared.moduleBytes = window.bytes;
  vcpu.shared.moduleIsFlat = description.further.isFlat ? 1 : 0;
  vcpu.shared.commandLineBytes = commandLine.length;
  storeText(vcpu.page + COMMAND_LINE_OFFSET, commandLine);
  return showFurther(vcpu, description.further, window);
}

function showFurther(vcpu: Vcpu, further: FurtherModules, window: ModuleWindow): u32 {
  if (further.initrd != NO_MODULE) {
    const result = window.showLoaded(further.initrd);
    if (result != RESULT_OK) return result;
    vcpu.shared.initrdAddress = window.address;
    vcpu.shared.initrdBytes = window.bytes;
  }
  if (!further.hasDisk) return RESULT_OK;
  const isRam = further.ramDiskBytes != 0;
  const result = isRam ? window.showRamDisk() : window.showDisk(further.disk, further.diskIsReadOnly);
  if (result != RESULT_OK) return result;
  vcpu.shared.diskAddress = window.address;
  vcpu.shared.diskBytes = window.bytes;
  vcpu.shared.diskIsReadOnly = !isRam && further.diskIsReadOnly ? 1 : 0;
  return RESULT_OK;
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
