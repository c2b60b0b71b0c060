// Rules of VMRUN on AVIC, the virtual local APIC (APM 2 15.29.4).

import { CPUID_SVM_ECX_X2AVIC_EXTENDED, CPUID_SVM_EDX_AVIC } from "../../../x86/cpuid";
import { VINTR_AVIC_ENABLE, VINTR_X2AVIC_ENABLE } from "../../../x86/vmcb";
import { CAP_CPUID_80000008_EAX, CAP_CPUID_8000000A_ECX, CAP_CPUID_8000000A_EDX } from "../../inputs";
import { Rules, STAGE_CONTROLS } from "../../rule";
import { Subject } from "../../subject";
import { both, either, implies, not, Tri, tri, UNKNOWN } from "../../tri";
import { isEnabled, usesAvic } from "../conditions";
import { AVIC_APIC_BAR, AVIC_BACKING_PAGE, AVIC_LOGICAL_TABLE, AVIC_PHYSICAL_TABLE, VINTR } from "../fields";

const ENABLE: StaticArray<u32> = [VINTR, CAP_CPUID_8000000A_EDX];
const TABLE: StaticArray<u32> = [AVIC_PHYSICAL_TABLE, VINTR, CAP_CPUID_8000000A_EDX];
const LARGE_TABLE: StaticArray<u32> = [AVIC_PHYSICAL_TABLE, VINTR, CAP_CPUID_8000000A_EDX, CAP_CPUID_8000000A_ECX];

const POINTERS: StaticArray<u32> = [AVIC_APIC_BAR, AVIC_BACKING_PAGE, AVIC_LOGICAL_TABLE, AVIC_PHYSICAL_TABLE];
const POINTER_NAMES: StaticArray<string> = [
  "AVIC_APIC_BAR",
  "AVIC_BACKING_PAGE",
  "AVIC_LOGICAL_TABLE",
  "AVIC_PHYSICAL_TABLE",
];
const POINTER_WORDS: StaticArray<string> = ["apic-bar", "backing-page", "logical-table", "physical-table"];
/** x2AVIC does not use the first and the third. */
const IS_OF_X2AVIC: StaticArray<bool> = [false, true, false, true];

const INDEX_MASK: u64 = 0xfff;
const LAST_XAVIC_INDEX: u64 = 255;
const LAST_X2AVIC_INDEX: u64 = 511;

/** Adds the rows. */
export function addAvicRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "15.29.4");
  rules.add(
    "vmcb.x2avic.avic",
    ENABLE,
    (s: Subject): Tri =>
      implies(isEnabled(s, VINTR_X2AVIC_ENABLE, CPUID_SVM_EDX_AVIC), s.mustBeOne(VINTR, VINTR_AVIC_ENABLE)),
    "With x2AVIC (bit 30 at offset 060H), AVIC (bit 31) must be enabled too.",
  );
  rules.add(
    "vmcb.avic.physical-index",
    TABLE,
    (s: Subject): Tri => implies(both(usesAvic(s), not(usesX2avic(s))), indexIsAtMost(s, LAST_XAVIC_INDEX)),
    "With AVIC and without x2AVIC, the last index of the physical table (bits 11:0) must be at most 255.",
  );
  rules.add(
    "vmcb.x2avic.physical-index",
    LARGE_TABLE,
    (s: Subject): Tri =>
      implies(
        both(usesAvic(s), usesX2avic(s)),
        either(indexIsAtMost(s, LAST_X2AVIC_INDEX), s.supports(CAP_CPUID_8000000A_ECX, CPUID_SVM_ECX_X2AVIC_EXTENDED)),
      ),
    "With x2AVIC, the last index of the physical table (bits 11:0) must be at most 511 on a processor with CPUID.8000000AH:ECX[6] = 0.",
  );
  for (let row = 0; row < POINTERS.length; row++) addPointer(rules, row);
}

function addPointer(rules: Rules, row: i32): void {
  rules.add(
    "vmcb.avic." + POINTER_WORDS[row] + ".maxphyaddr",
    [POINTERS[row], VINTR, CAP_CPUID_80000008_EAX, CAP_CPUID_8000000A_EDX],
    (s: Subject): Tri => implies(isUsed(s, s.row), s.mustBeWithinMaxphyaddr(POINTERS[s.row])),
    "With AVIC" +
      (IS_OF_X2AVIC[row] ? "" : " and without x2AVIC") +
      ", bits 63:N of " +
      POINTER_NAMES[row] +
      " must be 0, where N is the width of physical addresses (CPUID.80000008H:EAX[7:0]).",
    "",
    row,
  );
}

function usesX2avic(s: Subject): Tri {
  return s.isSet(VINTR, VINTR_X2AVIC_ENABLE);
}

function isUsed(s: Subject, row: u32): Tri {
  return IS_OF_X2AVIC[row] ? usesAvic(s) : both(usesAvic(s), not(usesX2avic(s)));
}

function indexIsAtMost(s: Subject, last: u64): Tri {
  if (!s.needs(AVIC_PHYSICAL_TABLE)) return UNKNOWN;
  return s.blame(AVIC_PHYSICAL_TABLE, 0, tri((s.get(AVIC_PHYSICAL_TABLE) & INDEX_MASK) <= last));
}
