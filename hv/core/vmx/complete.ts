// The end of an instruction that exited and was carried out (SDM 3C 26.2, 28.3.3 and 28.3.4).

import { RFLAGS_RF, RFLAGS_TF } from "../../x86/control-registers";
import { ACCESS_RIGHTS_64_BIT } from "../../x86/segments";
import {
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_RIP,
  VM_EXIT_INSTRUCTION_LENGTH,
} from "../../x86/vmcs-fields";
import { vmread, vmwrite } from "../hardware";
import { NOWHERE } from "./vcpu-values";
import { VmxVcpu } from "./vmx-vcpu";

const LOW_32_BITS: u64 = 0xffffffff;
/** Blocking by STI, and by MOV SS or POP SS: bits of the interruptibility state (SDM 3C table 25-3). */
const BLOCKING_BY_STI_OR_MOV_SS: u64 = 3;
/** The bit of the pending debug exceptions that stands for a single step (SDM 3C table 25-4). */
const PENDING_SINGLE_STEP: u64 = 1 << 14;

/** For a handler that ends the VM behind the instruction: what run.ts does after NEXT_INSTRUCTION. */
export function advance(vcpu: VmxVcpu): void {
  const rip = vmread(GUEST_RIP);
  const next = rip + vmread(VM_EXIT_INSTRUCTION_LENGTH);
  vmwrite(GUEST_RIP, next);
  completeInstruction(vcpu, rip, next);
}

/**
 * RIP has been advanced from `rip` to `next`, past the instruction that exited: does the rest that an instruction's end
 * brings. No blocking by STI or MOV SS, no RFLAGS.RF, a single step's #DB.
 *
 * Asking for these costs as many VMCS accesses again as the advance. So run.ts asks only where `rip` is not `completedRip`:
 * an instruction that exits again and again, with no other one in between that did, was looked at the first time, and what
 * sets RFLAGS.TF in between is seen by the #DB that follows. Index.ts exports it, to keep it out of the run loop's code.
 */
export function completeInstruction(vcpu: VmxVcpu, rip: u64, next: u64): void {
  // Outside 64-bit mode RIP has 32 bits.
  const isWrapped = (rip ^ next) >> 32 != 0 && !(vmread(GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_64_BIT);
  if (isWrapped) vmwrite(GUEST_RIP, next & LOW_32_BITS);
  const blocking = vmread(GUEST_INTERRUPTIBILITY_STATE) & BLOCKING_BY_STI_OR_MOV_SS;
  if (blocking) vmwrite(GUEST_INTERRUPTIBILITY_STATE, vmread(GUEST_INTERRUPTIBILITY_STATE) & ~blocking);
  const flags = vmread(GUEST_RFLAGS) & (RFLAGS_RF | RFLAGS_TF);
  if (flags & RFLAGS_RF) vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) & ~RFLAGS_RF);
  if (flags & RFLAGS_TF) {
    vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, vmread(GUEST_PENDING_DEBUG_EXCEPTIONS) | PENDING_SINGLE_STEP);
  }
  // What was special now may be so again.
  vcpu.completedRip = isWrapped || blocking || flags ? NOWHERE : rip;
}
