// IN and OUT: the vmm is asked, core changes the guest's registers.

import { ANSWER_NEXT_INSTRUCTION, EXIT_PORT } from "../../shared/vcpu-page";
import { IO_IS_IN, IO_IS_STRING, IO_SIZE_MASK } from "../../shared/port-access";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { askVmm, stopUnanswered } from "../vcpu/answers";
import { Vcpu } from "../vcpu/vcpu";

const LOW_32_BITS: u64 = 0xffffffff;

/** Carries out the IN or OUT that `access` describes, in the form of hv/shared/port-access.ts. */
export function onPort(vcpu: Vcpu, access: u64): u32 {
  const answer = askVmm(vcpu, EXIT_PORT, access);
  // INS and OUTS no answer can do.
  if (answer != ANSWER_NEXT_INSTRUCTION || access & IO_IS_STRING) return stopUnanswered(vcpu, answer);
  return access & IO_IS_IN ? takeValue(vcpu, access) : NEXT_INSTRUCTION;
}

/** What the vmm read goes to AL, AX or EAX. Index.ts exports it, to keep it out of the run loop's code. */
export function takeValue(vcpu: Vcpu, access: u64): u32 {
  const bits = ((access & IO_SIZE_MASK) + 1) << 3;
  // A value of 32 bits clears the upper half of RAX, a shorter one leaves the rest as it is (SDM 1 3.4.1.1).
  const kept = bits == 32 ? 0 : (vcpu.registers.rax >> bits) << bits;
  const mask = LOW_32_BITS >> (32 - bits);
  vcpu.registers.rax = kept | (vcpu.shared.ioValue & mask);
  return NEXT_INSTRUCTION;
}
