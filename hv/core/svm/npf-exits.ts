// Exits by nested page faults (APM 2 15.25.6).

import { ACCESS_FETCH, ACCESS_HAS_LINEAR, ACCESS_OF_PAGING, ACCESS_READ, ACCESS_WRITE } from "../../shared/vcpu-page";
import { ANSWER_EMULATED, ANSWER_STATE_NEEDED, EXIT_MEMORY_MOVE } from "../../shared/vcpu-page";
import {
  INTERRUPTION_VALID,
  PAGE_FAULT_FETCH,
  PAGE_FAULT_PRESENT,
  PAGE_FAULT_RESERVED,
  PAGE_FAULT_USER,
  PAGE_FAULT_WRITE,
} from "../../x86/exceptions";
import {
  NPF_OF_GUEST_TABLE,
  NPF_OF_TRANSLATION,
  VMCB_CS,
  VMCB_EXITINFO1,
  VMCB_EXITINFO2,
  VMCB_EXITINTINFO,
  VMCB_RIP,
  VMCB_SEGMENT_BASE,
} from "../../x86/vmcb";
import { LEVEL_ERROR } from "../console/console";
import { onMemory } from "../exits/memory";
import { onMemoryFault, stopAtMemory } from "../exits/memory-fault";
import { BEYOND_RAM, POPULATED } from "../guest-memory";
import { vmmCall } from "../hardware";
import { MAPPING_OK } from "../memory/mapping-status";
import { RESULT_EPT_MISCONFIGURATION, RESULT_NOT_HANDLED } from "../results";
import { RESUME, STOP } from "../vcpu/action";
import { actOnAnswer, LONGEST_INSTRUCTION, vmmAnswer } from "../vcpu/answers";
import { VMM_ENTRY_EXIT } from "../vmm";
import { advanceBy } from "./complete";
import { saveFetchState } from "./cpu-state";
import { SvmVcpu } from "./svm-vcpu";
import { keepInterruptedEvent } from "./vectoring";

/** Of a read or a write of an instruction's operand, bits 1 and 2 are free, and bit 32 is set. */
const OPERAND_FREE: u64 = PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE | PAGE_FAULT_USER;

/** As hv/core/vmx/ept-exits.ts: an access beyond RAM is nearly always a MOV to or from a device. */
export function onNestedPageFault(vcpu: SvmVcpu): u32 {
  const gpa = vcpu.vmcb.read64(VMCB_EXITINFO2);
  if (gpa < vcpu.memory.ramBytes || !describeMove(vcpu, gpa)) return onAnyFault(vcpu);
  const outcome = vmmCall(vcpu.slot, VMM_ENTRY_EXIT, vcpu.vmmRoot);
  return outcome == ANSWER_EMULATED ? endMove(vcpu) : finishMove(vcpu, outcome);
}

/**
 * Fills in the vCPU page for EXIT_MEMORY_MOVE. False where the access is not just that of an operand. The processor does not
 * tell the linear address.
 */
function describeMove(vcpu: SvmVcpu, gpa: u64): bool {
  const vmcb = vcpu.vmcb;
  const information = vmcb.read64(VMCB_EXITINFO1);
  if ((information & ~OPERAND_FREE) != NPF_OF_TRANSLATION || vcpu.mirrorsHost) return false;
  if (vmcb.read64(VMCB_EXITINTINFO) & INTERRUPTION_VALID) return false;
  saveFetchState(vcpu);
  const shared = vcpu.shared;
  shared.exitKind = EXIT_MEMORY_MOVE;
  shared.access = ACCESS_HAS_LINEAR | (information & PAGE_FAULT_WRITE ? ACCESS_WRITE : ACCESS_READ);
  shared.gpa = gpa;
  shared.linearAddress = gpa;
  return true;
}

/** The vmm has carried out a MOV without a word. */
function endMove(vcpu: SvmVcpu): u32 {
  const length = vcpu.shared.instructionLength;
  // Of no bytes it is the largest number.
  if (length - 1 >= LONGEST_INSTRUCTION) return finishMove(vcpu, ANSWER_EMULATED);
  advanceBy(vcpu, length);
  return RESUME;
}

/** What is no plain MOV, or makes the vmm say something. Index.ts exports it and those below, as ept-exits.ts's. */
export function finishMove(vcpu: SvmVcpu, outcome: u64): u32 {
  vcpu.askedKind = EXIT_MEMORY_MOVE;
  const answer = vmmAnswer(vcpu, outcome);
  if (answer != ANSWER_STATE_NEEDED) return actOnAnswer(vcpu, answer);
  return onBeyondRam(vcpu, vcpu.vmcb.read64(VMCB_EXITINFO2), vcpu.vmcb.read64(VMCB_EXITINFO1));
}

/** Any nested page fault. RAM that is touched for the first time takes few instructions. */
export function onAnyFault(vcpu: SvmVcpu): u32 {
  keepInterruptedEvent(vcpu);
  const status = vcpu.memory.populate(vcpu.vmcb.read64(VMCB_EXITINFO2));
  return status == POPULATED ? RESUME : onUnpopulated(vcpu, status);
}

function onUnpopulated(vcpu: SvmVcpu, status: u32): u32 {
  const gpa = vcpu.vmcb.read64(VMCB_EXITINFO2);
  const information = vcpu.vmcb.read64(VMCB_EXITINFO1);
  if (information & PAGE_FAULT_RESERVED) return stopAtReserved(vcpu, gpa);
  if (status == BEYOND_RAM && !vcpu.mirrorsHost) return onBeyondRam(vcpu, gpa, information);
  describeFault(vcpu, gpa, information);
  return onMemoryFault(vcpu, vcpu.fault, status);
}

function onBeyondRam(vcpu: SvmVcpu, gpa: u64, information: u64): u32 {
  const action = onMemory(vcpu, accessOf(information) & ~ACCESS_HAS_LINEAR, gpa, 0);
  if (action != STOP || vcpu.result != RESULT_NOT_HANDLED) return action;
  describeFault(vcpu, gpa, information);
  return stopAtMemory(vcpu, vcpu.fault);
}

/** In the form of ACCESS_*. The linear address is known of a fetch alone: it is where RIP is. */
function accessOf(information: u64): u64 {
  let access = information & PAGE_FAULT_WRITE ? ACCESS_WRITE : ACCESS_READ;
  if (information & NPF_OF_GUEST_TABLE) return access | ACCESS_OF_PAGING;
  if (information & PAGE_FAULT_FETCH) access = ACCESS_FETCH | ACCESS_HAS_LINEAR;
  return access;
}

/** Fills the vCPU's MemoryFault. */
function describeFault(vcpu: SvmVcpu, gpa: u64, information: u64): void {
  const fault = vcpu.fault;
  const vmcb = vcpu.vmcb;
  const access = accessOf(information);
  const translation = vcpu.translation;
  const paging = vcpu.memory.nestedPaging;
  fault.gpa = gpa;
  fault.access = access;
  fault.linearAddress =
    access & ACCESS_HAS_LINEAR ? vmcb.read64(VMCB_CS + VMCB_SEGMENT_BASE) + vmcb.read64(VMCB_RIP) : 0;
  const isMapped = paging != null && paging.query(gpa, translation) == MAPPING_OK;
  fault.allowed = isMapped ? translation.permissions : 0;
  fault.hasGuestPaging = false;
  fault.unblocksNmis = false;
}

/** Nothing of Basalt sets such a bit: this machine's memory failed, or a defect of Basalt's did. */
function stopAtReserved(vcpu: SvmVcpu, gpa: u64): u32 {
  const line = vcpu.say(LEVEL_ERROR).text("a reserved bit in the nested page tables at guest-physical ").hex(gpa, 16);
  vcpu.memory.nestedPaging!.explainEntry(gpa, line.text(": "));
  line.text("; this VM ends").end();
  return vcpu.stop(RESULT_EPT_MISCONFIGURATION);
}
