// IN and OUT: the vmm is asked, core changes the guest's registers.

import { ANSWER_AND_REQUEST, ANSWER_NEXT_INSTRUCTION, EXIT_PORT, EXIT_STRING_PORT } from "../../shared/vcpu-page";
import { IO_IS_IN, IO_IS_SINGLE, IO_IS_STRING, IO_SIZE_MASK } from "../../shared/port-access";
import { vmmCall } from "../hardware";
import { NEXT_INSTRUCTION, RESUME } from "../vcpu/action";
import { actOnAnswer, askVmm, vmmAnswer } from "../vcpu/answers";
import { portBreakpoints } from "../vcpu/port-breakpoints";
import { Vcpu } from "../vcpu/vcpu";
import { VMM_ENTRY_EXIT } from "../vmm";

const LOW_32_BITS: u64 = 0xffffffff;

/** A part of each backend's run loop, for which it is written into both: a call would cost a dozen instructions. */
export class PortExit {
  /**
   * Carries out the IN or OUT that `access` describes, in the form of hv/shared/port-access.ts. An OUT that the vmm took without
   * a word is the commonest exit to a vmm: so it is answered here, and the rest elsewhere.
   */
  @inline
  static answer(vcpu: Vcpu, access: u64): u32 {
    if (access & (IO_IS_IN | IO_IS_STRING)) return onInOrString(vcpu, access);
    const shared = vcpu.shared;
    shared.exitKind = EXIT_PORT;
    shared.access = access;
    const outcome = vmmCall(vcpu.slot, VMM_ENTRY_EXIT, vcpu.vmmRoot);
    return outcome == ANSWER_NEXT_INSTRUCTION ? NEXT_INSTRUCTION : finishPort(vcpu, outcome);
  }
}

/** The rest of an OUT after a call of the vmm. Index.ts exports it, to keep it out of the run loop's code. */
export function finishPort(vcpu: Vcpu, outcome: u64): u32 {
  vcpu.askedKind = EXIT_PORT;
  if (outcome == (ANSWER_NEXT_INSTRUCTION | ANSWER_AND_REQUEST)) {
    vcpu.heedRequests();
    return vcpu.interruptBehindInstruction() ? RESUME : NEXT_INSTRUCTION;
  }
  return actOnAnswer(vcpu, vmmAnswer(vcpu, outcome));
}

/** IN, INS and OUTS. Index.ts exports it, as `finishPort`. */
export function onInOrString(vcpu: Vcpu, access: u64): u32 {
  if (access & IO_IS_STRING) return onStringPort(vcpu, access);
  const answer = askVmm(vcpu, EXIT_PORT, access);
  if (answer != ANSWER_NEXT_INSTRUCTION) return actOnAnswer(vcpu, answer);
  const bits = ((access & IO_SIZE_MASK) + 1) << 3;
  // A value of 32 bits clears the upper half of RAX, a shorter one leaves the rest as it is (SDM 1 3.4.1.1).
  const kept = bits == 32 ? 0 : (vcpu.registers.rax >> bits) << bits;
  const mask = LOW_32_BITS >> (32 - bits);
  vcpu.registers.rax = kept | (vcpu.shared.ioValue & mask);
  return NEXT_INSTRUCTION;
}

function onStringPort(vcpu: Vcpu, access: u64): u32 {
  vcpu.shared.instructionLength = 0;
  vcpu.saveState();
  const seen = portBreakpoints(vcpu, access) == 0 ? access : access | IO_IS_SINGLE;
  return actOnAnswer(vcpu, askVmm(vcpu, EXIT_STRING_PORT, seen));
}
