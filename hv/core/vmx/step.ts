// One instruction of a guest by itself: by the monitor trap flag, else by RFLAGS.TF, hidden as far as it can be.
// The first step is made by both, which shows whether the flag works.

import { RFLAGS_TF } from "../../x86/control-registers";
import { DEBUGCTL_BTF } from "../../x86/msr";
import {
  EXIT_QUALIFICATION,
  GUEST_IA32_DEBUGCTL,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
} from "../../x86/vmcs-fields";
import { PRIMARY_MONITOR_TRAP_FLAG } from "../../x86/vmx-controls";
import { vmread, vmwrite } from "../hardware";
import { RESUME } from "../vcpu/action";
import { raiseDebugException } from "../vcpu/debug-exception";
import { BLOCKING_BY_MOV_SS, BLOCKING_BY_STI, PENDING_SINGLE_STEP } from "./interruptibility";
import { NOWHERE } from "./vcpu-values";
import { VmxVcpu } from "./vmx-vcpu";

/** Has the guest exit behind its next instruction (SDM 3C 26.5.2, or 3B 17.3.1.4 for a trap by RFLAGS.TF). */
export function startStep(vcpu: VmxVcpu): void {
  // An instruction of which two accesses are forbidden is in a step already.
  if (vcpu.isStepping) return;
  vcpu.isStepping = true;
  vcpu.completedRip = NOWHERE;
  if (vcpu.hasMonitorTrapFlag) setTrapFlag(true);
  if (!vcpu.isMonitorTrapSeen) startBySingleStep(vcpu);
}

function startBySingleStep(vcpu: VmxVcpu): void {
  const flags = vmread(GUEST_RFLAGS);
  const debugControl = vmread(GUEST_IA32_DEBUGCTL);
  vcpu.stepsItself = (flags & RFLAGS_TF) != 0;
  vcpu.hiddenBtf = debugControl & DEBUGCTL_BTF;
  vmwrite(GUEST_RFLAGS, flags | RFLAGS_TF);
  // With it only branches would be steps.
  if (vcpu.hiddenBtf != 0) vmwrite(GUEST_IA32_DEBUGCTL, debugControl & ~DEBUGCTL_BTF);
  // In a shadow VM entry demands a pending #DB (SDM 3C 27.3.1.5). Behind MOV SS it is held back until the instruction is done
  // (27.7.3), behind STI it would come before, again and again: that shadow is given up.
  const blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);
  if (blocking & BLOCKING_BY_STI) vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking & ~BLOCKING_BY_STI);
  if (blocking & BLOCKING_BY_MOV_SS) {
    vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, vmread(GUEST_PENDING_DEBUG_EXCEPTIONS) | PENDING_SINGLE_STEP);
  }
}

/**
 * The exit by the monitor trap flag. It comes before the #DB of the first step, which is made by both (SDM 3C 26.5.2): an
 * emulator may offer the flag and never make the exit, as Bochs 2.7.
 */
export function onMonitorTrap(vcpu: VmxVcpu): u32 {
  setTrapFlag(false);
  if (!vcpu.isMonitorTrapSeen) {
    vcpu.isMonitorTrapSeen = true;
    const pending = vmread(GUEST_PENDING_DEBUG_EXCEPTIONS);
    // An event was delivered, and pushed RFLAGS.TF: the step ends with its #DB, when that is back.
    if (!(pending & PENDING_SINGLE_STEP)) return RESUME;
    if (!isOfGuest(vcpu)) vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, pending & ~PENDING_SINGLE_STEP);
    endSingleStep(vcpu);
  }
  vcpu.isStepping = false;
  vcpu.watches.rearm();
  return RESUME;
}

/** #DB while a step by RFLAGS.TF is under way: what of it is the guest's own is given to the guest. */
export function onDebugInStep(vcpu: VmxVcpu): u32 {
  let conditions = vmread(EXIT_QUALIFICATION);
  if (vcpu.hasMonitorTrapFlag && !vcpu.isMonitorTrapSeen) {
    setTrapFlag(false);
    vcpu.hasMonitorTrapFlag = (conditions & PENDING_SINGLE_STEP) == 0;
  }
  if (!isOfGuest(vcpu)) conditions &= ~PENDING_SINGLE_STEP;
  endSingleStep(vcpu);
  vcpu.isStepping = false;
  vcpu.watches.rearm();
  return conditions == 0 ? RESUME : raiseDebugException(vcpu, conditions);
}

/** The guest steps itself, so that the end of a step is its own #DB too. */
function isOfGuest(vcpu: VmxVcpu): bool {
  return vcpu.stepsItself && vcpu.hiddenBtf == 0;
}

function endSingleStep(vcpu: VmxVcpu): void {
  if (!vcpu.stepsItself) vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) & ~RFLAGS_TF);
  if (vcpu.hiddenBtf != 0) vmwrite(GUEST_IA32_DEBUGCTL, vmread(GUEST_IA32_DEBUGCTL) | vcpu.hiddenBtf);
}

function setTrapFlag(isOn: bool): void {
  const controls = vmread(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS);
  const others = controls & ~(<u64>PRIMARY_MONITOR_TRAP_FLAG);
  vmwrite(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, isOn ? others | PRIMARY_MONITOR_TRAP_FLAG : others);
}
