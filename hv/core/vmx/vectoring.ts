// Events whose delivery a VM exit interrupted (SDM 3C 28.2.4), and NMIs that an IRET unblocked before it exited (28.2.3).

import {
  INTERRUPTION_HAS_ERROR_CODE,
  INTERRUPTION_TYPE_MASK,
  INTERRUPTION_TYPE_NMI,
  INTERRUPTION_TYPE_SOFTWARE_INTERRUPT,
  INTERRUPTION_VALID,
  INTERRUPTION_VECTOR_AND_TYPE_MASK,
} from "../../x86/exceptions";
import {
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  IDT_VECTORING_ERROR_CODE,
  IDT_VECTORING_INFORMATION,
  VM_EXIT_INSTRUCTION_LENGTH,
} from "../../x86/vmcs-fields";
import { vmread, vmwrite } from "../hardware";
import { WORK_EVENTS } from "../vcpu/work";
import { BLOCKING_BY_MOV_SS, BLOCKING_BY_NMI, BLOCKING_BY_STI } from "./interruptibility";
import { VmxVcpu } from "./vmx-vcpu";

/** The rest is undefined in the IDT-vectoring information. */
const KEPT: u32 = INTERRUPTION_VALID | INTERRUPTION_HAS_ERROR_CODE | INTERRUPTION_VECTOR_AND_TYPE_MASK;

/**
 * To be called first at an exit that can come while an event is delivered: an exception, a task switch, an EPT violation or
 * misconfiguration. The event becomes the next one to be delivered; an exception that is raised before that is combined
 * with it. `isUnblockedByIret` is the exit's bit for that, which counts only where no event was delivered.
 */
export function keepInterruptedEvent(vcpu: VmxVcpu, isUnblockedByIret: bool): void {
  const event = <u32>vmread(IDT_VECTORING_INFORMATION);
  if (event & INTERRUPTION_VALID) keep(vcpu, event & KEPT);
  else if (isUnblockedByIret && vcpu.hasVirtualNmis) {
    vmwrite(GUEST_INTERRUPTIBILITY_STATE, vmread(GUEST_INTERRUPTIBILITY_STATE) | BLOCKING_BY_NMI);
  }
}

function keep(vcpu: VmxVcpu, event: u32): void {
  const events = vcpu.events;
  events.recognised = event;
  if (event & INTERRUPTION_HAS_ERROR_CODE) events.errorCode = <u32>vmread(IDT_VECTORING_ERROR_CODE);
  if ((event & INTERRUPTION_TYPE_MASK) >= INTERRUPTION_TYPE_SOFTWARE_INTERRUPT) {
    events.instructionLength = <u32>vmread(VM_EXIT_INSTRUCTION_LENGTH);
  }
  vcpu.work |= WORK_EVENTS;
}

/** The event whose delivery the exit interrupted was delivered in another way: an NMI blocks the next ones now. */
export function endEvent(vcpu: VmxVcpu): void {
  const events = vcpu.events;
  const isNmi = (events.recognised & INTERRUPTION_TYPE_MASK) == INTERRUPTION_TYPE_NMI;
  let blocking = (<u32>vmread(GUEST_INTERRUPTIBILITY_STATE)) & ~(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
  if (isNmi && vcpu.hasVirtualNmis) blocking |= BLOCKING_BY_NMI;
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking);
  vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
  events.recognised = 0;
}
