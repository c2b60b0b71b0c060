// EPT violations and misconfigurations (SDM 3C 28.2.1, table 28-7, and 29.3.3).

import {
  EPT_VIOLATION_ACCESS,
  EPT_VIOLATION_ALLOWED,
  EPT_VIOLATION_ALLOWED_SHIFT,
  EPT_VIOLATION_ASYNCHRONOUS,
  EPT_VIOLATION_EXECUTE_DISABLED,
  EPT_VIOLATION_LINEAR_VALID,
  EPT_VIOLATION_NMI_UNBLOCKING,
  EPT_VIOLATION_OF_TRANSLATION,
  EPT_VIOLATION_SHADOW_STACK,
  EPT_VIOLATION_USER_ADDRESS,
  EPT_VIOLATION_USER_EXECUTABLE,
  EPT_VIOLATION_WRITABLE_ADDRESS,
} from "../../x86/ept-violation";
import { EXIT_QUALIFICATION, GUEST_LINEAR_ADDRESS, GUEST_PHYSICAL_ADDRESS } from "../../x86/vmcs-fields";
import { ACCESS_HAS_LINEAR, ACCESS_OF_PAGING } from "../../shared/vcpu-page";
import { LEVEL_ERROR } from "../console/console";
import { onMemoryFault } from "../exits/memory-fault";
import { POPULATED } from "../guest-memory";
import { vmread } from "../hardware";
import { RESULT_EPT_MISCONFIGURATION } from "../results";
import { RESUME } from "../vcpu/action";
import { VmxVcpu } from "./vmx-vcpu";

/** RAM that is touched for the first time, first: that takes few instructions. */
export function onEptViolation(vcpu: VmxVcpu): u32 {
  if (vcpu.memory.populate(vmread(GUEST_PHYSICAL_ADDRESS)) == POPULATED) return RESUME;
  readViolation(vcpu);
  return onMemoryFault(vcpu, vcpu.fault);
}

/** Fills the vCPU's MemoryFault from the VMCS. */
function readViolation(vcpu: VmxVcpu): void {
  const qualification = vmread(EXIT_QUALIFICATION);
  const fault = vcpu.fault;
  const hasLinear = (qualification & EPT_VIOLATION_LINEAR_VALID) != 0;
  const isTranslated = hasLinear && (qualification & EPT_VIOLATION_OF_TRANSLATION) != 0;
  fault.gpa = vmread(GUEST_PHYSICAL_ADDRESS);
  fault.linearAddress = hasLinear ? vmread(GUEST_LINEAR_ADDRESS) : 0;
  // The SDM's bits 2:0 are ACCESS_READ, ACCESS_WRITE and ACCESS_FETCH, bits 5:3 READ, WRITE and EXECUTE, bit for bit.
  fault.access = qualification & EPT_VIOLATION_ACCESS;
  if (hasLinear) fault.access |= ACCESS_HAS_LINEAR;
  if (!isTranslated) fault.access |= ACCESS_OF_PAGING;
  fault.allowed = <u32>((qualification >> EPT_VIOLATION_ALLOWED_SHIFT) & EPT_VIOLATION_ALLOWED);
  fault.isUserExecutable = vcpu.hasModeBasedExecution && (qualification & EPT_VIOLATION_USER_EXECUTABLE) != 0;
  fault.hasGuestPaging = isTranslated && vcpu.hasAdvancedViolations;
  fault.isUserAddress = (qualification & EPT_VIOLATION_USER_ADDRESS) != 0;
  fault.isGuestWritable = (qualification & EPT_VIOLATION_WRITABLE_ADDRESS) != 0;
  fault.isGuestExecuteDisabled = (qualification & EPT_VIOLATION_EXECUTE_DISABLED) != 0;
  fault.unblocksNmis = (qualification & EPT_VIOLATION_NMI_UNBLOCKING) != 0;
  fault.isShadowStack = (qualification & EPT_VIOLATION_SHADOW_STACK) != 0;
  fault.isAsynchronous = (qualification & EPT_VIOLATION_ASYNCHRONOUS) != 0;
}

export function onEptMisconfiguration(vcpu: VmxVcpu): u32 {
  const gpa = vmread(GUEST_PHYSICAL_ADDRESS);
  const line = vcpu.say(LEVEL_ERROR).text("EPT misconfiguration at guest-physical ").hex(gpa, 16).text(": ");
  vcpu.memory.nestedPaging!.explainEntry(gpa, line);
  line.text("; this VM ends").end();
  return vcpu.stop(RESULT_EPT_MISCONFIGURATION);
}
