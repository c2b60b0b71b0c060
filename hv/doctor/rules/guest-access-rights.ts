// Rules of VM entry on the access rights of ES, CS, SS, DS, FS and GS, apart from type and DPL (SDM 3C 27.3.1.2).

import {
  ACCESS_RIGHTS_32_BIT,
  ACCESS_RIGHTS_64_BIT,
  ACCESS_RIGHTS_CODE_OR_DATA,
  ACCESS_RIGHTS_PRESENT,
  ACCESS_RIGHTS_RESERVED_BITS,
} from "../../x86/segments";
import { GUEST_CS_ACCESS_RIGHTS, GUEST_RFLAGS, VM_ENTRY_CONTROLS } from "../../x86/vmcs-fields";
import { willBeIa32eMode, willBeVirtual8086 } from "../guest-conditions";
import { Rules, STAGE_GUEST } from "../rule";
import { accessRightsOf, CS, ES, GS, isUsable, limitOf, SEGMENT_NAMES, SEGMENT_WORDS } from "../segment-fields";
import { Subject } from "../subject";
import { both, implies, not, Tri } from "../tri";
import { granularityMayBeSet, granularityReaches } from "./granularity";

/** Present read/write accessed data segment with DPL 3. */
const VIRTUAL_8086_ACCESS_RIGHTS: u64 = 0xf3;

const UNUSABLE_HINT: string =
  "Where the register holds a null selector, mark it unusable: access rights 0x10000; LAR does not give this field.";

/** Adds the rows. */
export function addGuestAccessRightsRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.2");
  for (let register: u32 = ES; register <= GS; register++) {
    addVirtual8086(rules, register);
    addBits(rules, register);
    addGranularity(rules, register);
  }
  rules.add(
    "guest.cs.d-b",
    [GUEST_CS_ACCESS_RIGHTS, VM_ENTRY_CONTROLS, GUEST_RFLAGS],
    (s: Subject): Tri =>
      implies(
        both(both(isChecked(s, CS), willBeIa32eMode(s)), s.isSet(GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_64_BIT)),
        s.mustBeZero(GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_32_BIT),
      ),
    "In IA-32e mode, if the L bit (bit 13) of the access rights of CS is 1, the D/B bit (bit 14) must be 0.",
    "64-bit code has access rights 0xa09b, compatibility-mode code 0xc09b; 0xe09b is neither.",
  );
}

/** The sub-fields are looked at one by one: not in virtual-8086 mode, and of CS always, of others if usable. */
export function isChecked(s: Subject, register: u32): Tri {
  const isNotVirtual8086 = not(willBeVirtual8086(s));
  return register == CS ? isNotVirtual8086 : both(isNotVirtual8086, isUsable(s, register));
}

/** How sentences name the condition `isChecked`. */
export function whenChecked(register: u32): string {
  return register == CS ? "Outside virtual-8086 mode, " : "Outside virtual-8086 mode and if the register is usable, ";
}

function addVirtual8086(rules: Rules, register: u32): void {
  rules.add(
    "guest." + SEGMENT_WORDS[register] + ".access-rights.virtual-8086",
    [accessRightsOf(register), GUEST_RFLAGS],
    (s: Subject): Tri => implies(willBeVirtual8086(s), s.mustEqual(accessRightsOf(s.row), VIRTUAL_8086_ACCESS_RIGHTS)),
    "In virtual-8086 mode, the access rights of " + SEGMENT_NAMES[register] + " must be 0xf3.",
    "0xf3 is present, DPL 3, read/write accessed data; the same for CS.",
    register,
  );
}

function addBits(rules: Rules, register: u32): void {
  const prefix = "guest." + SEGMENT_WORDS[register];
  const access = " of the access rights of " + SEGMENT_NAMES[register];
  const inputs: StaticArray<u32> = [accessRightsOf(register), GUEST_RFLAGS];
  rules.add(
    prefix + ".s",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), s.mustBeOne(accessRightsOf(s.row), ACCESS_RIGHTS_CODE_OR_DATA)),
    whenChecked(register) + "the S bit (bit 4)" + access + " must be 1: a code or data segment.",
    register == CS ? "" : UNUSABLE_HINT,
    register,
  );
  rules.add(
    prefix + ".p",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), s.mustBeOne(accessRightsOf(s.row), ACCESS_RIGHTS_PRESENT)),
    whenChecked(register) + "the P bit (bit 7)" + access + " must be 1: present.",
    register == CS ? "" : UNUSABLE_HINT,
    register,
  );
  rules.add(
    prefix + ".access-rights.reserved",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), s.mustBeZero(accessRightsOf(s.row), ACCESS_RIGHTS_RESERVED_BITS)),
    whenChecked(register) + "bits 11:8 and 31:17" + access + " must be 0.",
    "LAR returns bits 23:8 of the descriptor: shift them right by 8, and clear bits 11:8, which hold limit bits 19:16.",
    register,
  );
}

function addGranularity(rules: Rules, register: u32): void {
  const prefix = "guest." + SEGMENT_WORDS[register];
  const name = SEGMENT_NAMES[register];
  const inputs: StaticArray<u32> = [accessRightsOf(register), limitOf(register), GUEST_RFLAGS];
  rules.add(
    prefix + ".g.byte",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), granularityMayBeSet(s, s.row)),
    whenChecked(register) + "the G bit (bit 15) of " + name + " must be 0 if any of bits 11:0 of its limit is 0.",
    "The limit field counts bytes: with G = 1 a flat segment has the limit 0xffffffff, not 0xfffff.",
    register,
  );
  rules.add(
    prefix + ".g.page",
    inputs,
    (s: Subject): Tri => implies(isChecked(s, s.row), granularityReaches(s, s.row)),
    whenChecked(register) + "the G bit (bit 15) of " + name + " must be 1 if any of bits 31:20 of its limit is 1.",
    "A limit of 1 MiB and above needs G = 1.",
    register,
  );
}
