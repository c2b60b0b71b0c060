// EPT violations and misconfigurations (SDM 3C 28.2.1, table 28-7, and 29.3.3).

import { EXIT_QUALIFICATION, GUEST_LINEAR_ADDRESS, GUEST_PHYSICAL_ADDRESS, GUEST_RIP } from "../../x86/vmcs-fields";
import { LEVEL_ERROR } from "../console/console";
import { vmread } from "../hardware";
import { RESULT_EPT_MISCONFIGURATION, RESULT_EPT_VIOLATION } from "../results";
import { VmxVcpu } from "./vmx-vcpu";

export function onEptViolation(vcpu: VmxVcpu): u32 {
  const qualification = vmread(EXIT_QUALIFICATION);
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
