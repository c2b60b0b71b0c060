// Delivering events by VM entry (SDM 3C 25.8.3, 27.6 and 27.7.3), and the windows in which they can be (SDM 3C 26.2).

import { CR0_PE, RFLAGS_IF, RFLAGS_RF, RFLAGS_TF } from "../../x86/control-registers";
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
  GUEST_CR0,
  GUEST_DR7,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_RIP,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_EXCEPTION_ERROR_CODE,
  VM_ENTRY_INSTRUCTION_LENGTH,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_EXIT_INSTRUCTION_LENGTH,
} from "../../x86/vmcs-fields";
import { PRIMARY_INTERRUPT_WINDOW_EXITING, PRIMARY_NMI_WINDOW_EXITING } from "../../x86/vmx-controls";
import {
  DELIVER_INTERRUPT,
  DELIVER_NMI,
  DELIVER_RECOGNISED,
  HAS_DEBUG_TRAP,
  HAS_INTERRUPT,
  HAS_NMI,
  HAS_RECOGNISED,
  IS_BLOCKED_BY_MOV_SS,
  IS_BLOCKED_BY_NMI,
  IS_BLOCKED_BY_STI,
  nextEvent,
  TAKES_INTERRUPTS,
} from "../events/priority";
import { INTERRUPT_TELLS, INTERRUPT_WAITS } from "../../shared/vcpu-page";
import { vmread, vmwrite } from "../hardware";
import { DR7_ANY_ENABLED } from "../vcpu/port-breakpoints";
import { WORK_EVENTS } from "../vcpu/work";
import {
  BLOCKING_BY_MOV_SS,
  BLOCKING_BY_NMI,
  BLOCKING_BY_STI,
  PENDING_BREAKPOINT,
  PENDING_SINGLE_STEP,
} from "./interruptibility";
import { NOWHERE } from "./vcpu-values";
import { VmxVcpu } from "./vmx-vcpu";

const SHADOWS: u64 = BLOCKING_BY_STI | BLOCKING_BY_MOV_SS;
/** In bytes. */
const LONGEST_INSTRUCTION: u64 = 15;
/** Error codes have no bits above (SDM 3C 27.2.1.3). */
const ERROR_CODE_MASK: u32 = 0x7fff;

/**
 * Has the next entry deliver the first of the events that wait, and has the guest exit as soon as another one can be
 * delivered. Without the control "virtual NMIs" the end of an NMI's handler cannot be seen: then a guest is taken to be in it
 * until it enables interrupts.
 */
export function deliverEvents(vcpu: VmxVcpu): void {
  const wasBehindInstruction = vcpu.isShadowStale;
  vcpu.isShadowStale = false;
  vcpu.takeEventRequest();
  vcpu.work &= ~WORK_EVENTS;
  // A handler may return to the instruction with another RFLAGS.
  vcpu.completedRip = NOWHERE;
  const events = vcpu.events;
  const blocking = wasBehindInstruction ? endShadows() : <u32>vmread(GUEST_INTERRUPTIBILITY_STATE);
  const next = nextEvent(stateOfEvents(vcpu, blocking));
  if (next == DELIVER_RECOGNISED) {
    deliverRecognised(vcpu, blocking);
  } else if (next == DELIVER_NMI) {
    events.hasNmi = false;
    if (!vcpu.hasVirtualNmis) vcpu.isInNmiHandler = true;
    deliver(vcpu, INTERRUPTION_VALID | INTERRUPTION_TYPE_NMI | VECTOR_NMI, blocking);
  } else if (next == DELIVER_INTERRUPT) {
    deliver(vcpu, INTERRUPTION_VALID | INTERRUPTION_TYPE_EXTERNAL_INTERRUPT | events.takeInterrupt(), blocking);
    vcpu.heedWakeAt();
  }
  setWindows(vcpu);
}

/**
 * Vcpu.interruptBehindInstruction: a device that is done when its notification returns interrupts at once, again and again,
 * which by the run loop's usual way costs three times as much. What is looked at is what completeInstruction and deliverEvents
 * look at.
 */
export function interruptBehindInstruction(vcpu: VmxVcpu): bool {
  const shared = vcpu.shared;
  const events = vcpu.events;
  const others = (vcpu.work ^ WORK_EVENTS) | shared.eventRequest | events.recognised | vcpu.exitsToTrace;
  const isWaiting = (shared.waitingInterrupt & (INTERRUPT_WAITS | INTERRUPT_TELLS)) == INTERRUPT_WAITS;
  if (others != 0 || !isWaiting || events.hasNmi || vcpu.isStepping || vcpu.hasWindow) return false;
  const rip = vmread(GUEST_RIP);
  // Outside 64-bit mode RIP has 32 bits.
  if ((rip ^ (rip + LONGEST_INSTRUCTION)) >> 32 != 0) return false;
  const blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);
  const traps = vmread(GUEST_PENDING_DEBUG_EXCEPTIONS) & (PENDING_BREAKPOINT | PENDING_SINGLE_STEP);
  const breakpoints = vmread(GUEST_DR7) & DR7_ANY_ENABLED;
  const isSpecial = (blocking | traps | breakpoints) != 0;
  if (isSpecial || (vmread(GUEST_RFLAGS) & (RFLAGS_IF | RFLAGS_TF | RFLAGS_RF)) != RFLAGS_IF) return false;
  vmwrite(GUEST_RIP, rip + vmread(VM_EXIT_INSTRUCTION_LENGTH));
  vcpu.work = 0;
  vcpu.isShadowStale = false;
  vcpu.completedRip = NOWHERE;
  const event = INTERRUPTION_VALID | INTERRUPTION_TYPE_EXTERNAL_INTERRUPT | events.takeInterrupt();
  events.lastDelivered = event;
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, event);
  return true;
}

/** Returns the interruptibility state. */
function endShadows(): u32 {
  const blocking = vmread(GUEST_INTERRUPTIBILITY_STATE);
  if (blocking & SHADOWS) vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking & ~SHADOWS);
  return <u32>(blocking & ~SHADOWS);
}

/** Whether the guest blocks NMIs, with `blocking` as its interruptibility state. */
export function isBlockedByNmi(vcpu: VmxVcpu, blocking: u32): bool {
  return vcpu.hasVirtualNmis ? (blocking & BLOCKING_BY_NMI) != 0 : vcpu.isInNmiHandler;
}

/** The guest's window for interrupts is open. */
export function onInterruptWindow(vcpu: VmxVcpu): void {
  vcpu.isInNmiHandler = false;
  vcpu.work |= WORK_EVENTS;
}

/** In the form of hv/core/events/priority.ts. */
function stateOfEvents(vcpu: VmxVcpu, blocking: u32): u32 {
  const events = vcpu.events;
  let state: u32 = 0;
  if (events.recognised != 0) state |= HAS_RECOGNISED;
  if (vmread(GUEST_PENDING_DEBUG_EXCEPTIONS) & (PENDING_BREAKPOINT | PENDING_SINGLE_STEP)) state |= HAS_DEBUG_TRAP;
  // A step by RFLAGS.TF would run on through the handler, with the watched page open.
  const isHeld = vcpu.isStepping && !vcpu.isMonitorTrapSeen;
  if (events.hasNmi && !isHeld) state |= HAS_NMI;
  if (events.hasInterrupt && !isHeld) state |= HAS_INTERRUPT;
  if (isBlockedByNmi(vcpu, blocking)) state |= IS_BLOCKED_BY_NMI;
  if (blocking & BLOCKING_BY_STI) state |= IS_BLOCKED_BY_STI;
  if (blocking & BLOCKING_BY_MOV_SS) state |= IS_BLOCKED_BY_MOV_SS;
  if (vmread(GUEST_RFLAGS) & RFLAGS_IF) state |= TAKES_INTERRUPTS;
  return state;
}

function deliverRecognised(vcpu: VmxVcpu, blocking: u32): void {
  const events = vcpu.events;
  let event = events.recognised;
  events.recognised = 0;
  const type = event & INTERRUPTION_TYPE_MASK;
  if (type == INTERRUPTION_TYPE_HARDWARE_EXCEPTION) {
    // VM entry pushes RFLAGS as they are (SDM 3C 27.6.1.1), a fault would set RF.
    const isFault = (VECTORS_OF_FAULTS & (1 << (event & INTERRUPTION_VECTOR_MASK))) != 0;
    if (isFault) vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) | RFLAGS_RF);
    // None is pushed in real-address mode, and VM entry would refuse it.
    if (!(vmread(GUEST_CR0) & CR0_PE)) event &= ~INTERRUPTION_HAS_ERROR_CODE;
    if (event & INTERRUPTION_HAS_ERROR_CODE) {
      vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, events.errorCode & ERROR_CODE_MASK);
    }
  } else if (type >= INTERRUPTION_TYPE_SOFTWARE_INTERRUPT) {
    vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, events.instructionLength);
  }
  deliver(vcpu, event, blocking);
}

/** `event` in the form of the VM-entry interruption information (SDM 3C table 25-17). */
function deliver(vcpu: VmxVcpu, event: u32, blocking: u32): void {
  vcpu.events.lastDelivered = event;
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, event);
  // VM entry refuses an interrupt or an NMI in a shadow, which its delivery ends, and an NMI where NMIs are blocked: an NMI
  // whose delivery was interrupted had blocked them already.
  const isNmi = (event & INTERRUPTION_TYPE_MASK) == INTERRUPTION_TYPE_NMI;
  const ended = BLOCKING_BY_STI | BLOCKING_BY_MOV_SS | (isNmi && vcpu.hasVirtualNmis ? BLOCKING_BY_NMI : 0);
  if (blocking & ended) vmwrite(GUEST_INTERRUPTIBILITY_STATE, blocking & ~ended);
}

function setWindows(vcpu: VmxVcpu): void {
  const events = vcpu.events;
  vcpu.hasWindow = events.hasInterrupt || events.hasNmi;
  let windows: u32 = events.hasInterrupt ? PRIMARY_INTERRUPT_WINDOW_EXITING : 0;
  if (events.hasNmi) windows |= vcpu.hasVirtualNmis ? PRIMARY_NMI_WINDOW_EXITING : PRIMARY_INTERRUPT_WINDOW_EXITING;
  const controls = <u32>vmread(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS);
  const wanted = (controls & ~(PRIMARY_INTERRUPT_WINDOW_EXITING | PRIMARY_NMI_WINDOW_EXITING)) | windows;
  if (wanted != controls) vmwrite(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, wanted);
}
