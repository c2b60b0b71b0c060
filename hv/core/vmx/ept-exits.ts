// EPT violations and misconfigurations (SDM 3C 28.2.1, table 28-7, and 29.3.3).

import {
  EPT_VIOLATION_ACCESS,
  EPT_VIOLATION_ALLOWED,
  EPT_VIOLATION_ALLOWED_SHIFT,
  EPT_VIOLATION_ASYNCHRONOUS,
  EPT_VIOLATION_EXECUTE_DISABLED,
  EPT_VIOLATION_LINEAR_VALID,
  EPT_VIOLATION_NMI_UNBLOCKING,
  EPT_VIOLATION_OF_TRANSLATION,
  EPT_VIOLATION_SHADOW_STACK,
  EPT_VIOLATION_USER_ADDRESS,
  EPT_VIOLATION_USER_EXECUTABLE,
  EPT_VIOLATION_WRITABLE_ADDRESS,
} from "../../x86/ept-violation";
import { INTERRUPTION_VALID } from "../../x86/exceptions";
import {
  EXIT_QUALIFICATION,
  GUEST_LINEAR_ADDRESS,
  GUEST_PHYSICAL_ADDRESS,
  IDT_VECTORING_INFORMATION,
} from "../../x86/vmcs-fields";
import {
  ACCESS_HAS_LINEAR,
  ACCESS_OF_PAGING,
  ANSWER_EMULATED,
  ANSWER_STATE_NEEDED,
  EXIT_MEMORY_MOVE,
} from "../../shared/vcpu-page";
import { LEVEL_ERROR } from "../console/console";
import { onMemory } from "../exits/memory";
import { onMemoryFault, stopAtMemory } from "../exits/memory-fault";
import { BEYOND_RAM, POPULATED } from "../guest-memory";
import { vmmCall, vmread } from "../hardware";
import { RESULT_EPT_MISCONFIGURATION, RESULT_NOT_HANDLED } from "../results";
import { RESUME, STOP } from "../vcpu/action";
import { actOnAnswer, LONGEST_INSTRUCTION, vmmAnswer } from "../vcpu/answers";
import { advancePastFault } from "./complete";
import { saveFetchState } from "./cpu-state";
import { VMM_ENTRY_EXIT } from "../vmm";
import { keepInterruptedEvent } from "./vectoring";
import { VmxVcpu } from "./vmx-vcpu";

// An access to the operand of an instruction, with nothing else to it.
const OPERAND_MASK: u64 =
  EPT_VIOLATION_LINEAR_VALID |
  EPT_VIOLATION_OF_TRANSLATION |
  EPT_VIOLATION_NMI_UNBLOCKING |
  EPT_VIOLATION_SHADOW_STACK |
  EPT_VIOLATION_ASYNCHRONOUS;
const OPERAND: u64 = EPT_VIOLATION_LINEAR_VALID | EPT_VIOLATION_OF_TRANSLATION;

/**
 * An access beyond RAM is nearly always a MOV to or from a device, and the vmm is asked about that first. What is before the
 * call of the vmm and what is behind it are functions of their own: that call leaves no register as it was.
 */
export function onEptViolation(vcpu: VmxVcpu): u32 {
  const gpa = vmread(GUEST_PHYSICAL_ADDRESS);
  if (gpa < vcpu.memory.ramBytes || !describeMove(vcpu, gpa)) return onAnyViolation(vcpu);
  const outcome = vmmCall(vcpu.slot, VMM_ENTRY_EXIT, vcpu.vmmRoot);
  return outcome == ANSWER_EMULATED ? endMove(vcpu) : finishMove(vcpu, outcome);
}

/**
 * Fills in the vCPU page for EXIT_MEMORY_MOVE. False where the access is not just that of an operand. Index.ts
 * exports it and those below, to keep them out of each other's code.
 */
export function describeMove(vcpu: VmxVcpu, gpa: u64): bool {
  const qualification = vmread(EXIT_QUALIFICATION);
  if ((qualification & OPERAND_MASK) != OPERAND || vcpu.mirrorsHost) return false;
  if (vmread(IDT_VECTORING_INFORMATION) & INTERRUPTION_VALID) return false;
  saveFetchState(vcpu);
  const shared = vcpu.shared;
  shared.exitKind = EXIT_MEMORY_MOVE;
  shared.access = (qualification & EPT_VIOLATION_ACCESS) | ACCESS_HAS_LINEAR;
  shared.gpa = gpa;
  shared.linearAddress = vmread(GUEST_LINEAR_ADDRESS);
  return true;
}

/** The vmm has carried out a MOV without a word. */
export function endMove(vcpu: VmxVcpu): u32 {
  const length = vcpu.shared.instructionLength;
  // Of no bytes it is the largest number.
  return length - 1 < LONGEST_INSTRUCTION ? advancePastFault(vcpu, length) : finishMove(vcpu, ANSWER_EMULATED);
}

/** What is no plain MOV, or makes the vmm say something. */
export function finishMove(vcpu: VmxVcpu, outcome: u64): u32 {
  vcpu.askedKind = EXIT_MEMORY_MOVE;
  const answer = vmmAnswer(vcpu, outcome);
  if (answer != ANSWER_STATE_NEEDED) return actOnAnswer(vcpu, answer);
  return onBeyondRam(vcpu, vmread(GUEST_PHYSICAL_ADDRESS), vmread(EXIT_QUALIFICATION));
}

/** Any EPT violation. RAM that is touched for the first time takes few instructions. */
export function onAnyViolation(vcpu: VmxVcpu): u32 {
  const isUnblockedByIret = (vmread(EXIT_QUALIFICATION) & EPT_VIOLATION_NMI_UNBLOCKING) != 0;
  const wasDelivering = (vmread(IDT_VECTORING_INFORMATION) & INTERRUPTION_VALID) != 0;
  // The call is what both are asked for here.
  if (isUnblockedByIret || wasDelivering) keepInterruptedEvent(vcpu, isUnblockedByIret);
  const status = vcpu.memory.populate(vmread(GUEST_PHYSICAL_ADDRESS));
  return status == POPULATED ? RESUME : onUnpopulated(vcpu, status);
}

/** `status` is why there was nothing to populate. */
export function onUnpopulated(vcpu: VmxVcpu, status: u32): u32 {
  const gpa = vmread(GUEST_PHYSICAL_ADDRESS);
  const qualification = vmread(EXIT_QUALIFICATION);
  if (status == BEYOND_RAM && !vcpu.mirrorsHost) return onBeyondRam(vcpu, gpa, qualification);
  readViolation(vcpu, gpa, qualification);
  return onMemoryFault(vcpu, vcpu.fault, status);
}

function onBeyondRam(vcpu: VmxVcpu, gpa: u64, qualification: u64): u32 {
  const action = onMemory(vcpu, accessOf(qualification), gpa, vmread(GUEST_LINEAR_ADDRESS));
  if (action != STOP || vcpu.result != RESULT_NOT_HANDLED) return action;
  readViolation(vcpu, gpa, qualification);
  return stopAtMemory(vcpu, vcpu.fault);
}

/** In the form of ACCESS_*: the SDM's bits 2:0 are those of reads, writes and fetches. */
function accessOf(qualification: u64): u64 {
  const access = qualification & EPT_VIOLATION_ACCESS;
  if (!(qualification & EPT_VIOLATION_LINEAR_VALID)) return access;
  return qualification & EPT_VIOLATION_OF_TRANSLATION
    ? access | ACCESS_HAS_LINEAR
    : access | ACCESS_HAS_LINEAR | ACCESS_OF_PAGING;
}

/** Fills the vCPU's MemoryFault from the VMCS. */
function readViolation(vcpu: VmxVcpu, gpa: u64, qualification: u64): void {
  const fault = vcpu.fault;
  const hasLinear = (qualification & EPT_VIOLATION_LINEAR_VALID) != 0;
  const isTranslated = hasLinear && (qualification & EPT_VIOLATION_OF_TRANSLATION) != 0;
  fault.gpa = gpa;
  fault.linearAddress = hasLinear ? vmread(GUEST_LINEAR_ADDRESS) : 0;
  fault.access = accessOf(qualification);
  // Bits 5:3 are READ, WRITE and EXECUTE.
  fault.allowed = <u32>((qualification >> EPT_VIOLATION_ALLOWED_SHIFT) & EPT_VIOLATION_ALLOWED);
  fault.isUserExecutable = vcpu.hasModeBasedExecution && (qualification & EPT_VIOLATION_USER_EXECUTABLE) != 0;
  fault.hasGuestPaging = isTranslated && vcpu.hasAdvancedViolations;
  fault.isUserAddress = (qualification & EPT_VIOLATION_USER_ADDRESS) != 0;
  fault.isGuestWritable = (qualification & EPT_VIOLATION_WRITABLE_ADDRESS) != 0;
  fault.isGuestExecuteDisabled = (qualification & EPT_VIOLATION_EXECUTE_DISABLED) != 0;
  fault.unblocksNmis = (qualification & EPT_VIOLATION_NMI_UNBLOCKING) != 0;
  fault.isShadowStack = (qualification & EPT_VIOLATION_SHADOW_STACK) != 0;
  fault.isAsynchronous = (qualification & EPT_VIOLATION_ASYNCHRONOUS) != 0;
}

export function onEptMisconfiguration(vcpu: VmxVcpu): u32 {
  const gpa = vmread(GUEST_PHYSICAL_ADDRESS);
  const line = vcpu.say(LEVEL_ERROR).text("EPT misconfiguration at guest-physical ").hex(gpa, 16).text(": ");
  vcpu.memory.nestedPaging!.explainEntry(gpa, line);
  line.text("; this VM ends").end();
  return vcpu.stop(RESULT_EPT_MISCONFIGURATION);
}
