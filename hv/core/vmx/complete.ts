// The end of an instruction that exited and was carried out (SDM 3C 26.2, 28.3.3 and 28.3.4).

import { RFLAGS_RF, RFLAGS_TF } from "../../x86/control-registers";
import { DEBUGCTL_BTF } from "../../x86/msr";
import { ACCESS_RIGHTS_64_BIT } from "../../x86/segments";
import { EXIT_REASON_IO_INSTRUCTION, exitReasonName } from "../../x86/exit-reasons";
import {
  EXIT_QUALIFICATION,
  EXIT_REASON,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_DR7,
  GUEST_IA32_DEBUGCTL,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_RIP,
} from "../../x86/vmcs-fields";
import { EXIT_PORT, EXIT_STRING_PORT } from "../../shared/vcpu-page";
import { LEVEL_DEBUG } from "../console/console";
import { vmread, vmwrite } from "../hardware";
import { RESUME } from "../vcpu/action";
import { DR7_ANY_ENABLED, portBreakpoints } from "../vcpu/port-breakpoints";
import { BLOCKING_BY_MOV_SS, BLOCKING_BY_STI, PENDING_BREAKPOINT, PENDING_SINGLE_STEP } from "./interruptibility";
import { onMonitorTrap } from "./step";
import { NOWHERE } from "./vcpu-values";
import { VmxVcpu } from "./vmx-vcpu";

/** In bytes. */
const LONGEST_INSTRUCTION: u64 = 15;
const LOW_32_BITS: u64 = 0xffffffff;
const SHADOWS: u64 = BLOCKING_BY_STI | BLOCKING_BY_MOV_SS;

/** For a handler that goes on behind the instruction by itself: what run.ts does after NEXT_INSTRUCTION, and `length` told. */
export function advanceBy(vcpu: VmxVcpu, length: u32): void {
  const rip = vmread(GUEST_RIP);
  const next = rip + length;
  vmwrite(GUEST_RIP, next);
  completeInstruction(vcpu, rip, next);
}

/**
 * As `advanceBy`, at an exit by a fault of the instruction: there RFLAGS.RF is saved as 1 (SDM 3C 28.3.3), so that it would be
 * special each time. All that an instruction's end depends on is looked at, and the usual case is done here: RESUME.
 */
export function advancePastFault(vcpu: VmxVcpu, length: u32): u32 {
  const rip = vmread(GUEST_RIP);
  const next = rip + length;
  const flags = vmread(GUEST_RFLAGS);
  const special = (flags & RFLAGS_TF) | (vmread(GUEST_INTERRUPTIBILITY_STATE) & SHADOWS) | ((rip ^ next) >> 32);
  vmwrite(GUEST_RIP, next);
  if ((special | vcpu.exitsToTrace) != 0) return completeSpecial(vcpu, rip, next);
  vmwrite(GUEST_RFLAGS, flags & ~RFLAGS_RF);
  vcpu.completedRip = NOWHERE;
  return RESUME;
}

/** Index.ts exports it, as `completeInstruction`. */
export function completeSpecial(vcpu: VmxVcpu, rip: u64, next: u64): u32 {
  completeInstruction(vcpu, rip, next);
  return RESUME;
}

/**
 * An iteration of a repeated instruction that exited is done, and others are to come: its debug traps, as completeInstruction's.
 * RFLAGS.RF keeps a breakpoint on the instruction itself from coming again (SDM 3B 17.3.1.1).
 */
export function completeIteration(vcpu: VmxVcpu): void {
  const rip = vmread(GUEST_RIP);
  completeInstruction(vcpu, rip, rip);
  vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) | RFLAGS_RF);
  vcpu.completedRip = NOWHERE;
}

/**
 * RIP has been advanced from `rip` to `next`, past the instruction that exited: does the rest that an instruction's end
 * brings. No blocking by STI or MOV SS, no RFLAGS.RF, the #DB of a single step or a breakpoint on a port.
 *
 * Asking for these costs as many VMCS accesses again as the advance. So run.ts asks only where `rip` is not `completedRip`:
 * an instruction that exits again and again, with no other one in between that did, was looked at the first time, and what
 * sets RFLAGS.TF in between is seen by the #DB that follows. What is not seen is a breakpoint on a port that a guest arms
 * between two turns of a loop in which its IN or OUT is all that exits. Index.ts exports it, to keep it out of the run loop's
 * code.
 */
export function completeInstruction(vcpu: VmxVcpu, rip: u64, next: u64): void {
  if (vcpu.exitsToTrace != 0) traceExit(vcpu, rip, next - rip);
  // No trap comes behind an instruction that exited (SDM 3C 26.5.2).
  if (vcpu.isStepping && vcpu.isMonitorTrapSeen) onMonitorTrap(vcpu);
  // Outside 64-bit mode RIP has 32 bits.
  // Near, because another instruction at the same place may be longer.
  const isNearWrap = (rip ^ (rip + LONGEST_INSTRUCTION)) >> 32 != 0 || (rip ^ next) >> 32 != 0;
  if (isNearWrap && !(vmread(GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_64_BIT)) vmwrite(GUEST_RIP, next & LOW_32_BITS);
  const blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);
  if (blocking & SHADOWS) vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking & ~SHADOWS);
  const flags = vmread(GUEST_RFLAGS);
  if (flags & RFLAGS_RF) vmwrite(GUEST_RFLAGS, flags & ~RFLAGS_RF);
  // That the vmm was asked about a port may be long ago, but is known without a VMCS access.
  const kind = vcpu.shared.exitKind;
  const mayBePort = kind == EXIT_PORT || kind == EXIT_STRING_PORT;
  const hasBreakpoints = mayBePort && (vmread(GUEST_DR7) & DR7_ANY_ENABLED) != 0;
  let traps = hasBreakpoints ? breakpointTraps(vcpu) : 0;
  // With BTF only a branch is a step, and no instruction that exits is one (SDM 3B 17.4.2).
  if (flags & RFLAGS_TF && !(vmread(GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF)) traps |= PENDING_SINGLE_STEP;
  if (traps != 0) vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, vmread(GUEST_PENDING_DEBUG_EXCEPTIONS) | traps);
  // What was special now may be so again.
  const isUsual = vcpu.exitsToTrace == 0 && !isNearWrap && (blocking & SHADOWS) == 0 && !hasBreakpoints;
  const isSpecial = !isUsual || (flags & (RFLAGS_RF | RFLAGS_TF)) != 0;
  vcpu.completedRip = isSpecial ? NOWHERE : rip;
}

/** In the form of the pending debug exceptions. */
function breakpointTraps(vcpu: VmxVcpu): u64 {
  if (<u16>vmread(EXIT_REASON) != EXIT_REASON_IO_INSTRUCTION) return 0;
  const met = portBreakpoints(vcpu, vmread(EXIT_QUALIFICATION));
  return met == 0 ? 0 : met | PENDING_BREAKPOINT;
}

/** At log level debug, tells the first instructions of a guest that exited one by one. */
function traceExit(vcpu: VmxVcpu, rip: u64, length: u64): void {
  vcpu.exitsToTrace--;
  const reason = <u32>vmread(EXIT_REASON);
  const line = vcpu.say(LEVEL_DEBUG).text("exit ").decimal(reason).text(" ").text(exitReasonName(reason));
  line.text(", RIP ").hex(rip).text(", length ").decimal(length);
  line.text(", qualification ").hex(vmread(EXIT_QUALIFICATION)).end();
}
