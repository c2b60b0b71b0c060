// The event that VMRUN injects, as conditions of rules (APM 2 15.20).

import { INTERRUPTION_VALID } from "../../x86/exceptions";
import { Subject } from "../subject";
import { tri, Tri, UNKNOWN } from "../tri";
import { EVENTINJ } from "./fields";

export const TYPE_EXCEPTION: u64 = 3;
export const TYPE_SOFTWARE_INTERRUPT: u64 = 4;

const TYPE_SHIFT: u64 = 8;
const TYPE_MASK: u64 = 7;
const VECTOR_MASK: u64 = 0xff;

/** VMRUN injects an event. */
export function injectsAnEvent(s: Subject): Tri {
  return s.isSet(EVENTINJ, INTERRUPTION_VALID);
}

/** VMRUN injects an event of that type. */
export function injects(s: Subject, type: u64): Tri {
  if (!s.needs(EVENTINJ)) return UNKNOWN;
  return tri((s.get(EVENTINJ) & INTERRUPTION_VALID) != 0 && injectedType(s) == type);
}

/** The type and the vector of the event; for where the field is known and valid. */
export function injectedType(s: Subject): u64 {
  return (s.get(EVENTINJ) >> TYPE_SHIFT) & TYPE_MASK;
}
export function injectedVector(s: Subject): u64 {
  return s.get(EVENTINJ) & VECTOR_MASK;
}
