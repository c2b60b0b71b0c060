// I/O instructions (SDM 3C 28.2.1, table 28-5): the vmm is asked, core changes the guest's registers.

import { ANSWER_NEXT_INSTRUCTION } from "../../shared/vcpu-page";
import { IO_IS_IN, IO_IS_STRING, IO_SIZE_MASK } from "../../shared/port-access";
import { Vcpu } from "./vcpu";

const LOW_32_BITS: u64 = 0xffffffff;

/**
 * Completes the IN or OUT with exit qualification `qualification` after the vmm's `answer`. False where the answer
 * completes nothing: it is another one, or the instruction is INS or OUTS, which no answer can do.
 */
export function completeIo(vcpu: Vcpu, qualification: u64, answer: u32): bool {
  if (answer != ANSWER_NEXT_INSTRUCTION || qualification & IO_IS_STRING) return false;
  if (!(qualification & IO_IS_IN)) return true;
  const bits = ((qualification & IO_SIZE_MASK) + 1) << 3;
  // A value of 32 bits clears the upper half of RAX, a shorter one leaves the rest as it is (SDM 1 3.4.1.1).
  const kept = bits == 32 ? 0 : (vcpu.registers.rax >> bits) << bits;
  const mask = LOW_32_BITS >> (32 - bits);
  vcpu.registers.rax = kept | (vcpu.shared.ioValue & mask);
  return true;
}
