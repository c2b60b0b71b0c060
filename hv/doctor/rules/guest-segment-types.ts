// Rules of VM entry on type and DPL of ES, CS, SS, DS, FS and GS (SDM 3C 27.3.1.2).

import { CR0_PE } from "../../x86/control-registers";
import {
  ACCESS_RIGHTS_DPL_MASK,
  ACCESS_RIGHTS_DPL_SHIFT,
  ACCESS_RIGHTS_TYPE_MASK,
  SEGMENT_TYPE_ACCESSED,
  SEGMENT_TYPE_CODE,
  SEGMENT_TYPE_CONFORMING,
  SEGMENT_TYPE_READABLE,
  SEGMENT_TYPE_WRITABLE,
} from "../../x86/segments";
import {
  GUEST_CR0,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_RFLAGS,
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_SS_SELECTOR,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
} from "../../x86/vmcs-fields";
import { isUnrestricted, willBeVirtual8086 } from "../guest-conditions";
import { Rules, STAGE_GUEST } from "../rule";
import { accessRightsOf, CS, DS, ES, GS, SEGMENT_NAMES, SEGMENT_WORDS, selectorOf, SS } from "../segment-fields";
import { Subject } from "../subject";
import { both, either, implies, not, tri, Tri, UNKNOWN } from "../tri";
import { isChecked, whenChecked } from "./guest-access-rights";

const ACCESSED_CODE: u64 = <u64>(SEGMENT_TYPE_CODE | SEGMENT_TYPE_ACCESSED);
const CONFORMING_CODE: u64 = <u64>(SEGMENT_TYPE_CODE | SEGMENT_TYPE_CONFORMING);
/** Type 3: read/write accessed expand-up data. */
const ACCESSED_DATA: u64 = <u64>(SEGMENT_TYPE_WRITABLE | SEGMENT_TYPE_ACCESSED);
const TYPE: u64 = ACCESS_RIGHTS_TYPE_MASK;
const DPL: u64 = <u64>(ACCESS_RIGHTS_DPL_MASK << ACCESS_RIGHTS_DPL_SHIFT);
const RPL: u64 = 3;

const CS_INPUTS: StaticArray<u32> = [
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_RFLAGS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const CS_DPL: StaticArray<u32> = [GUEST_CS_ACCESS_RIGHTS, GUEST_SS_ACCESS_RIGHTS, GUEST_RFLAGS];
const SS_TYPE: StaticArray<u32> = [GUEST_SS_ACCESS_RIGHTS, GUEST_RFLAGS];
const SS_DPL_RPL: StaticArray<u32> = [
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_SS_SELECTOR,
  GUEST_RFLAGS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const SS_DPL_ZERO: StaticArray<u32> = [GUEST_SS_ACCESS_RIGHTS, GUEST_CS_ACCESS_RIGHTS, GUEST_CR0, GUEST_RFLAGS];

/** Adds the rows. */
export function addGuestSegmentTypeRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.2");
  addTypes(rules);
  addCodeSegmentDpl(rules);
  addStackSegmentDpl(rules);
  addDataSegmentDpl(rules, ES);
  for (let register: u32 = DS; register <= GS; register++) addDataSegmentDpl(rules, register);
}

function addTypes(rules: Rules): void {
  rules.add(
    "guest.cs.type",
    CS_INPUTS,
    (s: Subject): Tri => implies(isChecked(s, CS), codeTypeIsAllowed(s)),
    'Outside virtual-8086 mode, the type (bits 3:0 of the access rights) of CS must be 9, 11, 13 or 15; or 3 with "unrestricted guest".',
    "A descriptor in memory may lack the accessed flag; set bit 0 of the type.",
  );
  rules.add(
    "guest.ss.type",
    SS_TYPE,
    (s: Subject): Tri => implies(isChecked(s, SS), stackTypeIsAllowed(s)),
    whenChecked(SS) + "the type (bits 3:0 of the access rights) of SS must be 3 or 7: read/write accessed data.",
  );
  addDataTypes(rules, ES);
  for (let register: u32 = DS; register <= GS; register++) addDataTypes(rules, register);
}

function codeTypeIsAllowed(s: Subject): Tri {
  const isAccessedCode = s.isSet(GUEST_CS_ACCESS_RIGHTS, ACCESSED_CODE);
  const isDataOfUnrestricted = both(isType(s, CS, ACCESSED_DATA), isUnrestricted(s));
  return s.blame(GUEST_CS_ACCESS_RIGHTS, 0, either(isAccessedCode, isDataOfUnrestricted));
}

function stackTypeIsAllowed(s: Subject): Tri {
  const wanted = ACCESSED_DATA;
  return s.mustMatch(GUEST_SS_ACCESS_RIGHTS, wanted | (<u64>SEGMENT_TYPE_CODE), wanted);
}

function isType(s: Subject, register: u32, type: u64): Tri {
  const field = accessRightsOf(register);
  return s.needs(field) ? tri((s.get(field) & TYPE) == type) : UNKNOWN;
}

function addDataTypes(rules: Rules, register: u32): void {
  const prefix = "guest." + SEGMENT_WORDS[register];
  const type = "the type (bits 3:0 of the access rights) of " + SEGMENT_NAMES[register];
  const inputs: StaticArray<u32> = [accessRightsOf(register), GUEST_RFLAGS];
  rules.add(
    prefix + ".type.accessed",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), s.mustBeOne(accessRightsOf(s.row), SEGMENT_TYPE_ACCESSED)),
    whenChecked(register) + "bit 0 (accessed) of " + type + " must be 1.",
    "Where the register holds a null selector, mark it unusable: access rights 0x10000.",
    register,
  );
  rules.add(
    prefix + ".type.readable",
    inputs,
    (s: Subject): Tri =>
      implies(
        both(isChecked(s, s.row), s.isSet(accessRightsOf(s.row), SEGMENT_TYPE_CODE)),
        s.mustBeOne(accessRightsOf(s.row), SEGMENT_TYPE_READABLE),
      ),
    whenChecked(register) + "bit 1 (readable) of " + type + " must be 1 if bit 3 (code) is 1.",
    "",
    register,
  );
}

function addCodeSegmentDpl(rules: Rules): void {
  rules.add(
    "guest.cs.dpl.data",
    CS_INPUTS,
    (s: Subject): Tri =>
      implies(both(isChecked(s, CS), isType(s, CS, ACCESSED_DATA)), s.mustBeZero(GUEST_CS_ACCESS_RIGHTS, DPL)),
    "Outside virtual-8086 mode, the DPL (bits 6:5) of CS must be 0 if its type is 3 (data).",
  );
  rules.add(
    "guest.cs.dpl.non-conforming",
    CS_DPL,
    (s: Subject): Tri => implies(both(isChecked(s, CS), isCode(s, ACCESSED_CODE)), dplEqualsThatOfStack(s)),
    "Outside virtual-8086 mode, the DPL (bits 6:5) of CS must equal that of SS if its type is 9 or 11 (non-conforming code).",
    "SS.DPL is the CPL even where SS is unusable.",
  );
  rules.add(
    "guest.cs.dpl.conforming",
    CS_DPL,
    (s: Subject): Tri =>
      implies(both(isChecked(s, CS), isCode(s, ACCESSED_CODE | CONFORMING_CODE)), dplIsAtMostThatOfStack(s)),
    "Outside virtual-8086 mode, the DPL (bits 6:5) of CS must not be greater than that of SS if its type is 13 or 15 (conforming code).",
  );
}

/** CS is accessed code of the kind that `wanted` tells by its bits 3, 2 and 0. */
function isCode(s: Subject, wanted: u64): Tri {
  if (!s.needs(GUEST_CS_ACCESS_RIGHTS)) return UNKNOWN;
  return tri((s.get(GUEST_CS_ACCESS_RIGHTS) & (ACCESSED_CODE | CONFORMING_CODE)) == wanted);
}

function dplEqualsThatOfStack(s: Subject): Tri {
  if (!s.needs(GUEST_SS_ACCESS_RIGHTS)) return UNKNOWN;
  return s.mustMatch(GUEST_CS_ACCESS_RIGHTS, DPL, s.get(GUEST_SS_ACCESS_RIGHTS));
}

function dplIsAtMostThatOfStack(s: Subject): Tri {
  if (!s.needs(GUEST_SS_ACCESS_RIGHTS)) return UNKNOWN;
  const dpl = s.get(GUEST_CS_ACCESS_RIGHTS) & DPL;
  return s.must(GUEST_CS_ACCESS_RIGHTS, dpl <= (s.get(GUEST_SS_ACCESS_RIGHTS) & DPL));
}

function addStackSegmentDpl(rules: Rules): void {
  rules.add(
    "guest.ss.dpl.rpl",
    SS_DPL_RPL,
    (s: Subject): Tri => implies(both(not(willBeVirtual8086(s)), not(isUnrestricted(s))), dplIsRpl(s)),
    'Without virtual-8086 mode and without "unrestricted guest", the DPL (bits 6:5) of SS must equal the RPL (bits 1:0) of its selector.',
    "This holds for an unusable SS too.",
  );
  rules.add(
    "guest.ss.dpl.zero",
    SS_DPL_ZERO,
    (s: Subject): Tri =>
      implies(
        both(not(willBeVirtual8086(s)), either(isType(s, CS, ACCESSED_DATA), s.isClear(GUEST_CR0, CR0_PE))),
        s.mustBeZero(GUEST_SS_ACCESS_RIGHTS, DPL),
      ),
    "Outside virtual-8086 mode, the DPL (bits 6:5) of SS must be 0 if the type of CS is 3 (data) or CR0.PE is 0.",
  );
}

function dplIsRpl(s: Subject): Tri {
  if (!s.needs(GUEST_SS_SELECTOR)) return UNKNOWN;
  const rpl = s.get(GUEST_SS_SELECTOR) & RPL;
  return s.mustMatch(GUEST_SS_ACCESS_RIGHTS, DPL, rpl << (<u64>ACCESS_RIGHTS_DPL_SHIFT));
}

function addDataSegmentDpl(rules: Rules, register: u32): void {
  const name = SEGMENT_NAMES[register];
  rules.add(
    "guest." + SEGMENT_WORDS[register] + ".dpl",
    [accessRightsOf(register), selectorOf(register), SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, GUEST_RFLAGS],
    (s: Subject): Tri =>
      implies(
        both(both(isChecked(s, s.row), not(isUnrestricted(s))), not(isConformingCode(s, s.row))),
        dplIsAtLeastRpl(s, s.row),
      ),
    'Without "unrestricted guest" and outside virtual-8086 mode, if ' +
      name +
      " is usable and its type is 0 to 11, its DPL (bits 6:5) must not be less than the RPL (bits 1:0) of its selector.",
    "",
    register,
  );
}

function isConformingCode(s: Subject, register: u32): Tri {
  return s.isSet(accessRightsOf(register), CONFORMING_CODE);
}

function dplIsAtLeastRpl(s: Subject, register: u32): Tri {
  if (!s.needs(selectorOf(register))) return UNKNOWN;
  const dpl = (s.get(accessRightsOf(register)) & DPL) >> (<u64>ACCESS_RIGHTS_DPL_SHIFT);
  return s.must(accessRightsOf(register), dpl >= (s.get(selectorOf(register)) & RPL));
}
