// The run loop: enter, dispatch, count (SDM 3C chapters 27 and 28).

import {
  EXIT_REASON_BASIC_MASK,
  EXIT_REASON_COUNT,
  EXIT_REASON_CPUID,
  EXIT_REASON_ENTRY_FAILURE,
  EXIT_REASON_VMCALL,
  exitReasonName,
} from "../../x86/exit-reasons";
import { EXIT_QUALIFICATION, EXIT_REASON, GUEST_RIP, VM_EXIT_INSTRUCTION_LENGTH } from "../../x86/vmcs-fields";
import { LEVEL_DEBUG } from "../console/console";
import { onCpuid } from "../cpu/cpuid";
import { onHypercall } from "../exits/hypercall";
import { rdtscLow, VM_SUCCEED, vmEnter, vmread } from "../hardware";
import { RESUME } from "../vcpu/action";
import { finish } from "./complete";
import { EXIT_HANDLERS, REASON_ENTRY_FAILURE, REASON_ENTRY_REFUSED, REASON_WORK } from "./dispatch";
import { VmxVcpu } from "./vmx-vcpu";

/**
 * Runs the vCPU, whose VMCS is current, until a handler says STOP or YIELD, which is returned. Allocates nothing. Index.ts
 * exports it, else binaryen would inline it into its only caller, where too much else is live.
 */
export function run(vcpu: VmxVcpu): u32 {
  const cached = vcpu.translations.cached;
  const counters = vcpu.exitCounters;
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
    vcpu.exitRow = reason;
    if (vcpu.exitsToTrace != 0 && reason < EXIT_REASON_COUNT) traceExit(vcpu);
    // The commonest exits are not asked for in the table: an indirect call costs a dozen instructions.
    if (reason == EXIT_REASON_CPUID) action = finish(vcpu, onCpuid(vcpu));
    else if (reason == EXIT_REASON_VMCALL) action = finish(vcpu, onHypercall(vcpu));
    else action = unchecked(EXIT_HANDLERS[reason])(vcpu);
    unchecked(counters[2 * reason]++);
    unchecked((counters[2 * reason + 1] += rdtscLow() - start));
  }
  return action;
}

/** The row for a reason with flags in its upper half: they do not change what is to be done, but for a failed entry. */
function rowOfFlagged(reason: u32): u32 {
  const basic = reason & EXIT_REASON_BASIC_MASK;
  return reason & EXIT_REASON_ENTRY_FAILURE || basic >= EXIT_REASON_COUNT ? REASON_ENTRY_FAILURE : basic;
}

/** At log level debug, tells the first exits of a vCPU one by one. */
export function traceExit(vcpu: VmxVcpu): void {
  const reason = vcpu.exitRow;
  vcpu.exitsToTrace--;
  const line = vcpu.say(LEVEL_DEBUG).text("exit ").decimal(reason).text(" ").text(exitReasonName(reason));
  line.text(", RIP ").hex(vmread(GUEST_RIP)).text(", length ").decimal(vmread(VM_EXIT_INSTRUCTION_LENGTH));
  line.text(", qualification ").hex(vmread(EXIT_QUALIFICATION)).end();
}
