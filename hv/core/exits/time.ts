// RDTSC of a guest, where it exits.

import { rdtsc } from "../hardware";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { Vcpu } from "../vcpu/vcpu";

/** The upper halves of RAX and RDX are cleared (SDM 2B, "RDTSC"). */
export function onRdtsc(vcpu: Vcpu): u32 {
  const now = rdtsc() + vcpu.tscOffset;
  vcpu.registers.rax = now & 0xffffffff;
  vcpu.registers.rdx = now >> 32;
  return NEXT_INSTRUCTION;
}
