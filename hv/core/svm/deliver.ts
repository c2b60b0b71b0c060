// Delivering events by VMRUN (APM 2 15.20), and the windows in which they can be (15.21.4 and 15.9).

import { CR0_PE, RFLAGS_IF, RFLAGS_RF } from "../../x86/control-registers";
import {
  INTERRUPTION_HAS_ERROR_CODE,
  INTERRUPTION_TYPE_EXTERNAL_INTERRUPT,
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_TYPE_MASK,
  INTERRUPTION_TYPE_NMI,
  INTERRUPTION_TYPE_SOFTWARE_INTERRUPT,
  INTERRUPTION_VALID,
  INTERRUPTION_VECTOR_MASK,
  VECTOR_NMI,
  VECTORS_OF_FAULTS,
} from "../../x86/exceptions";
import {
  CLEAN_INTERCEPTS,
  CLEAN_TPR,
  EVENT_ERROR_CODE_SHIFT,
  INTERCEPT_IRET,
  INTERCEPT_VINTR,
  INTERRUPT_STATE_SHADOW,
  VINTR_IGNORE_TPR,
  VINTR_IRQ,
  VMCB_CR0,
  VMCB_EVENTINJ,
  VMCB_INTERRUPT_STATE,
  VMCB_RFLAGS,
  VMCB_RIP,
  VMCB_VINTR,
} from "../../x86/vmcb";
import {
  DELIVER_INTERRUPT,
  DELIVER_NMI,
  DELIVER_RECOGNISED,
  HAS_INTERRUPT,
  HAS_NMI,
  HAS_RECOGNISED,
  IS_BLOCKED_BY_MOV_SS,
  IS_BLOCKED_BY_NMI,
  IS_BLOCKED_BY_STI,
  nextEvent,
  TAKES_INTERRUPTS,
} from "../events/priority";
import { WORK_EVENTS } from "../vcpu/work";
import { startStep } from "./step";
import { NOWHERE } from "./values";
import { SvmVcpu } from "./svm-vcpu";

/**
 * Has the next VMRUN deliver the first of the events that wait, and has the guest exit as soon as another one can be
 * delivered. A shadow may be STI's or MOV SS's: an NMI waits in both.
 */
export function deliverEvents(vcpu: SvmVcpu): void {
  vcpu.takeEventRequest();
  vcpu.work &= ~WORK_EVENTS;
  const next = nextEvent(stateOfEvents(vcpu));
  if (next == DELIVER_RECOGNISED) {
    deliverRecognised(vcpu);
  } else if (next == DELIVER_NMI) {
    vcpu.events.hasNmi = false;
    vcpu.isInNmiHandler = true;
    vcpu.iretRip = NOWHERE;
    vcpu.setMisc1(INTERCEPT_IRET, true);
    deliver(vcpu, INTERRUPTION_VALID | INTERRUPTION_TYPE_NMI | VECTOR_NMI, 0);
  } else if (next == DELIVER_INTERRUPT) {
    deliver(vcpu, INTERRUPTION_VALID | INTERRUPTION_TYPE_EXTERNAL_INTERRUPT | vcpu.events.takeInterrupt(), 0);
    vcpu.heedWakeAt();
  }
  setWindows(vcpu);
}

/** In the form of hv/core/events/priority.ts. Debug traps wait as recognised events here. */
function stateOfEvents(vcpu: SvmVcpu): u32 {
  const events = vcpu.events;
  const vmcb = vcpu.vmcb;
  let state: u32 = 0;
  if (events.recognised != 0) state |= HAS_RECOGNISED;
  // A step by RFLAGS.TF would run on through the handler, with the watched page open.
  if (events.hasNmi && !vcpu.isStepping) state |= HAS_NMI;
  if (events.hasInterrupt && !vcpu.isStepping) state |= HAS_INTERRUPT;
  if (isBlockedByNmi(vcpu)) state |= IS_BLOCKED_BY_NMI;
  if (vmcb.read64(VMCB_INTERRUPT_STATE) & INTERRUPT_STATE_SHADOW) state |= IS_BLOCKED_BY_STI | IS_BLOCKED_BY_MOV_SS;
  if (vmcb.read64(VMCB_RFLAGS) & RFLAGS_IF) state |= TAKES_INTERRUPTS;
  return state;
}

/** The handler of an NMI has not executed its IRET: one that exited has, once RIP is another. */
export function isBlockedByNmi(vcpu: SvmVcpu): bool {
  if (!vcpu.isInNmiHandler) return false;
  if (vcpu.iretRip == NOWHERE || vcpu.iretRip == vcpu.vmcb.read64(VMCB_RIP)) return true;
  vcpu.isInNmiHandler = false;
  return false;
}

function deliverRecognised(vcpu: SvmVcpu): void {
  const events = vcpu.events;
  const vmcb = vcpu.vmcb;
  let event = events.recognised;
  events.recognised = 0;
  // RIP is at INT n, INT3 or INTO still, whose delivery has changed nothing: it is executed again.
  if ((event & INTERRUPTION_TYPE_MASK) >= INTERRUPTION_TYPE_SOFTWARE_INTERRUPT) return;
  const isException = (event & INTERRUPTION_TYPE_MASK) == INTERRUPTION_TYPE_HARDWARE_EXCEPTION;
  if (isException) {
    // VMRUN pushes RFLAGS as they are, a fault would set RF.
    const isFault = (VECTORS_OF_FAULTS & (1 << (event & INTERRUPTION_VECTOR_MASK))) != 0;
    if (isFault) vmcb.write64(VMCB_RFLAGS, vmcb.read64(VMCB_RFLAGS) | RFLAGS_RF);
    // None is pushed in real mode.
    if (!(vmcb.read64(VMCB_CR0) & CR0_PE)) event &= ~INTERRUPTION_HAS_ERROR_CODE;
  }
  deliver(vcpu, event, event & INTERRUPTION_HAS_ERROR_CODE ? events.errorCode : 0);
}

function deliver(vcpu: SvmVcpu, event: u32, errorCode: u32): void {
  const vmcb = vcpu.vmcb;
  vcpu.events.lastDelivered = event;
  vmcb.write64(VMCB_EVENTINJ, (<u64>event) | ((<u64>errorCode) << EVENT_ERROR_CODE_SHIFT));
  vmcb.write64(VMCB_INTERRUPT_STATE, 0);
}

/** A virtual interrupt that is intercepted tells when the guest takes interrupts; of NMIs the end of an IRET does. */
function setWindows(vcpu: SvmVcpu): void {
  const events = vcpu.events;
  const vmcb = vcpu.vmcb;
  const waits = events.hasInterrupt;
  if (waits != vcpu.hasInterruptWindow) {
    vcpu.hasInterruptWindow = waits;
    const others = vmcb.read64(VMCB_VINTR) & ~(VINTR_IRQ | VINTR_IGNORE_TPR);
    vmcb.write64(VMCB_VINTR, waits ? others | VINTR_IRQ | VINTR_IGNORE_TPR : others);
    vcpu.soil(CLEAN_TPR | CLEAN_INTERCEPTS);
    vcpu.setMisc1(INTERCEPT_VINTR, waits);
  }
  // Behind the next instruction the shadow, or the IRET, is over.
  const isIret = vcpu.isInNmiHandler && vcpu.iretRip != NOWHERE;
  if (events.hasNmi && (isIret || !vcpu.isInNmiHandler) && !(vmcb.read64(VMCB_EVENTINJ) & INTERRUPTION_VALID))
    startStep(vcpu);
}
