// What is due before a VMRUN.

import { CLEAN_ASID, TLB_CONTROL_FLUSH_ALL, TLB_CONTROL_FLUSH_ASID, VMCB_TLB_CONTROL } from "../../x86/vmcb";
import { RESUME } from "../vcpu/action";
import { onInterrupts } from "../vcpu/tick";
import { WORK_EVENTS, WORK_OF_INTERRUPTS } from "../vcpu/work";
import { deliverEvents } from "./deliver";
import { SvmVcpu } from "./svm-vcpu";
import { WORK_FLUSH } from "./values";

/** Does it all: then the run loop enters, or comes back for what is due by now. A tick may end the slice, or the VM; mail ends the slice. */
export function onWork(vcpu: SvmVcpu): u32 {
  const action = vcpu.work & WORK_OF_INTERRUPTS ? onInterrupts(vcpu) : RESUME;
  if (action != RESUME) return action;
  if (vcpu.entryWork.invalidationIsPending || vcpu.work & WORK_FLUSH) flushTranslations(vcpu);
  // What is delivered is to be entered with at once: a tick that came meanwhile may bring another event in its place.
  if ((vcpu.work & (WORK_EVENTS | WORK_OF_INTERRUPTS)) == WORK_EVENTS) deliverEvents(vcpu);
  return RESUME;
}

/**
 * Has the next VMRUN drop what the processor holds of this guest (APM 2 15.16.1): linear and nested translations alike. The
 * run loop takes the order back after it.
 */
function flushTranslations(vcpu: SvmVcpu): void {
  vcpu.entryWork.invalidationIsPending = false;
  vcpu.work &= ~WORK_FLUSH;
  vcpu.vmcb.write8(VMCB_TLB_CONTROL, vcpu.hasFlushByAsid ? TLB_CONTROL_FLUSH_ASID : TLB_CONTROL_FLUSH_ALL);
  vcpu.soil(CLEAN_ASID);
}
