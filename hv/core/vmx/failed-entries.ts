// VM entries that failed (SDM 3C 27.8 and 31.4).

import { entryFailureDetail } from "../../x86/entry-failures";
import {
  EXIT_REASON_BASIC_MASK,
  EXIT_REASON_ENTRY_FAILURE,
  EXIT_REASON_MACHINE_CHECK_DURING_ENTRY,
  exitReasonName,
} from "../../x86/exit-reasons";
import { EXIT_QUALIFICATION, EXIT_REASON } from "../../x86/vmcs-fields";
import { LEVEL_ERROR } from "../console/console";
import { vmread } from "../hardware";
import { RESULT_ENTRY_FAILED, RESULT_ENTRY_FAILED_BY_STATE, RESULT_UNEXPECTED_EXIT } from "../results";
import { stopAtExit } from "../vcpu/answers";
import { endByMachineCheck } from "../exits/machine-check";
import { vmxFailure } from "./vmx-failure";
import { VmxVcpu } from "./vmx-vcpu";

/** A VM entry that failed after its controls were accepted (SDM 3C 27.8), or a reason that the SDM does not have yet. */
export function onEntryFailure(vcpu: VmxVcpu): u32 {
  const reason = <u32>vmread(EXIT_REASON);
  const basic = reason & EXIT_REASON_BASIC_MASK;
  vcpu.exitRow = basic;
  if (!(reason & EXIT_REASON_ENTRY_FAILURE))
    return stopAtExit(vcpu, "the SDM has no reason for ", RESULT_UNEXPECTED_EXIT);
  if (basic == EXIT_REASON_MACHINE_CHECK_DURING_ENTRY) return endByMachineCheck(vcpu, "during VM entry");
  const line = vcpu.say(LEVEL_ERROR).text("VM entry failed: exit reason ").hex(reason, 8).text(", ");
  const qualification = vmread(EXIT_QUALIFICATION);
  line.text(exitReasonName(basic)).text(", exit qualification ").hex(qualification);
  line.text(": ").text(entryFailureDetail(basic, qualification)).end();
  return vcpu.stop(RESULT_ENTRY_FAILED_BY_STATE);
}

/** VMLAUNCH or VMRESUME failed itself. */
export function onEntryRefused(vcpu: VmxVcpu): u32 {
  vmxFailure(vcpu.console, vcpu.isLaunched ? "VMRESUME" : "VMLAUNCH", 0, vcpu.entryOutcome);
  return vcpu.stop(RESULT_ENTRY_FAILED);
}
