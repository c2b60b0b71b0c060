// The end of an instruction that exited and was carried out: what its last micro-operation would have brought (APM 2 15.7).

import { RFLAGS_RF, RFLAGS_TF } from "../../x86/control-registers";
import { DEBUGCTL_BTF } from "../../x86/msr";
import { SVM_EXIT_IOIO, svmExitName } from "../../x86/svm-exit-codes";
import {
  INTERRUPT_STATE_SHADOW,
  VMCB_CS,
  VMCB_DR7,
  VMCB_EXITCODE,
  VMCB_EXITINFO1,
  VMCB_EXITINFO2,
  VMCB_INTERRUPT_STATE,
  VMCB_RFLAGS,
  VMCB_RIP,
  VMCB_SEGMENT_ATTRIBUTES,
} from "../../x86/vmcb";
import { ACCESS_RIGHTS_64_BIT } from "../../x86/segments";
import { LEVEL_DEBUG } from "../console/console";
import { DR6_BS, raiseDebugException } from "../vcpu/debug-exception";
import { DR7_ANY_ENABLED, portBreakpoints } from "../vcpu/port-breakpoints";
import { STATE_DEBUGCTL } from "../vcpu/state";
import { portAccessOf } from "./ioio";
import { accessRightsOf } from "./segments";
import { SvmVcpu } from "./svm-vcpu";

const LOW_32_BITS: u64 = 0xffffffff;

/** Goes on behind the instruction at RIP, which has `length` bytes and accessed no port. */
export function advanceBy(vcpu: SvmVcpu, length: u32): void {
  advanceFrom(vcpu, vcpu.saved.read64(VMCB_RIP), length, 0);
}

/** As `advanceBy`, of IN, OUT, INS and OUTS: there may be a breakpoint on the port. */
export function advancePastPort(vcpu: SvmVcpu, length: u32): void {
  advanceFrom(vcpu, vcpu.saved.read64(VMCB_RIP), length, vcpu.saved.read64(VMCB_DR7) & DR7_ANY_ENABLED);
}

/** As `advanceBy`, where RIP is known, and some bit of `special` is 1 if there is more to do than usual. */
function advanceFrom(vcpu: SvmVcpu, rip: u64, length: u32, special: u64): void {
  const saved = vcpu.saved;
  const next = rip + length;
  saved.write64(VMCB_RIP, next);
  const flags = saved.read64(VMCB_RFLAGS) & (RFLAGS_RF | RFLAGS_TF);
  const shadow = vcpu.vmcb.read64(VMCB_INTERRUPT_STATE) & INTERRUPT_STATE_SHADOW;
  if ((special | flags | shadow | ((rip ^ next) >> 32) | vcpu.exitsToTrace) != 0) completeSpecial(vcpu, rip, next);
}

/** What few instructions' ends have; true. Index.ts exports it, to keep it out of the run loop's code. */
export function completeSpecial(vcpu: SvmVcpu, rip: u64, next: u64): bool {
  const vmcb = vcpu.vmcb;
  if (vcpu.exitsToTrace != 0) traceExit(vcpu, rip, next - rip);
  // Outside 64-bit mode RIP has 32 bits.
  const isWrap = (rip ^ next) >> 32 != 0;
  const codeRights = accessRightsOf(vmcb.read16(VMCB_CS + VMCB_SEGMENT_ATTRIBUTES));
  if (isWrap && !(codeRights & ACCESS_RIGHTS_64_BIT)) vmcb.write64(VMCB_RIP, next & LOW_32_BITS);
  vmcb.write64(VMCB_INTERRUPT_STATE, 0);
  const flags = vmcb.read64(VMCB_RFLAGS);
  if (flags & RFLAGS_RF) vmcb.write64(VMCB_RFLAGS, flags & ~RFLAGS_RF);
  raiseTraps(vcpu, flags);
  return true;
}

/** The #DB of a single step, or of a breakpoint on a port. */
function raiseTraps(vcpu: SvmVcpu, flags: u64): void {
  const vmcb = vcpu.vmcb;
  let traps: u64 = 0;
  if (vmcb.read32(VMCB_EXITCODE) == SVM_EXIT_IOIO && vmcb.read64(VMCB_DR7) & DR7_ANY_ENABLED)
    traps = portBreakpoints(vcpu, portAccessOf(vcpu));
  // With BTF only a branch is a step, and no instruction that exits is one.
  const steps = (flags & RFLAGS_TF) != 0 && !(vcpu.read(STATE_DEBUGCTL) & DEBUGCTL_BTF);
  if (vcpu.isStepping) {
    if (steps && vcpu.stepsItself) traps |= DR6_BS;
    vcpu.endStep();
  } else if (steps) {
    traps |= DR6_BS;
  }
  if (traps != 0) raiseDebugException(vcpu, traps);
}

/** An iteration of a repeated instruction that exited is done, and others are to come: RF keeps its breakpoints from coming again. */
export function completeIteration(vcpu: SvmVcpu): void {
  const vmcb = vcpu.vmcb;
  vmcb.write64(VMCB_INTERRUPT_STATE, 0);
  const flags = vmcb.read64(VMCB_RFLAGS);
  raiseTraps(vcpu, flags);
  vmcb.write64(VMCB_RFLAGS, vmcb.read64(VMCB_RFLAGS) | RFLAGS_RF);
}

/** At log level debug, tells the first instructions of a guest that exited one by one. */
function traceExit(vcpu: SvmVcpu, rip: u64, length: u64): void {
  const vmcb = vcpu.vmcb;
  vcpu.exitsToTrace--;
  const code = vmcb.read32(VMCB_EXITCODE);
  const line = vcpu.say(LEVEL_DEBUG).text("exit ").hex(code).text(" ").text(svmExitName(code));
  line.text(", RIP ").hex(rip).text(", length ").decimal(length);
  line.text(", information ").hex(vmcb.read64(VMCB_EXITINFO1)).text(" ").hex(vmcb.read64(VMCB_EXITINFO2)).end();
}
