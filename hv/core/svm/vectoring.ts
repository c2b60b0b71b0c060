// Events whose delivery an exit interrupted: EXITINTINFO (APM 2 15.7.2).

import {
  INTERRUPTION_HAS_ERROR_CODE,
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_TYPE_MASK,
  INTERRUPTION_TYPE_NMI,
  INTERRUPTION_TYPE_SOFTWARE_EXCEPTION,
  INTERRUPTION_VALID,
  INTERRUPTION_VECTOR_AND_TYPE_MASK,
  INTERRUPTION_VECTOR_MASK,
  VECTOR_BREAKPOINT,
  VECTOR_OVERFLOW,
} from "../../x86/exceptions";
import {
  EVENT_ERROR_CODE_SHIFT,
  INTERCEPT_IRET,
  VMCB_EVENTINJ,
  VMCB_EXITINTINFO,
  VMCB_INTERRUPT_STATE,
} from "../../x86/vmcb";
import { WORK_EVENTS } from "../vcpu/work";
import { SvmVcpu } from "./svm-vcpu";
import { NOWHERE } from "./values";

const KEPT: u32 = INTERRUPTION_VALID | INTERRUPTION_HAS_ERROR_CODE | INTERRUPTION_VECTOR_AND_TYPE_MASK;

/**
 * To be called first at an exit that can come while an event is delivered. The event becomes the next one to be delivered; an
 * exception that is raised before that is combined with it.
 */
export function keepInterruptedEvent(vcpu: SvmVcpu): void {
  const information = vcpu.vmcb.read64(VMCB_EXITINTINFO);
  let event = (<u32>information) & KEPT;
  if (!(event & INTERRUPTION_VALID)) return;
  const vector = event & INTERRUPTION_VECTOR_MASK;
  const isException = (event & INTERRUPTION_TYPE_MASK) == INTERRUPTION_TYPE_HARDWARE_EXCEPTION;
  // INT3 and INTO are exceptions here like any other, but raised by software.
  if (isException && (vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW)) {
    event = (event & ~INTERRUPTION_TYPE_MASK) | INTERRUPTION_TYPE_SOFTWARE_EXCEPTION;
  }
  vcpu.events.recognised = event;
  vcpu.events.errorCode = <u32>(information >> EVENT_ERROR_CODE_SHIFT);
  vcpu.work |= WORK_EVENTS;
}

/** The event whose delivery the exit interrupted was delivered in another way: an NMI blocks the next ones now. */
export function endEvent(vcpu: SvmVcpu): void {
  const events = vcpu.events;
  if ((events.recognised & INTERRUPTION_TYPE_MASK) == INTERRUPTION_TYPE_NMI) {
    vcpu.isInNmiHandler = true;
    vcpu.iretRip = NOWHERE;
    vcpu.setMisc1(INTERCEPT_IRET, true);
  }
  vcpu.vmcb.write64(VMCB_INTERRUPT_STATE, 0);
  vcpu.vmcb.write64(VMCB_EVENTINJ, 0);
  events.recognised = 0;
}
