// Asking a VM's vmm about an exit, and doing what it answers.

import {
  ANSWER_GUEST_ENDED,
  ANSWER_NEXT_INSTRUCTION,
  ANSWER_RESUME,
  EXIT_HALT,
  EXIT_HYPERCALL,
} from "../../shared/vcpu-page";
import { LEVEL_ERROR, LEVEL_INFO } from "../console/console";
import { vmmCall } from "../hardware";
import { RESULT_NOT_HANDLED, RESULT_OK, RESULT_VMM_STOPPED } from "../results";
import { reportStoppedVmm, VMM_ENTRY_EXIT, VMM_STOPPED } from "../vmm";
import { NEXT_INSTRUCTION, RESUME } from "./action";
import { Vcpu } from "./vcpu";

/**
 * Asks the vmm, which is the machine that the guest sees, about an exit of a kind EXIT_*, and prints what it has to say. Its
 * answer, one of ANSWER_*, or VMM_STOPPED. What else the kind needs is in the vCPU page already.
 */
export function askVmm(vcpu: Vcpu, kind: u32, access: u64): u32 {
  const shared = vcpu.shared;
  shared.exitKind = kind;
  shared.access = access;
  return vmmAnswer(vcpu, vmmCall(vcpu.vm, VMM_ENTRY_EXIT, vcpu.vmmRoot));
}

/** After a call of the vmm with `outcome`: its answer, or VMM_STOPPED; what it has to say is printed. */
export function vmmAnswer(vcpu: Vcpu, outcome: u64): u32 {
  const answer = outcome >> 32 == 0 ? <u32>outcome : reportStoppedVmm(vcpu);
  if (vcpu.shared.consoleLength != 0) vcpu.printVmmText(LEVEL_INFO);
  return answer;
}

/** A hypercall that core does not know: the vmm's matter. */
export function hypercallToVmm(vcpu: Vcpu): u32 {
  const answer = askVmm(vcpu, EXIT_HYPERCALL, 0);
  if (answer == ANSWER_RESUME) return RESUME;
  if (answer == ANSWER_NEXT_INSTRUCTION) return NEXT_INSTRUCTION;
  if (answer == ANSWER_GUEST_ENDED) return vcpu.stop(RESULT_OK);
  return stopUnanswered(vcpu, answer);
}

/**
 * After a guest's last HLT: its vmm, too, takes it for ended, and prints what it still has of the guest's text. It is no
 * part of the handler, so that the other HLT exits do not pay for it.
 */
export function confirmEnd(vcpu: Vcpu): void {
  const answer = askVmm(vcpu, EXIT_HALT, 0);
  if (answer != ANSWER_GUEST_ENDED) stopUnanswered(vcpu, answer);
}

/** Ends the VM whose vmm gave no answer that fits the exit. */
export function stopUnanswered(vcpu: Vcpu, answer: u32): u32 {
  return answer == VMM_STOPPED
    ? vcpu.stop(RESULT_VMM_STOPPED)
    : stopAtExit(vcpu, "the vmm has no answer to ", RESULT_NOT_HANDLED);
}

/** Ends the VM at its last exit, with a line that starts with `what`. */
export function stopAtExit(vcpu: Vcpu, what: string, result: u32): u32 {
  const line = vcpu.say(LEVEL_ERROR).text(what);
  vcpu.describeExit(line);
  line.text("; this VM ends").end();
  return vcpu.stop(result);
}
