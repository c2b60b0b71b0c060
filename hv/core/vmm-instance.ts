// Creating a VM's vmm instance, which loads the guest.

import { GUEST_MODULE } from "../shared/guests";
import { ANSWER_RESUME, VCPU_PAGE_IN_VMM } from "../shared/vcpu-page";
import { CONSOLE_RAW, VmDescription } from "./boot/vm-description";
import { LEVEL_ERROR, LEVEL_INFO } from "./console/console";
import { OwnMark } from "./console/own-mark";
import { seedVmm } from "./cpu/seed";
import { wallClockSeconds } from "./firmware/wall-clock";
import { GUEST_KINDS } from "./guest-kinds";
import { showModules } from "./guest-modules";
import { MAP_WRITABLE, VMM_STATE_BYTES } from "./hardware";
import { Machine } from "./machine";
import { PAGE_BYTES } from "./memory/page-pool";
import { RESULT_GUEST_NOT_LOADED, RESULT_OK, RESULT_VMM_NOT_CREATED, RESULT_VMM_STOPPED } from "./results";
import { VmArea, VMM_OWN_BYTES } from "./vm-area";
import { callVmm, VMM_ENTRY_CREATE, VMM_ENTRY_RESET, VMM_ENTRY_START, VMM_STOPPED } from "./vmm";
import { canStartIn } from "./vcpu/start-states";
import { Vcpu } from "./vcpu/vcpu";
import { VmmMemory } from "./vmm-memory";

/** Where a vmm has its statics and its heap (boot/runtime/runtime.h's MODULE_OWN_START). */
const VMM_OWN_START: u64 = 0xc0000000;

/**
 * Maps the VM's memory into a vmm instance, which `vmm` remembers, and lets it build the guest. RESULT_OK or why not.
 */
export function createVmm(machine: Machine, area: VmArea, vcpu: Vcpu, description: VmDescription, vmm: VmmMemory): u32 {
  const guest = description.guest;
  const memory = vcpu.memory;
  const state = area.pool.allocateAdjacent(<u32>VMM_STATE_BYTES / PAGE_BYTES);
  if (state == 0) return memory.sayNoPageLeft();
  const page = area.pool.physicalAddress(vcpu.page);
  const isMapped =
    vmm.map(VMM_OWN_START, area.vmmOwn, VMM_OWN_BYTES, MAP_WRITABLE) &&
    vmm.map(VCPU_PAGE_IN_VMM, page, PAGE_BYTES, MAP_WRITABLE);
  const stateAddress = area.pool.physicalAddress(state);
  if (!isMapped || !vmm.instantiate(stateAddress, memory.ramBytes, changetype<usize>(memory))) {
    vcpu.say(LEVEL_ERROR).text("no vmm instance: its memory could not be mapped").end();
    return RESULT_VMM_NOT_CREATED;
  }
  if (guest == GUEST_MODULE) {
    const result = showModules(machine, vcpu, description, vmm);
    if (result != RESULT_OK) return result;
  }
  vcpu.shared.ramBytes = memory.ramBytes;
  vcpu.shared.guest = guest;
  vcpu.shared.iterations = description.iterations;
  const isRaw = description.console == CONSOLE_RAW;
  vcpu.shared.hasRawConsole = isRaw ? 1 : 0;
  if (isRaw) vcpu.ownMark = new OwnMark();
  vcpu.shared.startSeconds = wallClockSeconds();
  seedVmm(vcpu.shared, vcpu.shared.startSeconds);
  if (callVmm(vcpu, VMM_ENTRY_START, 0) == VMM_STOPPED) return RESULT_VMM_STOPPED;
  vcpu.vmmRoot = callVmm(vcpu, VMM_ENTRY_CREATE, VCPU_PAGE_IN_VMM);
  return vcpu.vmmRoot == VMM_STOPPED ? RESULT_VMM_STOPPED : resetVmm(vcpu, guest);
}

/** Has the vmm bring its machine into the state after power-on, and load the guest: RESULT_OK or why not. */
export function resetVmm(vcpu: Vcpu, guest: u32): u32 {
  const answer = callVmm(vcpu, VMM_ENTRY_RESET, vcpu.vmmRoot);
  vcpu.printVmmText(answer == ANSWER_RESUME ? LEVEL_INFO : LEVEL_ERROR);
  if (answer == ANSWER_RESUME) return checkStartMode(vcpu, GUEST_KINDS[guest]);
  if (answer == VMM_STOPPED) return RESULT_VMM_STOPPED;
  if (guest == GUEST_MODULE) return RESULT_GUEST_NOT_LOADED;
  vcpu.say(LEVEL_ERROR).text("the vmm did not load its guest; its answer is ").decimal(answer).end();
  return RESULT_VMM_NOT_CREATED;
}

function checkStartMode(vcpu: Vcpu, kind: u32): u32 {
  const mode = vcpu.shared.startMode;
  if (canStartIn(kind, mode)) return RESULT_OK;
  const line = vcpu.say(LEVEL_ERROR).text("the vmm asks for start mode ").decimal(mode);
  line.text(", which this guest's kind has not").end();
  return RESULT_VMM_NOT_CREATED;
}
