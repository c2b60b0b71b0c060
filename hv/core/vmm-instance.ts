// Creating a VM's vmm instance, which loads the guest.

import { GUEST_MODULE } from "../shared/guests";
import { ANSWER_RESUME, VCPU_PAGE_IN_VMM } from "../shared/vcpu-page";
import { VmDescription } from "./boot/vm-description";
import { LEVEL_ERROR, LEVEL_INFO } from "./console/console";
import { GuestMemory } from "./guest-memory";
import { showModule } from "./guest-module";
import { VMM_MAP_WRITABLE, vmmInstantiate, vmmMap } from "./hardware";
import { Machine } from "./machine";
import { PAGE_BYTES } from "./memory/page-pool";
import { RESULT_GUEST_NOT_LOADED, RESULT_OK, RESULT_VMM_NOT_CREATED, RESULT_VMM_STOPPED } from "./results";
import { callVmm, VMM_ENTRY_CREATE, VMM_ENTRY_RESET, VMM_ENTRY_START, VMM_STOPPED } from "./vmm";
import { Vcpu } from "./vcpu/vcpu";

/** Maps the VM's memory into a vmm instance and lets it build the guest. RESULT_OK or why not. */
export function createVmm(machine: Machine, vcpu: Vcpu, description: VmDescription, memory: GuestMemory): u32 {
  const guest = description.guest;
  const page = machine.pool.physicalAddress(vcpu.page);
  const isMapped = memory.mapVmmOwn() && vmmMap(vcpu.vm, VCPU_PAGE_IN_VMM, page, PAGE_BYTES, VMM_MAP_WRITABLE) == 0;
  if (!isMapped || vmmInstantiate(vcpu.vm, memory.ramBytes, changetype<usize>(memory)) != 0) {
    vcpu.say(LEVEL_ERROR).text("no vmm instance: its memory could not be mapped").end();
    return RESULT_VMM_NOT_CREATED;
  }
  if (guest == GUEST_MODULE) {
    const result = showModule(machine, vcpu, description);
    if (result != RESULT_OK) return result;
  }
  vcpu.shared.ramBytes = memory.ramBytes;
  vcpu.shared.guest = guest;
  vcpu.shared.iterations = description.iterations;
  if (callVmm(vcpu, VMM_ENTRY_START, 0) == VMM_STOPPED) return RESULT_VMM_STOPPED;
  vcpu.vmmRoot = callVmm(vcpu, VMM_ENTRY_CREATE, VCPU_PAGE_IN_VMM);
  const answer = vcpu.vmmRoot == VMM_STOPPED ? VMM_STOPPED : callVmm(vcpu, VMM_ENTRY_RESET, vcpu.vmmRoot);
  vcpu.printVmmText(answer == ANSWER_RESUME ? LEVEL_INFO : LEVEL_ERROR);
  if (answer == ANSWER_RESUME) return RESULT_OK;
  if (answer == VMM_STOPPED) return RESULT_VMM_STOPPED;
  if (guest == GUEST_MODULE) return RESULT_GUEST_NOT_LOADED;
  vcpu.say(LEVEL_ERROR).text("the vmm did not load its guest; its answer is ").decimal(answer).end();
  return RESULT_VMM_NOT_CREATED;
}
