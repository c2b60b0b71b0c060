// Exits by exceptions, NMIs, interrupts, their windows, and triple faults (SDM 3C 26.2).

import {
  INTERRUPTION_HAS_ERROR_CODE,
  INTERRUPTION_NMI_UNBLOCKED_BY_IRET,
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_TYPE_MASK,
  INTERRUPTION_TYPE_NMI,
  INTERRUPTION_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION,
  INTERRUPTION_TYPE_SOFTWARE_EXCEPTION,
  INTERRUPTION_VECTOR_AND_TYPE_MASK,
  INTERRUPTION_VECTOR_MASK,
  INTERRUPTION_VALID,
  VECTOR_DEBUG,
  VECTOR_DOUBLE_FAULT,
  VECTOR_MACHINE_CHECK,
  VECTOR_NMI,
  VECTOR_PAGE_FAULT,
} from "../../x86/exceptions";
import {
  EXIT_QUALIFICATION,
  VM_EXIT_INSTRUCTION_LENGTH,
  VM_EXIT_INTERRUPTION_ERROR_CODE,
  VM_EXIT_INTERRUPTION_INFORMATION,
} from "../../x86/vmcs-fields";
import { NO_ERROR_CODE } from "../../shared/vcpu-page";
import { endByMachineCheck } from "../exits/machine-check";
import { openInterruptWindow, unblockNmis, vmread } from "../hardware";
import { RESULT_UNEXPECTED_EXIT } from "../results";
import { RESUME } from "../vcpu/action";
import { stopAtExit } from "../vcpu/answers";
import { raiseDebugException } from "../vcpu/debug-exception";
import { endByTripleFault } from "../vcpu/triple-fault";
import { WORK_EVENTS } from "../vcpu/work";
import { onInterruptWindow } from "./deliver";
import { onDebugInStep } from "./step";
import { NOWHERE } from "./vcpu-values";
import { keepInterruptedEvent } from "./vectoring";
import { VmxVcpu } from "./vmx-vcpu";

export function onExternalInterrupt(_vcpu: VmxVcpu): u32 {
  openInterruptWindow();
  return RESUME;
}

/** The guest has run for long without an exit: the host's interrupts get their turn. */
export function onPreemptionTimer(_vcpu: VmxVcpu): u32 {
  openInterruptWindow();
  return RESUME;
}

export function onInterruptWindowExit(vcpu: VmxVcpu): u32 {
  onInterruptWindow(vcpu);
  return RESUME;
}

export function onNmiWindowExit(vcpu: VmxVcpu): u32 {
  vcpu.work |= WORK_EVENTS;
  return RESUME;
}

const NMI: u32 = INTERRUPTION_TYPE_NMI | VECTOR_NMI;
const DEBUG: u32 = INTERRUPTION_TYPE_HARDWARE_EXCEPTION | VECTOR_DEBUG;
const MACHINE_CHECK: u32 = INTERRUPTION_TYPE_HARDWARE_EXCEPTION | VECTOR_MACHINE_CHECK;

/** An NMI is the host's, a machine check the machine's, another exception the guest's. */
export function onExceptionOrNmi(vcpu: VmxVcpu): u32 {
  const information = <u32>vmread(VM_EXIT_INTERRUPTION_INFORMATION);
  const event = information & INTERRUPTION_VECTOR_AND_TYPE_MASK;
  if (event == MACHINE_CHECK) return endByMachineCheck(vcpu, "in the guest");
  if (event == DEBUG && vcpu.isStepping) return onDebugInStep(vcpu);
  if (event != NMI) return reflect(vcpu, information);
  unblockNmis();
  return RESUME;
}

/** Gives the guest the exception of the VM-exit interruption information, as if it had not exited. */
export function reflect(vcpu: VmxVcpu, information: u32): u32 {
  const vector = information & INTERRUPTION_VECTOR_MASK;
  const type = information & INTERRUPTION_TYPE_MASK;
  const isUnblocked = (information & INTERRUPTION_NMI_UNBLOCKED_BY_IRET) != 0 && vector != VECTOR_DOUBLE_FAULT;
  keepInterruptedEvent(vcpu, isUnblocked);
  // RFLAGS.TF may have been set since an instruction was last looked at.
  vcpu.completedRip = NOWHERE;
  if (type == INTERRUPTION_TYPE_SOFTWARE_EXCEPTION || type == INTERRUPTION_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION) {
    vcpu.events.recognised = INTERRUPTION_VALID | type | vector;
    vcpu.events.instructionLength = <u32>vmread(VM_EXIT_INSTRUCTION_LENGTH);
    vcpu.work |= WORK_EVENTS;
    return RESUME;
  }
  if (type != INTERRUPTION_TYPE_HARDWARE_EXCEPTION) return stopAtExit(vcpu, "no handler for ", RESULT_UNEXPECTED_EXIT);
  const qualification = vmread(EXIT_QUALIFICATION);
  if (vector == VECTOR_DEBUG) return raiseDebugException(vcpu, qualification);
  const hasErrorCode = (information & INTERRUPTION_HAS_ERROR_CODE) != 0;
  const errorCode = hasErrorCode ? <u32>vmread(VM_EXIT_INTERRUPTION_ERROR_CODE) : NO_ERROR_CODE;
  // The qualification is the linear address, which CR2 does not have yet (SDM 3C 28.2.1 and 28.1).
  return vector == VECTOR_PAGE_FAULT ? vcpu.raisePageFault(errorCode, qualification) : vcpu.raise(vector, errorCode);
}

export function onTripleFault(vcpu: VmxVcpu): u32 {
  return endByTripleFault(vcpu);
}
