// Wrong VMCBs on purpose (boot options fail=entry-controls and fail=entry-state), so that what a user sees can be tested.

import { EFER_SVME } from "../../x86/msr";
import { VMCB_CR0, VMCB_EFER, VMCB_GUEST_ASID } from "../../x86/vmcb";
import { FAIL_ENTRY_CONTROLS, FAIL_ENTRY_STATE } from "../boot/options";
import { Vmcb } from "./vmcb";

const CR0_BIT_32: u64 = 0x100000000;

/** Spoils a VMCB that is ready for its first VMRUN, as the option asks. */
export function spoilEntry(vmcb: Vmcb, fail: u32): void {
  if (fail == FAIL_ENTRY_CONTROLS) vmcb.write32(VMCB_GUEST_ASID, 0);
  if (fail != FAIL_ENTRY_STATE) return;
  vmcb.write64(VMCB_EFER, vmcb.read64(VMCB_EFER) & ~EFER_SVME);
  vmcb.write64(VMCB_CR0, vmcb.read64(VMCB_CR0) | CR0_BIT_32);
}
