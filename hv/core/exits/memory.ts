// Accesses of a guest to guest-physical memory that is no RAM: the vmm carries them out.

import { ANSWER_EMULATED, EXIT_MEMORY, EXIT_MEMORY_MOVE } from "../../shared/vcpu-page";
import { vmmCall } from "../hardware";
import { RESULT_EVENT_BEYOND_RAM } from "../results";
import { actOnAnswer, askVmm, LONGEST_INSTRUCTION, stopAtExit } from "../vcpu/answers";
import { Vcpu } from "../vcpu/vcpu";
import { VMM_ENTRY_EXIT } from "../vmm";

/**
 * Has the vmm carry out the instruction at RIP if it is a MOV of which `access` to `gpa` is all: what the call came to. The
 * state that fetching needs is in the vCPU page, and no event was being delivered. As `onMemory` else.
 */
export function askToMove(vcpu: Vcpu, access: u64, gpa: u64, linear: u64): u64 {
  const shared = vcpu.shared;
  shared.exitKind = EXIT_MEMORY_MOVE;
  shared.instructionLength = 0;
  shared.access = access;
  shared.gpa = gpa;
  shared.linearAddress = linear;
  return vmmCall(vcpu.vm, VMM_ENTRY_EXIT, vcpu.vmmRoot);
}

/** Whether `askToMove` came to a MOV of `length` bytes that is done, without a word; RIP is to be advanced. */
export function isMoved(outcome: u64, length: u32): bool {
  // Of no bytes it is the largest number.
  return outcome == ANSWER_EMULATED && length - 1 < LONGEST_INSTRUCTION;
}

/**
 * Has the vmm carry out the instruction at RIP, which accessed `gpa`: `access` of ACCESS_*, `linear` valid with
 * ACCESS_HAS_LINEAR. A guest whose IDT, TSS or stack lies there is stopped: no instruction made the access.
 */
export function onMemory(vcpu: Vcpu, access: u64, gpa: u64, linear: u64): u32 {
  if (vcpu.events.recognised != 0) {
    return stopAtExit(vcpu, "an event is delivered through memory that is no RAM: ", RESULT_EVENT_BEYOND_RAM);
  }
  const shared = vcpu.shared;
  shared.gpa = gpa;
  shared.linearAddress = linear;
  shared.instructionLength = 0;
  vcpu.saveState();
  return actOnAnswer(vcpu, askVmm(vcpu, EXIT_MEMORY, access));
}
