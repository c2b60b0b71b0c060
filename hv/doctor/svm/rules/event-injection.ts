// Rules of VMRUN on the event that it injects (APM 2 15.20).

import { VECTOR_BOUND_RANGE, VECTOR_NMI, VECTOR_OVERFLOW } from "../../../x86/exceptions";
import { Rules, STAGE_CONTROLS } from "../../rule";
import { Subject } from "../../subject";
import { both, implies, Tri } from "../../tri";
import { willBe64BitMode } from "../conditions";
import { injectedType, injectedVector, injects, injectsAnEvent, TYPE_EXCEPTION } from "../event";
import { CR0, CS_ATTRIBUTES, EFER, EVENTINJ } from "../fields";

const EVENT: StaticArray<u32> = [EVENTINJ];
const EVENT_MODE: StaticArray<u32> = [EVENTINJ, EFER, CR0, CS_ATTRIBUTES];

/** Types 0, 2, 3 and 4. */
const KNOWN_TYPES: u32 = 0x1d;
const LAST_VECTOR: u64 = 31;
/** Vectors 9, 15, 20, 22 to 27 and 31, which the manual reserves (APM 2 table 8-1). */
const RESERVED_VECTORS: u32 = 0x8fd08200;

/** Adds the rows. */
export function addVmcbEventRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "15.20");
  rules.add(
    "vmcb.eventinj.type",
    EVENT,
    (s: Subject): Tri =>
      implies(injectsAnEvent(s), s.must(EVENTINJ, ((KNOWN_TYPES >> (<u32>injectedType(s))) & 1) != 0)),
    "The type of an injected event (bits 10:8) must be 0, 2, 3 or 4; the others are reserved.",
    "0 is an external interrupt, 2 NMI, 3 an exception, 4 INT n; #BP and #OF are exceptions here.",
  );
  rules.add(
    "vmcb.eventinj.vector",
    EVENT,
    (s: Subject): Tri =>
      implies(
        injects(s, TYPE_EXCEPTION),
        s.must(EVENTINJ, injectedVector(s) <= LAST_VECTOR && injectedVector(s) != <u64>VECTOR_NMI),
      ),
    "The vector of an injected exception (type 3) must be at most 31 and not 2, which is NMI's.",
    "An NMI is type 2, an external interrupt type 0.",
  );
  rules.add(
    "vmcb.eventinj.vector.reserved",
    EVENT,
    (s: Subject): Tri => implies(injects(s, TYPE_EXCEPTION), s.must(EVENTINJ, !hasReservedVector(s))),
    "The vector of an injected exception (type 3) must be one that an exception has: not 9, 15, 20, 22 to 27 or 31.",
  );
  rules.add(
    "vmcb.eventinj.vector.64-bit",
    EVENT_MODE,
    (s: Subject): Tri =>
      implies(
        both(injects(s, TYPE_EXCEPTION), willBe64BitMode(s)),
        s.must(EVENTINJ, injectedVector(s) != <u64>VECTOR_BOUND_RANGE && injectedVector(s) != <u64>VECTOR_OVERFLOW),
      ),
    "An exception that the guest's mode cannot raise must not be injected: in 64-bit mode neither #OF (4) nor #BR (5), whose instructions do not exist there.",
  );
}

function hasReservedVector(s: Subject): bool {
  const vector = injectedVector(s);
  return vector <= LAST_VECTOR && ((RESERVED_VECTORS >> (<u32>vector)) & 1) != 0;
}
