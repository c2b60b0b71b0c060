// Rules of VMRUN on what nested paging adds to the VMCB (APM 2 15.25.4).

import { REQUIRED_OTHERWISE } from "../../evidence";
import { CAP_CPUID_80000008_EAX } from "../../inputs";
import { Rules, STAGE_CONTROLS } from "../../rule";
import { Subject } from "../../subject";
import { implies, Tri, UNKNOWN, YES } from "../../tri";
import { usesNestedPaging } from "../conditions";
import { G_PAT, N_CR3, NESTED_CONTROL } from "../fields";

const NESTED_CR3: StaticArray<u32> = [N_CR3, NESTED_CONTROL, CAP_CPUID_80000008_EAX];
const GUEST_PAT: StaticArray<u32> = [G_PAT, NESTED_CONTROL];

const PAT_FIELDS: u64 = 8;
const PAT_TYPE_BITS: u64 = 7;
/** Bits 7:3 of each byte. */
const PAT_RESERVED: u64 = 0xf8f8f8f8f8f8f8f8;
/** Types 2 and 3 are no memory types (APM 2 7.8.1). */
const FIRST_RESERVED_TYPE: u64 = 2;
const LAST_RESERVED_TYPE: u64 = 3;

/** Adds the rows. */
export function addNestedPagingRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "15.25.4");
  rules.add(
    "vmcb.n-cr3.maxphyaddr",
    NESTED_CR3,
    (s: Subject): Tri => implies(usesNestedPaging(s), s.mustBeWithinMaxphyaddr(N_CR3)),
    "With nested paging, bits 63:N of N_CR3 must be 0, where N is the width of physical addresses (CPUID.80000008H:EAX[7:0]).",
    "N_CR3 is the root table's physical address, and in bits 4:3 its cache policy.",
  );
  rules.add(
    "vmcb.g-pat.reserved",
    GUEST_PAT,
    (s: Subject): Tri => implies(usesNestedPaging(s), s.mustBeZero(G_PAT, PAT_RESERVED)),
    "With nested paging, bits 7:3 of each byte of G_PAT must be 0.",
    "G_PAT is the guest's PAT MSR; after a reset that is 0007040600070406H.",
  );
  rules.add(
    "vmcb.g-pat.type",
    GUEST_PAT,
    (s: Subject): Tri => implies(usesNestedPaging(s), typesMustExist(s)),
    "With nested paging, bits 2:0 of each byte of G_PAT must be a memory type: 0, 1, 4, 5, 6 or 7.",
    "G_PAT is the guest's PAT MSR; after a reset that is 0007040600070406H.",
  );
}

function typesMustExist(s: Subject): Tri {
  if (!s.needs(G_PAT)) return UNKNOWN;
  for (let field: u64 = 0; field < PAT_FIELDS; field++) {
    const type = (s.get(G_PAT) >> (8 * field)) & PAT_TYPE_BITS;
    if (type >= FIRST_RESERVED_TYPE && type <= LAST_RESERVED_TYPE) return s.fails(G_PAT, REQUIRED_OTHERWISE, 0, 0);
  }
  return YES;
}
