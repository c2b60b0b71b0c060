// Hypercalls: VMCALL, or VMMCALL. RAX holds the number; Basalt's own start at HYPERCALL_FIRST.

import { RESULT_OK } from "../results";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { hypercallToVmm } from "../vcpu/answers";
import { Vcpu } from "../vcpu/vcpu";

/** Does nothing, and answers 0 in RAX: for measuring, and for guests that look whether Basalt is there. */
export const HYPERCALL_NOTHING: u64 = 0x42415301;

/** A part of each backend's run loop, for which it is written into both: a call would cost a dozen instructions. */
export class HypercallExit {
  /** Those that core answers itself; the rest is the vmm's. */
  @inline
  static answer(vcpu: Vcpu): u32 {
    if (vcpu.registers.rax == HYPERCALL_NOTHING) {
      vcpu.registers.rax = 0;
      return NEXT_INSTRUCTION;
    }
    return vcpu.mirrorsHost ? vcpu.stop(RESULT_OK) : hypercallToVmm(vcpu);
  }
}
