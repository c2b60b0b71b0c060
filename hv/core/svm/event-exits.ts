// Exits by exceptions, NMIs, interrupts, their windows, and shutdown (APM 2 15.12 to 15.14).

import { NO_ERROR_CODE } from "../../shared/vcpu-page";
import {
  VECTOR_ALIGNMENT_CHECK,
  VECTOR_DEBUG,
  VECTOR_MACHINE_CHECK,
  VECTORS_WITH_ERROR_CODE,
} from "../../x86/exceptions";
import { SVM_EXIT_EXCEPTION } from "../../x86/svm-exit-codes";
import { INTERCEPT_IRET, VMCB_EXITCODE, VMCB_EXITINFO1, VMCB_RIP } from "../../x86/vmcb";
import { endByMachineCheck } from "../exits/machine-check";
import { openInterruptWindow } from "../hardware";
import { RESULT_UNEXPECTED_EXIT } from "../results";
import { RESUME } from "../vcpu/action";
import { stopAtExit } from "../vcpu/answers";
import { endByTripleFault } from "../vcpu/triple-fault";
import { WORK_EVENTS } from "../vcpu/work";
import { onDebug, startStep } from "./step";
import { SvmVcpu } from "./svm-vcpu";
import { keepInterruptedEvent } from "./vectoring";

/** A physical interrupt, which stays pending while the host's interrupts are off. */
export function onInterrupt(vcpu: SvmVcpu): u32 {
  keepInterruptedEvent(vcpu);
  openInterruptWindow();
  return RESUME;
}

/** The host's own: it came with STGI (boot/vm_entry.asm), and was counted. */
export function onNmi(vcpu: SvmVcpu): u32 {
  keepInterruptedEvent(vcpu);
  return RESUME;
}

/** The guest's window for interrupts is open. */
export function onVirtualInterrupt(vcpu: SvmVcpu): u32 {
  vcpu.work |= WORK_EVENTS;
  return RESUME;
}

/** An NMI's handler is about to return: NMIs are blocked until the IRET is done. */
export function onIret(vcpu: SvmVcpu): u32 {
  vcpu.setMisc1(INTERCEPT_IRET, false);
  vcpu.iretRip = vcpu.vmcb.read64(VMCB_RIP);
  if (vcpu.events.hasNmi) startStep(vcpu);
  return RESUME;
}

/** A machine check is the machine's, another exception the guest's. */
export function onException(vcpu: SvmVcpu): u32 {
  const vector = vcpu.vmcb.read32(VMCB_EXITCODE) - SVM_EXIT_EXCEPTION;
  if (vector == VECTOR_MACHINE_CHECK) return endByMachineCheck(vcpu, "in the guest");
  keepInterruptedEvent(vcpu);
  if (vector == VECTOR_DEBUG) return onDebug(vcpu);
  if (vector != VECTOR_ALIGNMENT_CHECK) return stopAtExit(vcpu, "no handler for ", RESULT_UNEXPECTED_EXIT);
  const hasErrorCode = (VECTORS_WITH_ERROR_CODE & (1 << vector)) != 0;
  return vcpu.raise(vector, hasErrorCode ? <u32>vcpu.vmcb.read64(VMCB_EXITINFO1) : NO_ERROR_CODE);
}

export function onShutdown(vcpu: SvmVcpu): u32 {
  return endByTripleFault(vcpu);
}
