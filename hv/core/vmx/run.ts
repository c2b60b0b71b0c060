// The run loop: enter, dispatch, count (SDM 3C chapters 27 and 28).

import {
  EXIT_REASON_COUNT,
  EXIT_REASON_CPUID,
  EXIT_REASON_EPT_VIOLATION,
  EXIT_REASON_IO_INSTRUCTION,
  EXIT_REASON_RDMSR,
  EXIT_REASON_VMCALL,
} from "../../x86/exit-reasons";
import { EXIT_QUALIFICATION, EXIT_REASON, GUEST_RIP, VM_EXIT_INSTRUCTION_LENGTH } from "../../x86/vmcs-fields";
import { CpuidExit } from "../cpu/cpuid";
import { RdmsrExit } from "../cpu/msr-access";
import { HypercallExit } from "../exits/hypercall";
import { PortExit } from "../exits/port";
import { rdtscLow, VM_SUCCEED, vmEnter, vmread, vmwrite } from "../hardware";
import { NEXT_INSTRUCTION, RESUME } from "../vcpu/action";
import { EXIT_COUNTER_BYTES, ExitCounter } from "../vcpu/exit-counter";
import { completeInstruction } from "./complete";
import { onEptViolation } from "./ept-exits";
import { EXIT_HANDLERS, REASON_ENTRY_REFUSED, REASON_WORK, rowOf } from "./dispatch";
import { NOWHERE } from "./vcpu-values";
import { VmxVcpu } from "./vmx-vcpu";

/** No action: the reason has flags in its upper half, and is asked for again without. */
const UNANSWERED: u32 = 0xffffffff;

/**
 * Runs the vCPU, whose VMCS is current, until a handler says STOP or YIELD, which is returned. Allocates nothing. Index.ts
 * exports it, else binaryen would inline it into its only caller, where too much else is live.
 */
export function run(vcpu: VmxVcpu): u32 {
  const entryWork = vcpu.entryWork;
  const counters = changetype<usize>(vcpu.exitCounters);
  // What is rare (a failed entry, work that is due before an entry) is a row of the table too, so that it is no code here.
  while (true) {
    let reason = REASON_WORK;
    if (entryWork.bits == 0) {
      const outcome = vmEnter(vcpu.registersEnd, vcpu.isLaunched);
      reason = REASON_ENTRY_REFUSED;
      if (outcome == VM_SUCCEED) {
        vcpu.isLaunched = 1;
        reason = <u32>vmread(EXIT_REASON);
      } else {
        vcpu.entryOutcome = outcome;
      }
    }
    let start = rdtscLow();
    // The commonest exits are not asked for in the table: an indirect call costs a dozen instructions.
    let action = UNANSWERED;
    while (action == UNANSWERED) {
      if (reason == EXIT_REASON_CPUID) {
        CpuidExit.answer(vcpu);
        action = NEXT_INSTRUCTION;
      } else if (reason == EXIT_REASON_VMCALL) {
        action = HypercallExit.answer(vcpu);
      } else if (reason == EXIT_REASON_RDMSR) {
        action = RdmsrExit.answer(vcpu);
      } else if (reason == EXIT_REASON_IO_INSTRUCTION) {
        // A call of the vmm leaves no register as it was: what is only needed behind it is put away by hand here, so that
        // the other branches have it in registers.
        vcpu.exitStart = start;
        action = PortExit.answer(vcpu, vmread(EXIT_QUALIFICATION));
        start = vcpu.exitStart;
        reason = EXIT_REASON_IO_INSTRUCTION;
      } else if (reason == EXIT_REASON_EPT_VIOLATION) {
        vcpu.exitStart = start;
        vcpu.isShadowStale = false;
        action = onEptViolation(vcpu);
        start = vcpu.exitStart;
        reason = EXIT_REASON_EPT_VIOLATION;
      } else {
        const row = reason < EXIT_REASON_COUNT ? reason : rowOf(reason);
        const isFlagged = row != reason && row < EXIT_REASON_COUNT;
        vcpu.exitRow = row;
        // Their instructions' ends are looked at each time: an idle loop's HLT has STI's shadow again and again.
        vcpu.completedRip = NOWHERE;
        if (row < EXIT_REASON_COUNT) vcpu.isShadowStale = false;
        reason = row;
        if (!isFlagged) action = unchecked(EXIT_HANDLERS[row])(vcpu);
      }
    }
    const counter = changetype<ExitCounter>(counters + reason * EXIT_COUNTER_BYTES);
    counter.exits++;
    if (action == NEXT_INSTRUCTION) {
      const rip = vmread(GUEST_RIP);
      const next = rip + vmread(VM_EXIT_INSTRUCTION_LENGTH);
      vmwrite(GUEST_RIP, next);
      vcpu.isShadowStale = true;
      if (rip != vcpu.completedRip) completeInstruction(vcpu, rip, next);
      counter.ticks += rdtscLow() - start;
    } else {
      counter.ticks += rdtscLow() - start;
      if (action != RESUME) return action;
    }
  }
}
