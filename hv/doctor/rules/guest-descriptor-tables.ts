// Rules of VM entry on the guest's GDTR and IDTR (SDM 3C 27.3.1.3).

import { GUEST_GDTR_BASE, GUEST_GDTR_LIMIT, GUEST_IDTR_BASE, GUEST_IDTR_LIMIT } from "../../x86/vmcs-fields";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { Tri } from "../tri";

const BITS_31_16: u64 = 0xffff0000;

/** Adds the rows. */
export function addGuestDescriptorTableRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.3");
  addBase(rules, "guest.gdtr.base.canonical", "GDTR", GUEST_GDTR_BASE);
  addBase(rules, "guest.idtr.base.canonical", "IDTR", GUEST_IDTR_BASE);
  addLimit(rules, "guest.gdtr.limit", "GDTR", GUEST_GDTR_LIMIT);
  addLimit(rules, "guest.idtr.limit", "IDTR", GUEST_IDTR_LIMIT);
}

function addBase(rules: Rules, slug: string, name: string, field: u32): void {
  rules.add(
    slug,
    [field],
    (s: Subject): Tri => s.mustBeCanonical(s.row),
    "The base address of " + name + " must be canonical.",
    "",
    field,
  );
}

function addLimit(rules: Rules, slug: string, name: string, field: u32): void {
  rules.add(
    slug,
    [field],
    (s: Subject): Tri => s.mustBeZero(s.row, BITS_31_16),
    "Bits 31:16 of the limit of " + name + " must be 0.",
    "",
    field,
  );
}
