// The run loop: enter, dispatch, count (SDM 3C chapters 27 and 28).

import {
  EXIT_REASON_BASIC_MASK,
  EXIT_REASON_COUNT,
  EXIT_REASON_CPUID,
  EXIT_REASON_ENTRY_FAILURE,
  EXIT_REASON_IO_INSTRUCTION,
  EXIT_REASON_VMCALL,
  exitReasonName,
} from "../../x86/exit-reasons";
import { EXIT_QUALIFICATION, EXIT_REASON, GUEST_RIP, VM_EXIT_INSTRUCTION_LENGTH } from "../../x86/vmcs-fields";
import { LEVEL_DEBUG } from "../console/console";
import { onCpuid } from "../cpu/cpuid";
import { onHypercall } from "../exits/hypercall";
import { onPort } from "../exits/port";
import { rdtscLow, VM_SUCCEED, vmEnter, vmread, vmwrite } from "../hardware";
import { EXIT_COUNTER_BYTES, ExitCounter } from "../vcpu/exit-counter";
import { NEXT_INSTRUCTION, RESUME } from "../vcpu/action";
import { completeInstruction } from "./complete";
import { EXIT_HANDLERS, REASON_ENTRY_FAILURE, REASON_ENTRY_REFUSED, REASON_WORK } from "./dispatch";
import { VmxVcpu } from "./vmx-vcpu";

/**
 * Runs the vCPU, whose VMCS is current, until a handler says STOP or YIELD, which is returned. Allocates nothing. Index.ts
 * exports it, else binaryen would inline it into its only caller, where too much else is live.
 */
export function run(vcpu: VmxVcpu): u32 {
  const cached = vcpu.translations.cached;
  const counters = changetype<usize>(vcpu.exitCounters);
  const isTracing = vcpu.console.level >= LEVEL_DEBUG;
  let action = RESUME;
  // What is rare (a failed entry, work that is due before an entry) is a row of the table too, so that it is no code here.
  while (action == RESUME) {
    let reason = REASON_WORK;
    if (!cached.invalidationIsPending && vcpu.work == 0) {
      const outcome = vmEnter(vcpu.registersEnd, vcpu.isLaunched);
      reason = REASON_ENTRY_REFUSED;
      if (outcome == VM_SUCCEED) {
        vcpu.isLaunched = 1;
        reason = <u32>vmread(EXIT_REASON);
        if (reason >= EXIT_REASON_COUNT) reason = rowOfFlagged(reason);
      } else {
        vcpu.entryOutcome = outcome;
      }
    }
    const start = rdtscLow();
    // The commonest exits are not asked for in the table: an indirect call costs a dozen instructions.
    if (isTracing) traceExit(vcpu, reason);
    if (reason == EXIT_REASON_CPUID) {
      action = onCpuid(vcpu);
    } else if (reason == EXIT_REASON_VMCALL) {
      action = onHypercall(vcpu);
    } else if (reason == EXIT_REASON_IO_INSTRUCTION) {
      action = onPort(vcpu, vmread(EXIT_QUALIFICATION));
    } else {
      vcpu.exitRow = reason;
      action = unchecked(EXIT_HANDLERS[reason])(vcpu);
    }
    if (action == NEXT_INSTRUCTION) {
      const rip = vmread(GUEST_RIP);
      const next = rip + vmread(VM_EXIT_INSTRUCTION_LENGTH);
      vmwrite(GUEST_RIP, next);
      if (rip != vcpu.completedRip) completeInstruction(vcpu, rip, next);
      action = RESUME;
    }
    const counter = changetype<ExitCounter>(counters + reason * EXIT_COUNTER_BYTES);
    counter.exits++;
    counter.ticks += rdtscLow() - start;
  }
  return action;
}

/** The row for a reason with flags in its upper half: they do not change what is to be done, but for a failed entry. */
function rowOfFlagged(reason: u32): u32 {
  const basic = reason & EXIT_REASON_BASIC_MASK;
  return reason & EXIT_REASON_ENTRY_FAILURE || basic >= EXIT_REASON_COUNT ? REASON_ENTRY_FAILURE : basic;
}

/** At log level debug, tells the first exits of a vCPU one by one. */
export function traceExit(vcpu: VmxVcpu, reason: u32): void {
  if (vcpu.exitsToTrace == 0 || reason >= EXIT_REASON_COUNT) return;
  vcpu.exitsToTrace--;
  const line = vcpu.say(LEVEL_DEBUG).text("exit ").decimal(reason).text(" ").text(exitReasonName(reason));
  line.text(", RIP ").hex(vmread(GUEST_RIP)).text(", length ").decimal(vmread(VM_EXIT_INSTRUCTION_LENGTH));
  line.text(", qualification ").hex(vmread(EXIT_QUALIFICATION)).end();
}
