// Wrong VMCSs on purpose (boot options fail=entry-controls and fail=entry-state), so that what a user sees can be tested.

import { EPT_POINTER, GUEST_GS_ACCESS_RIGHTS, GUEST_GS_LIMIT } from "../../x86/vmcs-fields";
import { FAIL_ENTRY_CONTROLS, FAIL_ENTRY_STATE } from "../boot/options";
import { vmread, vmwrite } from "../hardware";

/** Beyond MAXPHYADDR on any processor of today. */
const ADDRESS_BIT_51: u64 = 0x8000000000000;

/** Spoils the current VMCS, which is ready for its first entry, as the option asks. The CPU must have EPT. */
export function spoilEntry(fail: u32): void {
  if (fail == FAIL_ENTRY_CONTROLS) vmwrite(EPT_POINTER, vmread(EPT_POINTER) | ADDRESS_BIT_51);
  // What is left of GS where its fields are never written: usable, with type, S and P of 0.
  if (fail != FAIL_ENTRY_STATE) return;
  vmwrite(GUEST_GS_ACCESS_RIGHTS, 0);
  vmwrite(GUEST_GS_LIMIT, 0);
}
