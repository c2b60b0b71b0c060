// Conditions on the guest to be entered that rules of many topics ask for (SDM 3C 27.3.1).

import { CR0_PG, RFLAGS_VM } from "../x86/control-registers";
import { ACCESS_RIGHTS_64_BIT } from "../x86/segments";
import { GUEST_CR0, GUEST_CS_ACCESS_RIGHTS, GUEST_RFLAGS } from "../x86/vmcs-fields";
import { ENTRY_IA32E_MODE_GUEST, SECONDARY_UNRESTRICTED_GUEST } from "../x86/vmx-controls";
import { Subject } from "./subject";
import { both, Tri } from "./tri";

/** RFLAGS.VM is 1. */
export function willBeVirtual8086(s: Subject): Tri {
  return s.isSet(GUEST_RFLAGS, RFLAGS_VM);
}

/** The "IA-32e mode guest" VM-entry control is 1. */
export function willBeIa32eMode(s: Subject): Tri {
  return s.entry(ENTRY_IA32E_MODE_GUEST);
}

/** IA-32e mode with CS.L = 1. */
export function willBe64BitMode(s: Subject): Tri {
  return both(willBeIa32eMode(s), s.isSet(GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_64_BIT));
}

/** The "unrestricted guest" VM-execution control is 1. */
export function isUnrestricted(s: Subject): Tri {
  return s.secondary(SECONDARY_UNRESTRICTED_GUEST);
}

/** CR0.PG is 1. */
export function willUsePaging(s: Subject): Tri {
  return s.isSet(GUEST_CR0, CR0_PG);
}
