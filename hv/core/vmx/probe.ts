// The line that `basalt probe` believes: it is printed in VMX operation, so VMXON was really executed.

import { IA32_FEATURE_CONTROL } from "../../x86/msr";
import { SECONDARY_ENABLE_EPT, SECONDARY_UNRESTRICTED_GUEST } from "../../x86/vmx-controls";
import { rdmsr } from "../hardware";
import { Machine } from "../machine";
import { RESULT_OK } from "../results";
import { allowedOnes } from "./capabilities";
import { Vmx } from "./vmx";

/** Prints what a runner needs to know of this machine's VMX. */
export function probe(machine: Machine, vmx: Vmx): u32 {
  const allowed = allowedOnes(vmx.capabilities.secondaryControls);
  const line = machine.console.info().text("probe vmx ok feature-control=").hex(rdmsr(IA32_FEATURE_CONTROL));
  line.text(" ept=").decimal(allowed & SECONDARY_ENABLE_EPT ? 1 : 0);
  line
    .text(" unrestricted-guest=")
    .decimal(allowed & SECONDARY_UNRESTRICTED_GUEST ? 1 : 0)
    .end();
  return RESULT_OK;
}
