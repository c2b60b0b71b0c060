// Rules of VM entry on the access rights of TR and LDTR (SDM 3C 27.3.1.2).

import {
  ACCESS_RIGHTS_CODE_OR_DATA,
  ACCESS_RIGHTS_PRESENT,
  ACCESS_RIGHTS_RESERVED_BITS,
  ACCESS_RIGHTS_TYPE_MASK,
  ACCESS_RIGHTS_UNUSABLE,
  SEGMENT_TYPE_BUSY_16_BIT_TSS,
  SEGMENT_TYPE_BUSY_TSS,
  SEGMENT_TYPE_LDT,
} from "../../x86/segments";
import { GUEST_LDTR_ACCESS_RIGHTS, GUEST_TR_ACCESS_RIGHTS, VM_ENTRY_CONTROLS } from "../../x86/vmcs-fields";
import { willBeIa32eMode } from "../guest-conditions";
import { Rules, STAGE_GUEST } from "../rule";
import { accessRightsOf, isUsable, LDTR, limitOf, SEGMENT_NAMES, SEGMENT_WORDS, TR } from "../segment-fields";
import { Subject } from "../subject";
import { either, implies, not, tri, Tri, UNKNOWN, YES } from "../tri";
import { granularityMayBeSet, granularityReaches } from "./granularity";

const TYPE: u64 = ACCESS_RIGHTS_TYPE_MASK;
const BUSY_TSS: u64 = SEGMENT_TYPE_BUSY_TSS;
const BUSY_16_BIT_TSS: u64 = SEGMENT_TYPE_BUSY_16_BIT_TSS;

const TR_TYPE: StaticArray<u32> = [GUEST_TR_ACCESS_RIGHTS, VM_ENTRY_CONTROLS];
const TR_ONLY: StaticArray<u32> = [GUEST_TR_ACCESS_RIGHTS];
const LDTR_ONLY: StaticArray<u32> = [GUEST_LDTR_ACCESS_RIGHTS];

/** Adds the rows. */
export function addGuestSystemSegmentRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.2");
  rules.add(
    "guest.tr.type",
    TR_TYPE,
    (s: Subject): Tri => taskTypeIsAllowed(s),
    "The type (bits 3:0 of the access rights) of TR must be 11 (busy TSS); outside IA-32e mode 3 (16-bit busy TSS) will do as well.",
    "A TSS that was never loaded with LTR is of type 9 (available): VM entry wants the busy one, 0x8b.",
  );
  addBits(rules, TR);
  rules.add(
    "guest.tr.usable",
    TR_ONLY,
    (s: Subject): Tri => s.mustBeZero(GUEST_TR_ACCESS_RIGHTS, ACCESS_RIGHTS_UNUSABLE),
    "Bit 16 (unusable) of the access rights of TR must be 0.",
    "A guest without a TSS gets one all the same: access rights 0x8b, and a base and a limit that need not be used.",
  );
  rules.add(
    "guest.ldtr.type",
    LDTR_ONLY,
    (s: Subject): Tri => implies(isUsable(s, LDTR), s.mustMatch(GUEST_LDTR_ACCESS_RIGHTS, TYPE, <u64>SEGMENT_TYPE_LDT)),
    "If LDTR is usable, its type (bits 3:0 of the access rights) must be 2 (LDT).",
    "Where the guest has no LDT, mark LDTR unusable: access rights 0x10000.",
  );
  addBits(rules, LDTR);
}

function taskTypeIsAllowed(s: Subject): Tri {
  if (!s.needs(GUEST_TR_ACCESS_RIGHTS)) return UNKNOWN;
  const type = s.get(GUEST_TR_ACCESS_RIGHTS) & TYPE;
  const is16BitOutsideIa32e = type == BUSY_16_BIT_TSS ? not(willBeIa32eMode(s)) : tri(false);
  return s.blame(GUEST_TR_ACCESS_RIGHTS, type ^ BUSY_TSS, either(tri(type == BUSY_TSS), is16BitOutsideIa32e));
}

/** TR always, LDTR if usable. */
function isChecked(s: Subject, register: u32): Tri {
  return register == TR ? YES : isUsable(s, register);
}

function addBits(rules: Rules, register: u32): void {
  const prefix = "guest." + SEGMENT_WORDS[register];
  const name = SEGMENT_NAMES[register];
  const when = register == TR ? "" : "If LDTR is usable, ";
  const access = " of the access rights of " + name;
  const inputs = register == TR ? TR_ONLY : LDTR_ONLY;
  const withLimit: StaticArray<u32> = [accessRightsOf(register), limitOf(register)];
  rules.add(
    prefix + ".s",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), s.mustBeZero(accessRightsOf(s.row), ACCESS_RIGHTS_CODE_OR_DATA)),
    when + (register == TR ? "The" : "the") + " S bit (bit 4)" + access + " must be 0: a system segment.",
    "",
    register,
  );
  rules.add(
    prefix + ".p",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), s.mustBeOne(accessRightsOf(s.row), ACCESS_RIGHTS_PRESENT)),
    when + (register == TR ? "The" : "the") + " P bit (bit 7)" + access + " must be 1: present.",
    "",
    register,
  );
  rules.add(
    prefix + ".access-rights.reserved",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), s.mustBeZero(accessRightsOf(s.row), ACCESS_RIGHTS_RESERVED_BITS)),
    when + (register == TR ? "Bits" : "bits") + " 11:8 and 31:17" + access + " must be 0.",
    "",
    register,
  );
  rules.add(
    prefix + ".g.byte",
    withLimit,
    (s: Subject): Tri => implies(isChecked(s, s.row), granularityMayBeSet(s, s.row)),
    when +
      (register == TR ? "The" : "the") +
      " G bit (bit 15) of " +
      name +
      " must be 0 if any of bits 11:0 of its limit is 0.",
    "",
    register,
  );
  rules.add(
    prefix + ".g.page",
    withLimit,
    (s: Subject): Tri => implies(isChecked(s, s.row), granularityReaches(s, s.row)),
    when +
      (register == TR ? "The" : "the") +
      " G bit (bit 15) of " +
      name +
      " must be 1 if any of bits 31:20 of its limit is 1.",
    "",
    register,
  );
}
