// Rules of VM entry on the selectors, bases and limits of the guest's segment registers (SDM 3C 27.3.1.2).

import {
  GUEST_CS_SELECTOR,
  GUEST_RFLAGS,
  GUEST_SS_SELECTOR,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
} from "../../x86/vmcs-fields";
import { isUnrestricted, willBeVirtual8086 } from "../guest-conditions";
import { Rules, STAGE_GUEST } from "../rule";
import {
  accessRightsOf,
  baseOf,
  CS,
  FS,
  GS,
  isUsable,
  LDTR,
  limitOf,
  SEGMENT_NAMES,
  SEGMENT_WORDS,
  selectorOf,
  SS,
  TR,
} from "../segment-fields";
import { Subject } from "../subject";
import { both, implies, not, Tri, UNKNOWN } from "../tri";

/** RPL, bits 1:0 of a selector. */
const RPL: u64 = 3;
/** TI, bit 2 of a selector: the descriptor is in the LDT. */
const TABLE_INDICATOR: u64 = 4;
const BITS_63_32: u64 = 0xffffffff00000000;
const VIRTUAL_8086_LIMIT: u64 = 0xffff;

const SS_RPL: StaticArray<u32> = [
  GUEST_SS_SELECTOR,
  GUEST_CS_SELECTOR,
  GUEST_RFLAGS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];

/** Adds the rows. */
export function addGuestSegmentRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.2");
  addSelectors(rules);
  for (let register: u32 = 0; register <= GS; register++) addVirtual8086Base(rules, register);
  addBases(rules);
  for (let register: u32 = 0; register <= GS; register++) addVirtual8086Limit(rules, register);
}

function addSelectors(rules: Rules): void {
  rules.add(
    "guest.tr.selector.ti",
    [selectorOf(TR)],
    (s: Subject): Tri => s.mustBeZero(selectorOf(TR), TABLE_INDICATOR),
    "The TI flag (bit 2) of the TR selector must be 0.",
    "A TSS descriptor lies in the GDT: the selector has no bit 2.",
  );
  rules.add(
    "guest.ldtr.selector.ti",
    [selectorOf(LDTR), accessRightsOf(LDTR)],
    (s: Subject): Tri => implies(isUsable(s, LDTR), s.mustBeZero(selectorOf(LDTR), TABLE_INDICATOR)),
    "If LDTR is usable, the TI flag (bit 2) of its selector must be 0.",
    "Where the guest has no LDT, mark LDTR unusable: access rights 0x10000.",
  );
  rules.add(
    "guest.ss.selector.rpl",
    SS_RPL,
    (s: Subject): Tri => implies(both(not(willBeVirtual8086(s)), not(isUnrestricted(s))), rplsAreEqual(s)),
    'Without virtual-8086 mode and without "unrestricted guest", the RPL (bits 1:0) of the SS selector must equal that of the CS selector.',
  );
}

function rplsAreEqual(s: Subject): Tri {
  if (!s.needs(GUEST_CS_SELECTOR)) return UNKNOWN;
  return s.mustMatch(selectorOf(SS), RPL, s.get(selectorOf(CS)));
}

function addVirtual8086Base(rules: Rules, register: u32): void {
  rules.add(
    "guest." + SEGMENT_WORDS[register] + ".base.virtual-8086",
    [baseOf(register), selectorOf(register), GUEST_RFLAGS],
    (s: Subject): Tri => implies(willBeVirtual8086(s), baseIsSelectorShifted(s, s.row)),
    "In virtual-8086 mode, the base address of " + SEGMENT_NAMES[register] + " must be its selector times 16.",
    "",
    register,
  );
}

function baseIsSelectorShifted(s: Subject, register: u32): Tri {
  if (!s.needs(selectorOf(register))) return UNKNOWN;
  return s.mustEqual(baseOf(register), s.get(selectorOf(register)) << 4);
}

function addBases(rules: Rules): void {
  addCanonicalBase(rules, TR);
  addCanonicalBase(rules, FS);
  addCanonicalBase(rules, GS);
  rules.add(
    "guest.ldtr.base.canonical",
    [baseOf(LDTR), accessRightsOf(LDTR)],
    (s: Subject): Tri => implies(isUsable(s, LDTR), s.mustBeCanonical(baseOf(LDTR))),
    "If LDTR is usable, its base address must be canonical.",
  );
  rules.add(
    "guest.cs.base.upper",
    [baseOf(CS)],
    (s: Subject): Tri => s.mustBeZero(baseOf(CS), BITS_63_32),
    "Bits 63:32 of the base address of CS must be 0.",
  );
  for (let register: u32 = 0; register < FS; register++) {
    if (register != CS) addUpperBase(rules, register);
  }
}

function addCanonicalBase(rules: Rules, register: u32): void {
  rules.add(
    "guest." + SEGMENT_WORDS[register] + ".base.canonical",
    [baseOf(register)],
    (s: Subject): Tri => s.mustBeCanonical(baseOf(s.row)),
    "The base address of " + SEGMENT_NAMES[register] + " must be canonical.",
    "",
    register,
  );
}

function addUpperBase(rules: Rules, register: u32): void {
  const name = SEGMENT_NAMES[register];
  rules.add(
    "guest." + SEGMENT_WORDS[register] + ".base.upper",
    [baseOf(register), accessRightsOf(register)],
    (s: Subject): Tri => implies(isUsable(s, s.row), s.mustBeZero(baseOf(s.row), BITS_63_32)),
    "If " + name + " is usable, bits 63:32 of its base address must be 0.",
    "",
    register,
  );
}

function addVirtual8086Limit(rules: Rules, register: u32): void {
  rules.add(
    "guest." + SEGMENT_WORDS[register] + ".limit.virtual-8086",
    [limitOf(register), GUEST_RFLAGS],
    (s: Subject): Tri => implies(willBeVirtual8086(s), s.mustEqual(limitOf(s.row), VIRTUAL_8086_LIMIT)),
    "In virtual-8086 mode, the limit of " + SEGMENT_NAMES[register] + " must be 0xffff.",
    "",
    register,
  );
}
