// Rules on register bits of values in the VM-entry MSR-load area: WRMSR would take them (SDM 3C 27.4).

import { CR0_PG } from "../../x86/control-registers";
import {
  EFER_LME,
  IA32_DEBUGCTL,
  IA32_EFER,
  IA32_PAT,
  IA32_PERF_GLOBAL_CTRL,
  IA32_PKRS,
  IA32_SPEC_CTRL,
  IA32_S_CET,
  IA32_U_CET,
} from "../../x86/msr";
import {
  GUEST_CR0,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
} from "../../x86/vmcs-fields";
import { ENTRY_IA32E_MODE_GUEST } from "../../x86/vmx-controls";
import { STATE_ENTRY_MSR_VALUE } from "../inputs";
import { entryIndex, everyEntry } from "../msr-entries";
import { hasNoReservedBits, MSR_DEBUGCTL, MSR_PKRS, MSR_S_CET, MSR_SPEC_CTRL } from "../msr-bits";
import { mustBeValidCounters, mustBeValidEfer, mustHoldMemoryTypes, mustNotSuppressWhileTracking } from "../msr-values";
import { Rules, STAGE_MSR_LOADING } from "../rule";
import { Subject } from "../subject";
import { implies, Tri, YES } from "../tri";

const VALUE: StaticArray<u32> = [STATE_ENTRY_MSR_VALUE, VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_ADDRESS];
const EFER: StaticArray<u32> = [STATE_ENTRY_MSR_VALUE, VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_CONTROLS, GUEST_CR0];

/** Adds the rows. */
export function addMsrLoadingBitRules(rules: Rules): void {
  rules.at(STAGE_MSR_LOADING, "27.4");
  addBits(rules, "debugctl.reserved", "IA32_DEBUGCTL", IA32_DEBUGCTL);
  addBits(rules, "pat.memory-type", "IA32_PAT", IA32_PAT);
  addBits(rules, "perf-global-ctrl.reserved", "IA32_PERF_GLOBAL_CTRL", IA32_PERF_GLOBAL_CTRL);
  addBits(rules, "spec-ctrl.reserved", "IA32_SPEC_CTRL", IA32_SPEC_CTRL);
  addBits(rules, "pkrs.reserved", "IA32_PKRS", IA32_PKRS);
  addBits(rules, "u-cet.reserved", "IA32_U_CET", IA32_U_CET);
  addBits(rules, "s-cet.reserved", "IA32_S_CET", IA32_S_CET);
  addSuppressTracker(rules, "u-cet", "IA32_U_CET", IA32_U_CET);
  addSuppressTracker(rules, "s-cet", "IA32_S_CET", IA32_S_CET);
  addBits(rules, "efer.reserved", "IA32_EFER", IA32_EFER);
  rules.add(
    "msr.efer.lme",
    EFER,
    (s: Subject): Tri => everyEntry(s, doesNotChangeLme),
    'With CR0.PG = 1 for the guest, IA32_EFER.LME in the VM-entry MSR-load area must equal "IA-32e mode guest".',
    'Use "load IA32_EFER" and the guest IA32_EFER field, or set LME as the guest has it.',
  );
}

function addBits(rules: Rules, slug: string, name: string, msr: u32): void {
  const sentence =
    "A value for " +
    name +
    " in the VM-entry MSR-load area must be one that WRMSR accepts: without reserved bits and types.";
  rules.add("msr." + slug, VALUE, (s: Subject): Tri => everyEntry(s, hasValidBitsForTheRow), sentence, "", msr);
}

function addSuppressTracker(rules: Rules, slug: string, name: string, msr: u32): void {
  const sentence =
    "SUPPRESS (bit 10) and TRACKER (bit 11) of a value for " +
    name +
    " in the VM-entry MSR-load area must not both be 1.";
  const predicate = (s: Subject): Tri => everyEntry(s, doesNotSuppressForTheRow);
  rules.add("msr." + slug + ".suppress-tracker", VALUE, predicate, sentence, "", msr);
}

function doesNotSuppressForTheRow(s: Subject): Tri {
  return entryIndex(s) == s.row ? mustNotSuppressWhileTracking(s, STATE_ENTRY_MSR_VALUE) : YES;
}

function hasValidBitsForTheRow(s: Subject): Tri {
  const msr = entryIndex(s);
  if (msr != s.row) return YES;
  if (msr == IA32_PAT) return mustHoldMemoryTypes(s, STATE_ENTRY_MSR_VALUE);
  if (msr == IA32_PERF_GLOBAL_CTRL) return mustBeValidCounters(s, STATE_ENTRY_MSR_VALUE);
  if (msr == IA32_EFER) return mustBeValidEfer(s, STATE_ENTRY_MSR_VALUE);
  return hasNoReservedBits(s, STATE_ENTRY_MSR_VALUE, tableNumberOf(msr));
}

/** The number that the table of reserved bits gives the MSR. */
function tableNumberOf(msr: u32): u64 {
  if (msr == IA32_DEBUGCTL) return MSR_DEBUGCTL;
  if (msr == IA32_SPEC_CTRL) return MSR_SPEC_CTRL;
  // IA32_U_CET has the bits of IA32_S_CET.
  return msr == IA32_PKRS ? MSR_PKRS : MSR_S_CET;
}

/** Paging has been turned on by then, and WRMSR does not change LME under paging. LMA it ignores. */
function doesNotChangeLme(s: Subject): Tri {
  if (entryIndex(s) != IA32_EFER) return YES;
  return implies(
    s.isSet(GUEST_CR0, CR0_PG),
    s.mustAgree(STATE_ENTRY_MSR_VALUE, EFER_LME, s.entry(ENTRY_IA32E_MODE_GUEST)),
  );
}
