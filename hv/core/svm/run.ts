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
import { CpuidExit } from "../cpu/cpuid";
import { RdmsrExit, onWrmsr } from "../cpu/msr-access";
import { HypercallExit } from "../exits/hypercall";
import { PortExit } from "../exits/port";
import { rdtscLow, svmEnter } from "../hardware";
import { NEXT_INSTRUCTION, RESUME, STOP } from "../vcpu/action";
import { EXIT_COUNTER_BYTES, ExitCounter } from "../vcpu/exit-counter";
import { advancePastPort } from "./complete";
import { CODE_WORK, EXIT_HANDLERS, ROW_NPF, rowOfCode } from "./dispatch";
import { portAccessOf } from "./ioio";
import { advanceToNext, advanceUnknown } from "./next-rip";
import { onNestedPageFault } from "./npf-exits";
import { SvmVcpu } from "./svm-vcpu";

/**
 * Runs the vCPU until a handler says STOP or YIELD, which is returned. Allocates nothing. Index.ts exports it, as VMX's.
 */
export function runSvm(vcpu: SvmVcpu): u32 {
  const entryWork = vcpu.entryWork;
  const counters = changetype<usize>(vcpu.exitCounters);
  const vmcb = vcpu.vmcb;
  const saved = vcpu.saved;
  const registers = vcpu.registers;
  while (true) {
    let code = CODE_WORK;
    if (entryWork.bits == 0) {
      saved.write64(VMCB_RAX, registers.rax);
      svmEnter(vcpu.registersEnd, vcpu.vmcbPhysical, vcpu.hostState);
      registers.rax = saved.read64(VMCB_RAX);
      // Whoever writes to the VMCB takes back what it says there.
      vmcb.write32(VMCB_CLEAN, CLEAN_ALL);
      vmcb.write8(VMCB_TLB_CONTROL, TLB_CONTROL_NOTHING);
      code = vmcb.read32(VMCB_EXITCODE);
    }
    let start = rdtscLow();
    let action: u32;
    let row = code;
    if (code == SVM_EXIT_CPUID) {
      CpuidExit.answer(vcpu);
      action = NEXT_INSTRUCTION;
    } else if (code == SVM_EXIT_VMMCALL) {
      action = HypercallExit.answer(vcpu);
    } else if (code == SVM_EXIT_MSR) {
      action = vmcb.read64(VMCB_EXITINFO1) == 0 ? RdmsrExit.answer(vcpu) : onWrmsr(vcpu);
    } else if (code == SVM_EXIT_IOIO) {
      vcpu.exitStart = start;
      action = PortExit.answer(vcpu, portAccessOf(vcpu));
      start = vcpu.exitStart;
      row = SVM_EXIT_IOIO;
      if (action == NEXT_INSTRUCTION) {
        // The processor tells where the next instruction is.
        advancePastPort(vcpu, <u32>(vmcb.read64(VMCB_EXITINFO2) - saved.read64(VMCB_RIP)));
        action = RESUME;
      }
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
      if (!advanceToNext(vcpu) && !advanceUnknown(vcpu)) return STOP;
      counter.ticks += rdtscLow() - start;
    } else {
      counter.ticks += rdtscLow() - start;
      if (action != RESUME) return action;
    }
  }
}
