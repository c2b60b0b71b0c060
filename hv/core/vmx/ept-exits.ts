// EPT violations and misconfigurations (SDM 3C 28.2.1, table 28-7, and 29.3.3).

import { EXIT_QUALIFICATION, GUEST_LINEAR_ADDRESS, GUEST_PHYSICAL_ADDRESS, GUEST_RIP } from "../../x86/vmcs-fields";
import { ACCESS_HAS_LINEAR, ACCESS_OF_PAGING } from "../../shared/vcpu-page";
import { LEVEL_ERROR } from "../console/console";
import { onMemory } from "../exits/memory";
import { vmread } from "../hardware";
import { RESULT_EPT_MISCONFIGURATION, RESULT_EPT_VIOLATION, RESULT_NOT_HANDLED } from "../results";
import { STOP } from "../vcpu/action";
import { keepInterruptedEvent } from "./vectoring";
import { VmxVcpu } from "./vmx-vcpu";

// Bits of the exit qualification.
const READ_WRITE_FETCH: u64 = 7;
const IS_LINEAR_VALID: u64 = 1 << 7;
/** Of the operand itself; else the access was to a paging structure. */
const IS_FINAL: u64 = 1 << 8;
const IS_NMI_UNBLOCKED_BY_IRET: u64 = 1 << 12;

export function onEptViolation(vcpu: VmxVcpu): u32 {
  const qualification = vmread(EXIT_QUALIFICATION);
  keepInterruptedEvent(vcpu, (qualification & IS_NMI_UNBLOCKED_BY_IRET) != 0);
  const gpa = vmread(GUEST_PHYSICAL_ADDRESS);
  if (gpa < vcpu.shared.ramBytes || vcpu.mirrorsHost) return reportViolation(vcpu, qualification);
  // Bits 0 to 2 are those of ACCESS_*.
  let access = qualification & READ_WRITE_FETCH;
  if (qualification & IS_LINEAR_VALID) access |= ACCESS_HAS_LINEAR;
  if (qualification & IS_LINEAR_VALID && !(qualification & IS_FINAL)) access |= ACCESS_OF_PAGING;
  const action = onMemory(vcpu, access, gpa, vmread(GUEST_LINEAR_ADDRESS));
  const isUnanswered = action == STOP && vcpu.result == RESULT_NOT_HANDLED;
  return isUnanswered ? reportViolation(vcpu, qualification) : action;
}

function reportViolation(vcpu: VmxVcpu, qualification: u64): u32 {
  const line = vcpu.say(LEVEL_ERROR).text("EPT violation: ");
  line.text(qualification & 4 ? "fetch from " : qualification & 2 ? "write to " : "read of ");
  line.text("guest-physical ").hex(vmread(GUEST_PHYSICAL_ADDRESS), 16);
  if (qualification & 0x80) line.text(" (linear ").hex(vmread(GUEST_LINEAR_ADDRESS), 16).text(")");
  line.text(" at RIP ").hex(vmread(GUEST_RIP), 16).text("; the EPT allows ");
  line
    .text(qualification & 8 ? "r" : "-")
    .text(qualification & 0x10 ? "w" : "-")
    .text(qualification & 0x20 ? "x" : "-");
  line.text("; this VM ends").end();
  return vcpu.stop(RESULT_EPT_VIOLATION);
}

export function onEptMisconfiguration(vcpu: VmxVcpu): u32 {
  const line = vcpu.say(LEVEL_ERROR).text("EPT misconfiguration at guest-physical ");
  line.hex(vmread(GUEST_PHYSICAL_ADDRESS), 16).text(": Basalt wrote an entry that this CPU does not take").end();
  return vcpu.stop(RESULT_EPT_MISCONFIGURATION);
}
