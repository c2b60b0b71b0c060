// The run loop: enter, dispatch, count (SDM 3C chapters 27 and 28).

import { EXIT_REASON_COUNT, exitReasonName } from "../../x86/exit-reasons";
import { EXIT_QUALIFICATION, EXIT_REASON, GUEST_RIP, VM_EXIT_INSTRUCTION_LENGTH } from "../../x86/vmcs-fields";
import { LEVEL_DEBUG, LEVEL_ERROR } from "../console/console";
import { rdtsc, VM_SUCCEED, vmEnter, vmread } from "../hardware";
import { MAPPING_OK, mappingStatusText } from "../memory/mapping-status";
import { RESULT_ENTRY_FAILED, RESULT_EPT_UNUSABLE } from "../results";
import { EXIT_HANDLERS, stopAtUnknownReason } from "./exits";
import { RESUME, Vcpu } from "./vcpu";
import { vmxFailure } from "./vmx-failure";

/** Exits that are told one by one at log level debug. */
const TRACED_EXITS: u32 = 8;

/** Runs the vCPU, whose VMCS is current, until a handler stops it. Allocates nothing. */
export function run(vcpu: Vcpu): void {
  if (vcpu.console.level >= LEVEL_DEBUG) {
    for (let i: u32 = 0; i < TRACED_EXITS; i++) {
      if (step(vcpu, true) != RESUME) return;
    }
  }
  while (step(vcpu, false) == RESUME) continue;
}

/** One entry and the exit that follows. */
function step(vcpu: Vcpu, isTraced: bool): u32 {
  const translations = vcpu.translations.prepareEntry();
  if (translations != MAPPING_OK) {
    vcpu.say(LEVEL_ERROR).text("stale translations cannot be dropped: ").text(mappingStatusText(translations)).end();
    return vcpu.stop(RESULT_EPT_UNUSABLE);
  }
  const outcome = vmEnter(vcpu.registersEnd, vcpu.isLaunched);
  const start = rdtsc();
  if (outcome != VM_SUCCEED) {
    vmxFailure(vcpu.console, vcpu.isLaunched ? "VMRESUME" : "VMLAUNCH", 0, outcome);
    return vcpu.stop(RESULT_ENTRY_FAILED);
  }
  vcpu.isLaunched = 1;
  const reason = <u32>vmread(EXIT_REASON);
  if (isTraced) trace(vcpu, reason);
  // Flags in the upper half (an entry failure among them) make it large too.
  if (reason >= EXIT_REASON_COUNT) return stopAtUnknownReason(vcpu, reason);
  vcpu.exitReason = reason;
  const action = unchecked(EXIT_HANDLERS[reason])(vcpu);
  unchecked(vcpu.exitCounts[reason]++);
  unchecked((vcpu.exitTicks[reason] += rdtsc() - start));
  return action;
}

function trace(vcpu: Vcpu, reason: u32): void {
  const line = vcpu.say(LEVEL_DEBUG).text("exit ").hex(reason).text(" ").text(exitReasonName(reason & 0xffff));
  line.text(" rip ").hex(vmread(GUEST_RIP)).text(" length ").decimal(vmread(VM_EXIT_INSTRUCTION_LENGTH));
  line.text(" qualification ").hex(vmread(EXIT_QUALIFICATION)).end();
}
