// Rules of VM entry on the page-directory-pointer-table entries of PAE paging (SDM 3C 27.3.1.6).

import { CR0_PG, CR4_PAE } from "../../x86/control-registers";
import { PAGE_PRESENT } from "../../x86/paging";
import {
  GUEST_CR0,
  GUEST_CR4,
  GUEST_PDPTE0,
  GUEST_PDPTE1,
  GUEST_PDPTE2,
  GUEST_PDPTE3,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_CONTROLS,
} from "../../x86/vmcs-fields";
import { ENTRY_IA32E_MODE_GUEST, SECONDARY_ENABLE_EPT } from "../../x86/vmx-controls";
import {
  CAP_CPUID_80000008_EAX,
  STATE_MEMORY_PDPTE0,
  STATE_MEMORY_PDPTE1,
  STATE_MEMORY_PDPTE2,
  STATE_MEMORY_PDPTE3,
} from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { NO, Tri, YES, both, implies, not } from "../tri";

// By number.
const FIELDS: StaticArray<u32> = [GUEST_PDPTE0, GUEST_PDPTE1, GUEST_PDPTE2, GUEST_PDPTE3];
const IN_MEMORY: StaticArray<u32> = [
  STATE_MEMORY_PDPTE0,
  STATE_MEMORY_PDPTE1,
  STATE_MEMORY_PDPTE2,
  STATE_MEMORY_PDPTE3,
];

/** Bits 8:5 and 2:1 (SDM 3A 4.4.1). */
const RESERVED: u64 = 0x1e6;
const ADDRESS: u64 = 0xfffffffffffff000;

/** Adds the rows. */
export function addPageDirectoryPointerRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.6");
  for (let i = 0; i < FIELDS.length; i++) {
    const name = "PDPTE" + i.toString();
    rules.add(
      "guest.pdpte" + i.toString() + ".reserved",
      inputsOf(i, VM_ENTRY_CONTROLS),
      (s: Subject): Tri =>
        both(
          loadsFields(s) == NO ? YES : implies(loadsFields(s), fieldReserved(s)),
          loadsMemory(s) == NO ? YES : implies(loadsMemory(s), memoryReserved(s)),
        ),
      "With PAE paging, bits 8:5 and 2:1 of a present " + name + " must be 0.",
      "PDPTEs of PAE paging have no R/W, U/S, A and PS bits, unlike entries of the same name in 4-level paging.",
      i,
    );
    rules.add(
      "guest.pdpte" + i.toString() + ".maxphyaddr",
      inputsOf(i, CAP_CPUID_80000008_EAX),
      (s: Subject): Tri =>
        both(
          loadsFields(s) == NO ? YES : implies(loadsFields(s), fieldWidth(s)),
          loadsMemory(s) == NO ? YES : implies(loadsMemory(s), memoryWidth(s)),
        ),
      "With PAE paging, bits 63:N of a present " +
        name +
        " must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]).",
      "Bit 63 is no execute-disable bit here: PDPTEs of PAE paging have none.",
      i,
    );
  }
}

function inputsOf(i: i32, last: u32): StaticArray<u32> {
  return [FIELDS[i], IN_MEMORY[i], GUEST_CR0, GUEST_CR4, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, last];
}

/** The guest uses PAE paging. */
function usesPaePaging(s: Subject): Tri {
  const isPaged = both(s.isSet(GUEST_CR0, CR0_PG), s.isSet(GUEST_CR4, CR4_PAE));
  return both(isPaged, not(s.entry(ENTRY_IA32E_MODE_GUEST)));
}

/** With EPT, VM entry loads the PDPTEs from the guest-state area. */
function loadsFields(s: Subject): Tri {
  return both(usesPaePaging(s), s.secondary(SECONDARY_ENABLE_EPT));
}

/** Without EPT, from where guest CR3 points to; a 64-bit host never had them loaded before. */
function loadsMemory(s: Subject): Tri {
  return both(usesPaePaging(s), not(s.secondary(SECONDARY_ENABLE_EPT)));
}

// What does not apply is not judged, so that it leaves no witness and no doubt.

function fieldReserved(s: Subject): Tri {
  return implies(s.isSet(FIELDS[s.row], PAGE_PRESENT), s.mustBeZero(FIELDS[s.row], RESERVED));
}

function memoryReserved(s: Subject): Tri {
  return implies(s.isSet(IN_MEMORY[s.row], PAGE_PRESENT), s.mustBeZero(IN_MEMORY[s.row], RESERVED));
}

function fieldWidth(s: Subject): Tri {
  return implies(s.isSet(FIELDS[s.row], PAGE_PRESENT), s.mustBeWithinEnumeratedWidth(FIELDS[s.row], ADDRESS));
}

function memoryWidth(s: Subject): Tri {
  return implies(s.isSet(IN_MEMORY[s.row], PAGE_PRESENT), s.mustBeWithinMaxphyaddr(IN_MEMORY[s.row], ADDRESS));
}
