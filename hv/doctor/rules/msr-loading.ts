// Rules on which MSRs the VM-entry MSR-load area may name (SDM 3C 27.4).

import {
  IA32_BIOS_SIGN_ID,
  IA32_FMASK,
  IA32_FS_BASE,
  IA32_GS_BASE,
  IA32_SMM_MONITOR_CTL,
  X2APIC_MSR_FIRST,
  X2APIC_MSR_LAST,
} from "../../x86/msr";
import { VM_ENTRY_MSR_LOAD_ADDRESS, VM_ENTRY_MSR_LOAD_COUNT } from "../../x86/vmcs-fields";
import { STATE_ENTRY_MSR_INDEX, STATE_ENTRY_MSR_VALUE, STATE_IN_SMM } from "../inputs";
import { entryIndex, everyEntry } from "../msr-entries";
import { isReadOnly, isSupported, isWritable } from "../msr-support";
import { Rules, STAGE_MSR_LOADING } from "../rule";
import { DOUBT_MSR_REFUSED } from "../evidence";
import { Subject } from "../subject";
import { NO, Tri, YES } from "../tri";

const AREA: StaticArray<u32> = [STATE_ENTRY_MSR_INDEX, VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_ADDRESS];
const SMM_AREA: StaticArray<u32> = [
  STATE_ENTRY_MSR_INDEX,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  STATE_IN_SMM,
];

const INDEX_RESERVED: u64 = 0xffffffff00000000;
/** Loading microcode: SDM 4 table 2-2 says of it, and of IA32_BIOS_SIGN_ID, that processors may prevent it. */
const IA32_BIOS_UPDT_TRIG: u32 = 0x79;
/** Reserved in IA32_FMASK; the SDM does not say that WRMSR refuses a 1. */
const FMASK_HIGH: u64 = 0xffffffff00000000;

/** Adds the rows. */
export function addMsrLoadingRules(rules: Rules): void {
  rules.at(STAGE_MSR_LOADING, "27.4");
  rules.add(
    "msr.index.reserved",
    AREA,
    (s: Subject): Tri => everyEntry(s, (s: Subject): Tri => s.mustBeZero(STATE_ENTRY_MSR_INDEX, INDEX_RESERVED)),
    "Bits 63:32 of each entry of the VM-entry MSR-load area must be 0.",
    "An entry is the index, 32 reserved bits and the value: 16 bytes.",
  );
  addForbidden(rules, "fs-base", "IA32_FS_BASE (C0000100H)", IA32_FS_BASE, "Write the guest's FS base to the VMCS.");
  addForbidden(rules, "gs-base", "IA32_GS_BASE (C0000101H)", IA32_GS_BASE, "Write the guest's GS base to the VMCS.");
  rules.add(
    "msr.x2apic",
    AREA,
    (s: Subject): Tri => everyEntry(s, isNotOfX2apic),
    "No entry of the VM-entry MSR-load area may name an MSR of the x2APIC: 800H to 8FFH.",
  );
  rules.add(
    "msr.smm-monitor-ctl",
    SMM_AREA,
    (s: Subject): Tri => everyEntry(s, isNotOfSmmOutsideOfIt),
    "Outside SMM no entry of the VM-entry MSR-load area may name IA32_SMM_MONITOR_CTL (9BH).",
  );
  rules.add(
    "msr.read-only",
    AREA,
    (s: Subject): Tri =>
      everyEntry(s, (s: Subject): Tri => s.blame(STATE_ENTRY_MSR_INDEX, 0, isReadOnly(entryIndex(s)) ? NO : YES)),
    "No entry of the VM-entry MSR-load area may name an MSR that is read-only, such as IA32_VMX_BASIC.",
  );
  rules.add(
    "msr.unsupported",
    AREA,
    (s: Subject): Tri =>
      everyEntry(s, (s: Subject): Tri => s.blame(STATE_ENTRY_MSR_INDEX, 0, isSupported(s, entryIndex(s)))),
    "Each entry of the VM-entry MSR-load area must name an MSR that the processor has.",
    "Leave out the MSRs of features that CPUID does not report.",
  );
  rules.add(
    "msr.model-specific",
    AREA,
    (s: Subject): Tri => everyEntry(s, isNotModelSpecific),
    "Each entry of the VM-entry MSR-load area must name an MSR that this processor model loads there.",
    "Microcode cannot be relied on to load there: do it with WRMSR.",
  );
}

function addForbidden(rules: Rules, name: string, sdmName: string, msr: u32, hint: string): void {
  rules.add(
    "msr." + name,
    AREA,
    (s: Subject): Tri => everyEntry(s, isNotThatOfTheRow),
    "No entry of the VM-entry MSR-load area may name " + sdmName + ".",
    hint,
    msr,
  );
}

function isNotThatOfTheRow(s: Subject): Tri {
  return s.must(STATE_ENTRY_MSR_INDEX, entryIndex(s) != s.row);
}

function isNotOfX2apic(s: Subject): Tri {
  const msr = entryIndex(s);
  return s.must(STATE_ENTRY_MSR_INDEX, msr < X2APIC_MSR_FIRST || msr > X2APIC_MSR_LAST);
}

function isNotOfSmmOutsideOfIt(s: Subject): Tri {
  if (entryIndex(s) != IA32_SMM_MONITOR_CTL) return YES;
  return s.blame(STATE_ENTRY_MSR_INDEX, 0, s.isRarely(STATE_IN_SMM));
}

/** Undecidable for an MSR that no other rule judges; the SDM leaves some of them to the model. */
function isNotModelSpecific(s: Subject): Tri {
  const msr = entryIndex(s);
  const hasHighMask = msr == IA32_FMASK && (s.get(STATE_ENTRY_MSR_VALUE) & FMASK_HIGH) != 0;
  if (msr == IA32_BIOS_UPDT_TRIG || msr == IA32_BIOS_SIGN_ID || hasHighMask || !isJudged(msr)) {
    return s.doubt(STATE_ENTRY_MSR_INDEX, DOUBT_MSR_REFUSED, msr);
  }
  return YES;
}

function isJudged(msr: u32): bool {
  if (isWritable(msr) || isReadOnly(msr)) return true;
  if (msr == IA32_FS_BASE || msr == IA32_GS_BASE || msr == IA32_SMM_MONITOR_CTL) return true;
  return msr >= X2APIC_MSR_FIRST && msr <= X2APIC_MSR_LAST;
}
