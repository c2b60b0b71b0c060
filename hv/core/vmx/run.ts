// The run loop: enter, dispatch, count (SDM 3C chapters 27 and 28).

import {
  EXIT_REASON_BASIC_MASK,
  EXIT_REASON_COUNT,
  EXIT_REASON_ENTRY_FAILURE,
  exitReasonName,
} from "../../x86/exit-reasons";
import { EXIT_QUALIFICATION, EXIT_REASON, GUEST_RIP, VM_EXIT_INSTRUCTION_LENGTH } from "../../x86/vmcs-fields";
import { LEVEL_DEBUG } from "../console/console";
import { rdtscLow, VM_SUCCEED, vmEnter, vmread } from "../hardware";
import {
  EXIT_HANDLERS,
  ExitHandler,
  REASON_ENTRY_FAILURE,
  REASON_ENTRY_REFUSED,
  REASON_STALE_TRANSLATIONS,
} from "./exits";
import { RESUME, Vcpu } from "./vcpu";

/**
 * Runs the vCPU, whose VMCS is current, until a handler stops it. Allocates nothing but at log level debug. Index.ts
 * exports it, else binaryen would inline it into its only caller, where too much else is live.
 */
export function run(vcpu: Vcpu): void {
  const cached = vcpu.translations.cached;
  const vpid = vcpu.translations.vpid;
  const counters = vcpu.exitCounters;
  const handlers = vcpu.console.level >= LEVEL_DEBUG ? tracingHandlers() : EXIT_HANDLERS;
  let action = RESUME;
  // What is rare (a failed entry, an invalidation that is due) is a row of the table too, so that it is no code here.
  while (action == RESUME) {
    let reason = REASON_STALE_TRANSLATIONS;
    if (!cached.invalidationIsPending && !vpid.isPending) {
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
    vcpu.exitReason = reason;
    action = unchecked(handlers[reason])(vcpu);
    unchecked(counters[2 * reason]++);
    unchecked((counters[2 * reason + 1] += rdtscLow() - start));
  }
}

/** EXIT_HANDLERS, each behind a line on the console as long as the vCPU has exits to trace. */
function tracingHandlers(): StaticArray<ExitHandler> {
  const handlers = new StaticArray<ExitHandler>(EXIT_HANDLERS.length);
  for (let row = 0; row < handlers.length; row++) handlers[row] = traced;
  return handlers;
}

function traced(vcpu: Vcpu): u32 {
  const reason = vcpu.exitReason;
  if (vcpu.exitsToTrace != 0 && reason < EXIT_REASON_COUNT) {
    vcpu.exitsToTrace--;
    const line = vcpu.say(LEVEL_DEBUG).text("exit ").decimal(reason).text(" ").text(exitReasonName(reason));
    line.text(", RIP ").hex(vmread(GUEST_RIP)).text(", length ").decimal(vmread(VM_EXIT_INSTRUCTION_LENGTH));
    line.text(", qualification ").hex(vmread(EXIT_QUALIFICATION)).end();
  }
  return EXIT_HANDLERS[reason](vcpu);
}

/** The row for a reason with flags in its upper half: they do not change what is to be done, but for a failed entry. */
function rowOfFlagged(reason: u32): u32 {
  const basic = reason & EXIT_REASON_BASIC_MASK;
  return reason & EXIT_REASON_ENTRY_FAILURE || basic >= EXIT_REASON_COUNT ? REASON_ENTRY_FAILURE : basic;
}
