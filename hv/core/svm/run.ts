// The run loop: VMRUN, dispatch, count (APM 2 15.5 and 15.6).

import {
  SVM_EXIT_CPUID,
  SVM_EXIT_IOIO,
  SVM_EXIT_LOW_CODES,
  SVM_EXIT_MSR,
  SVM_EXIT_NPF,
  SVM_EXIT_VMMCALL,
} from "../../x86/svm-exit-codes";
import {
  CLEAN_ALL,
  TLB_CONTROL_NOTHING,
  VMCB_CLEAN,
  VMCB_EXITCODE,
  VMCB_EXITINFO1,
  VMCB_EXITINFO2,
  VMCB_RAX,
  VMCB_RIP,
  VMCB_TLB_CONTROL,
} from "../../x86/vmcb";
import { answerCpuid } from "../cpu/cpuid";
import { onRdmsr, onWrmsr } from "../cpu/msr-access";
import { onHypercall } from "../exits/hypercall";
import { onPort } from "../exits/port";
import { rdtscLow, svmEnter } from "../hardware";
import { NEXT_INSTRUCTION, RESUME, STOP } from "../vcpu/action";
import { EXIT_COUNTER_BYTES, ExitCounter } from "../vcpu/exit-counter";
import { advanceBy } from "./complete";
import { CODE_WORK, EXIT_HANDLERS, ROW_NPF, rowOfCode } from "./dispatch";
import { portAccessOf } from "./ioio";
import { instructionLength } from "./next-rip";
import { onNestedPageFault } from "./npf-exits";
import { SvmVcpu } from "./svm-vcpu";

/**
 * Runs the vCPU until a handler says STOP or YIELD, which is returned. Allocates nothing. Index.ts exports it, as VMX's.
 */
export function runSvm(vcpu: SvmVcpu): u32 {
  const entryWork = vcpu.entryWork;
  const counters = changetype<usize>(vcpu.exitCounters);
  const vmcb = vcpu.vmcb;
  const registers = vcpu.registers;
  while (true) {
    let code = CODE_WORK;
    if (entryWork.bits == 0) {
      vmcb.write64(VMCB_RAX, registers.rax);
      svmEnter(vcpu.registersEnd, vmcb.physical, vcpu.hostState);
      registers.rax = vmcb.read64(VMCB_RAX);
      // Whoever writes to the VMCB takes back what it says there.
      vmcb.write32(VMCB_CLEAN, CLEAN_ALL);
      vmcb.write8(VMCB_TLB_CONTROL, TLB_CONTROL_NOTHING);
      code = vmcb.read32(VMCB_EXITCODE);
    }
    let start = rdtscLow();
    let action: u32;
    let row = code;
    let length: u32 = 0;
    if (code == SVM_EXIT_CPUID) {
      answerCpuid(vcpu);
      action = NEXT_INSTRUCTION;
    } else if (code == SVM_EXIT_VMMCALL) {
      action = onHypercall(vcpu);
    } else if (code == SVM_EXIT_MSR) {
      action = vmcb.read64(VMCB_EXITINFO1) == 0 ? onRdmsr(vcpu) : onWrmsr(vcpu);
    } else if (code == SVM_EXIT_IOIO) {
      vcpu.exitStart = start;
      action = onPort(vcpu, portAccessOf(vcpu));
      start = vcpu.exitStart;
      // The processor tells where the next instruction is.
      length = <u32>(vmcb.read64(VMCB_EXITINFO2) - vmcb.read64(VMCB_RIP));
      row = SVM_EXIT_IOIO;
    } else if (code == SVM_EXIT_NPF) {
      vcpu.exitStart = start;
      action = onNestedPageFault(vcpu);
      start = vcpu.exitStart;
      row = ROW_NPF;
    } else {
      row = code < SVM_EXIT_LOW_CODES ? code : rowOfCode(code);
      vcpu.exitRow = row;
      action = unchecked(EXIT_HANDLERS[row])(vcpu);
      row = vcpu.exitRow;
    }
    const counter = changetype<ExitCounter>(counters + row * EXIT_COUNTER_BYTES);
    counter.exits++;
    if (action == NEXT_INSTRUCTION) {
      if (length == 0) length = instructionLength(vcpu);
      if (length == 0) return STOP;
      advanceBy(vcpu, length);
      counter.ticks += rdtscLow() - start;
    } else {
      counter.ticks += rdtscLow() - start;
      if (action != RESUME) return action;
    }
  }
}
