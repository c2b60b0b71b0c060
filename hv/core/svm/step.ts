// One instruction of a guest by itself: by RFLAGS.TF, hidden as far as it can be. SVM has no monitor trap flag.

import { RFLAGS_TF } from "../../x86/control-registers";
import { DEBUGCTL_BTF } from "../../x86/msr";
import { VMCB_RFLAGS } from "../../x86/vmcb";
import { RESUME } from "../vcpu/action";
import { DR6_BREAKPOINTS, DR6_BS, DR6_STICKY, raiseDebugException } from "../vcpu/debug-exception";
import { STATE_DEBUGCTL } from "../vcpu/state";
import { WORK_EVENTS } from "../vcpu/work";
import { SvmVcpu } from "./svm-vcpu";

/** Has the guest exit behind its next instruction. */
export function startStep(vcpu: SvmVcpu): void {
  // An instruction of which two accesses are forbidden is in a step already.
  if (vcpu.isStepping) return;
  const flags = vcpu.vmcb.read64(VMCB_RFLAGS);
  const debugControl = vcpu.read(STATE_DEBUGCTL);
  const dr6 = vcpu.dr6;
  vcpu.isStepping = true;
  vcpu.stepsItself = (flags & RFLAGS_TF) != 0 && !(debugControl & DEBUGCTL_BTF);
  vcpu.hasOwnTrapFlag = (flags & RFLAGS_TF) != 0;
  vcpu.hiddenBtf = debugControl & DEBUGCTL_BTF;
  // DR6.BS stays until software clears it: so the step's own is told from an old one.
  vcpu.hiddenDr6 = dr6 & DR6_STICKY;
  vcpu.dr6 = dr6 & ~(DR6_STICKY | DR6_BREAKPOINTS);
  vcpu.vmcb.write64(VMCB_RFLAGS, flags | RFLAGS_TF);
  // With it only branches would be steps.
  if (vcpu.hiddenBtf != 0) vcpu.write(STATE_DEBUGCTL, debugControl & ~DEBUGCTL_BTF);
}

/** The step is over: what it hid is as it was. */
export function endStep(vcpu: SvmVcpu): void {
  const vmcb = vcpu.vmcb;
  vcpu.isStepping = false;
  if (!vcpu.hasOwnTrapFlag) vmcb.write64(VMCB_RFLAGS, vmcb.read64(VMCB_RFLAGS) & ~RFLAGS_TF);
  if (vcpu.hiddenBtf != 0) vcpu.write(STATE_DEBUGCTL, vcpu.read(STATE_DEBUGCTL) | vcpu.hiddenBtf);
  vcpu.dr6 = vcpu.dr6 | vcpu.hiddenDr6;
  vcpu.watches.rearm();
  // What waited for the end of this instruction.
  if (vcpu.events.hasNmi || vcpu.events.hasInterrupt) vcpu.work |= WORK_EVENTS;
}

/** #DB, whose conditions the processor has put into DR6 before it exited (APM 2 15.12.2): what is the guest's own goes to it. */
export function onDebug(vcpu: SvmVcpu): u32 {
  const conditions = vcpu.dr6 & (DR6_BREAKPOINTS | DR6_STICKY);
  if (!vcpu.isStepping) return raiseDebugException(vcpu, conditions);
  const own = vcpu.stepsItself ? conditions : conditions & ~DR6_BS;
  vcpu.dr6 = vcpu.dr6 & ~(DR6_BREAKPOINTS | DR6_STICKY);
  endStep(vcpu);
  return own == 0 ? RESUME : raiseDebugException(vcpu, own);
}
