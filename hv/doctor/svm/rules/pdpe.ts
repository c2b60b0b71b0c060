// Rules of VMRUN on the page-directory pointers of PAE paging, which it reads from memory (APM 2 15.5.1, 5.2.3).

import { CR0_PG, CR4_PAE } from "../../../x86/control-registers";
import { EFER_LME } from "../../../x86/msr";
import {
  CAP_CPUID_80000008_EAX,
  STATE_MEMORY_PDPTE0,
  STATE_MEMORY_PDPTE1,
  STATE_MEMORY_PDPTE2,
  STATE_MEMORY_PDPTE3,
} from "../../inputs";
import { Rules, STAGE_GUEST } from "../../rule";
import { Subject } from "../../subject";
import { both, implies, not, Tri } from "../../tri";
import { usesNestedPaging } from "../conditions";
import { CR0, CR4, EFER, NESTED_CONTROL } from "../fields";

const ENTRIES: StaticArray<u32> = [STATE_MEMORY_PDPTE0, STATE_MEMORY_PDPTE1, STATE_MEMORY_PDPTE2, STATE_MEMORY_PDPTE3];
const PRESENT: u64 = 1;
/** Bits 8:5 and 2:1. */
const RESERVED: u64 = 0x1e6;
const ADDRESS: u64 = ~(<u64>0xfff);

/** Adds the rows. */
export function addPdpeRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "15.5.1");
  for (let row = 0; row < ENTRIES.length; row++) {
    rules.add(
      "vmcb.pdpe-" + row.toString(),
      [ENTRIES[row], CR0, CR4, EFER, NESTED_CONTROL, CAP_CPUID_80000008_EAX],
      (s: Subject): Tri => implies(both(readsEntries(s), s.isSet(ENTRIES[s.row], PRESENT)), entryIsLegal(s)),
      "With PAE paging outside long mode and without nested paging, page-directory pointer " +
        row.toString() +
        " at CR3, where it is present, must have bits 8:5 and 2:1 as 0, and no bit from the width of physical addresses on.",
      "",
      row,
    );
  }
}

function readsEntries(s: Subject): Tri {
  const isPae = both(both(s.isSet(CR0, CR0_PG), s.isSet(CR4, CR4_PAE)), s.isClear(EFER, EFER_LME));
  return both(isPae, not(usesNestedPaging(s)));
}

function entryIsLegal(s: Subject): Tri {
  const entry = ENTRIES[s.row];
  return both(s.mustBeZero(entry, RESERVED), s.mustBeWithinMaxphyaddr(entry, ADDRESS));
}
