// The event that VM entry injects, as conditions of rules (SDM 3C 25.8.3).

import { VM_ENTRY_INTERRUPTION_INFORMATION } from "../../x86/vmcs-fields";
import { Subject } from "../subject";
import { tri, Tri, UNKNOWN } from "../tri";

export const TYPE_EXTERNAL_INTERRUPT: u64 = 0;
export const TYPE_NMI: u64 = 2;
export const TYPE_HARDWARE_EXCEPTION: u64 = 3;
export const TYPE_OTHER_EVENT: u64 = 7;

const VALID: u64 = 0x80000000;
const TYPE_SHIFT: u64 = 8;
const TYPE_MASK: u64 = 7;
const VECTOR_MASK: u64 = 0xff;

/** VM entry injects an event. */
export function injectsAnEvent(s: Subject): Tri {
  return s.isSet(VM_ENTRY_INTERRUPTION_INFORMATION, VALID);
}

/** VM entry injects an event of that type. */
export function injects(s: Subject, type: u64): Tri {
  if (!s.needs(VM_ENTRY_INTERRUPTION_INFORMATION)) return UNKNOWN;
  return tri((s.get(VM_ENTRY_INTERRUPTION_INFORMATION) & VALID) != 0 && injectedType(s) == type);
}

/** The type and the vector of the event; for where the field is known and valid. */
export function injectedType(s: Subject): u64 {
  return (s.get(VM_ENTRY_INTERRUPTION_INFORMATION) >> TYPE_SHIFT) & TYPE_MASK;
}
export function injectedVector(s: Subject): u64 {
  return s.get(VM_ENTRY_INTERRUPTION_INFORMATION) & VECTOR_MASK;
}
