// Rules on the values in the VM-entry MSR-load area: WRMSR would refuse none of them (SDM 3C 27.4).

import { CR0_PG } from "../../x86/control-registers";
import {
  EFER_LME,
  FEATURE_CONTROL_LOCKED,
  IA32_BNDCFGS,
  IA32_CSTAR,
  IA32_DEBUGCTL,
  IA32_EFER,
  IA32_FEATURE_CONTROL,
  IA32_FLUSH_CMD,
  IA32_INTERRUPT_SSP_TABLE_ADDR,
  IA32_KERNEL_GS_BASE,
  IA32_LSTAR,
  IA32_PAT,
  IA32_PERF_GLOBAL_CTRL,
  IA32_PKRS,
  IA32_PL0_SSP,
  IA32_PL1_SSP,
  IA32_PL2_SSP,
  IA32_PL3_SSP,
  IA32_PRED_CMD,
  IA32_SPEC_CTRL,
  IA32_SYSENTER_EIP,
  IA32_SYSENTER_ESP,
  IA32_S_CET,
  IA32_TSC_AUX,
  IA32_U_CET,
} from "../../x86/msr";
import {
  GUEST_CR0,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
} from "../../x86/vmcs-fields";
import { ENTRY_IA32E_MODE_GUEST } from "../../x86/vmx-controls";
import { STATE_ENTRY_MSR_VALUE, STATE_FEATURE_CONTROL } from "../inputs";
import { entryIndex, everyEntry } from "../msr-entries";
import { Rules, STAGE_MSR_LOADING } from "../rule";
import { Subject } from "../subject";
import { implies, Tri, YES } from "../tri";
import {
  doesNotSuppressWhileTracking,
  hasValidCetBits,
  hasValidCounters,
  hasValidDebugctlBits,
  hasValidEferBits,
  hasValidMemoryTypes,
  hasValidPkrsBits,
  hasValidSpecCtrlBits,
} from "../wrmsr-values";

const VALUE: StaticArray<u32> = [STATE_ENTRY_MSR_VALUE, VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_ADDRESS];
const EFER: StaticArray<u32> = [STATE_ENTRY_MSR_VALUE, VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_CONTROLS, GUEST_CR0];
const FEATURE_CONTROL: StaticArray<u32> = [
  STATE_ENTRY_MSR_VALUE,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  STATE_FEATURE_CONTROL,
];

const ADDRESSES: StaticArray<u32> = [
  IA32_SYSENTER_ESP,
  IA32_SYSENTER_EIP,
  IA32_U_CET,
  IA32_S_CET,
  IA32_PL0_SSP,
  IA32_PL1_SSP,
  IA32_PL2_SSP,
  IA32_PL3_SSP,
  IA32_INTERRUPT_SSP_TABLE_ADDR,
  IA32_BNDCFGS,
  IA32_LSTAR,
  IA32_CSTAR,
  IA32_KERNEL_GS_BASE,
];
const ADDRESS_SLUGS: StaticArray<string> = [
  "sysenter-esp",
  "sysenter-eip",
  "u-cet",
  "s-cet",
  "pl0-ssp",
  "pl1-ssp",
  "pl2-ssp",
  "pl3-ssp",
  "interrupt-ssp-table",
  "bndcfgs",
  "lstar",
  "cstar",
  "kernel-gs-base",
];
const ADDRESS_NAMES: StaticArray<string> = [
  "IA32_SYSENTER_ESP",
  "IA32_SYSENTER_EIP",
  "IA32_U_CET",
  "IA32_S_CET",
  "IA32_PL0_SSP",
  "IA32_PL1_SSP",
  "IA32_PL2_SSP",
  "IA32_PL3_SSP",
  "IA32_INTERRUPT_SSP_TABLE_ADDR",
  "IA32_BNDCFGS",
  "IA32_LSTAR",
  "IA32_CSTAR",
  "IA32_KERNEL_GS_BASE",
];

/** Reserved whatever the processor has: the MSR, then the bits. */
// prettier-ignore
const RESERVED: StaticArray<u64> = [
  IA32_PRED_CMD, 0xfffffffffffffffe,
  IA32_FLUSH_CMD, 0xfffffffffffffffe,
  IA32_PL0_SSP, 3,
  IA32_PL1_SSP, 3,
  IA32_PL2_SSP, 3,
  IA32_PL3_SSP, 3,
  IA32_BNDCFGS, 0xffc,
  IA32_TSC_AUX, 0xffffffff00000000,
];
const RESERVED_SLUGS: StaticArray<string> = [
  "msr.pred-cmd.reserved",
  "msr.flush-cmd.reserved",
  "msr.pl0-ssp.alignment",
  "msr.pl1-ssp.alignment",
  "msr.pl2-ssp.alignment",
  "msr.pl3-ssp.alignment",
  "msr.bndcfgs.reserved",
  "msr.tsc-aux.reserved",
];
const RESERVED_SENTENCES: StaticArray<string> = [
  "A value for IA32_PRED_CMD in the VM-entry MSR-load area must have only bit 0 (IBPB).",
  "A value for IA32_FLUSH_CMD in the VM-entry MSR-load area must have only bit 0 (L1D_FLUSH).",
  "Bits 1:0 of a value for IA32_PL0_SSP in the VM-entry MSR-load area must be 0.",
  "Bits 1:0 of a value for IA32_PL1_SSP in the VM-entry MSR-load area must be 0.",
  "Bits 1:0 of a value for IA32_PL2_SSP in the VM-entry MSR-load area must be 0.",
  "Bits 1:0 of a value for IA32_PL3_SSP in the VM-entry MSR-load area must be 0.",
  "Bits 11:2 of a value for IA32_BNDCFGS in the VM-entry MSR-load area must be 0.",
  "Bits 63:32 of a value for IA32_TSC_AUX in the VM-entry MSR-load area must be 0.",
];

/** Adds the rows. */
export function addMsrLoadingValueRules(rules: Rules): void {
  rules.at(STAGE_MSR_LOADING, "27.4");
  addFeatureControl(rules);
  for (let i = 0; i < ADDRESSES.length; i++) {
    const sentence = "A value for " + ADDRESS_NAMES[i] + " in the VM-entry MSR-load area must be a canonical address.";
    const predicate = (s: Subject): Tri => everyEntry(s, isCanonicalForTheRow);
    rules.add("msr." + ADDRESS_SLUGS[i] + ".canonical", VALUE, predicate, sentence, "", ADDRESSES[i]);
  }
  for (let i = 0; i < RESERVED_SLUGS.length; i++) {
    const predicate = (s: Subject): Tri => everyEntry(s, hasNoReservedBitForTheRow);
    rules.add(RESERVED_SLUGS[i], VALUE, predicate, RESERVED_SENTENCES[i], "", i);
  }
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

function addFeatureControl(rules: Rules): void {
  rules.add(
    "msr.feature-control.locked",
    FEATURE_CONTROL,
    (s: Subject): Tri => everyEntry(s, isNotLocked),
    "No entry of the VM-entry MSR-load area may name IA32_FEATURE_CONTROL where it is locked.",
    "VMXON needs it locked: nothing can change it until a reset.",
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

function isNotLocked(s: Subject): Tri {
  if (entryIndex(s) != IA32_FEATURE_CONTROL) return YES;
  return s.blame(STATE_ENTRY_MSR_VALUE, 0, s.isClear(STATE_FEATURE_CONTROL, FEATURE_CONTROL_LOCKED));
}

function isCanonicalForTheRow(s: Subject): Tri {
  return entryIndex(s) == s.row ? s.mustBeCanonical(STATE_ENTRY_MSR_VALUE) : YES;
}

function hasNoReservedBitForTheRow(s: Subject): Tri {
  const place = 2 * <i32>s.row;
  return <u64>entryIndex(s) == RESERVED[place] ? s.mustBeZero(STATE_ENTRY_MSR_VALUE, RESERVED[place + 1]) : YES;
}

function doesNotSuppressForTheRow(s: Subject): Tri {
  return entryIndex(s) == s.row ? doesNotSuppressWhileTracking(s, STATE_ENTRY_MSR_VALUE) : YES;
}

function hasValidBitsForTheRow(s: Subject): Tri {
  const msr = entryIndex(s);
  if (msr != s.row) return YES;
  if (msr == IA32_DEBUGCTL) return hasValidDebugctlBits(s, STATE_ENTRY_MSR_VALUE);
  if (msr == IA32_PAT) return hasValidMemoryTypes(s, STATE_ENTRY_MSR_VALUE);
  if (msr == IA32_PERF_GLOBAL_CTRL) return hasValidCounters(s, STATE_ENTRY_MSR_VALUE);
  if (msr == IA32_SPEC_CTRL) return hasValidSpecCtrlBits(s, STATE_ENTRY_MSR_VALUE);
  if (msr == IA32_PKRS) return hasValidPkrsBits(s, STATE_ENTRY_MSR_VALUE);
  return msr == IA32_EFER ? hasValidEferBits(s, STATE_ENTRY_MSR_VALUE) : hasValidCetBits(s, STATE_ENTRY_MSR_VALUE);
}

/** Paging has been turned on by then, and WRMSR does not change LME under paging. LMA it ignores. */
function doesNotChangeLme(s: Subject): Tri {
  if (entryIndex(s) != IA32_EFER) return YES;
  return implies(
    s.isSet(GUEST_CR0, CR0_PG),
    s.mustAgree(STATE_ENTRY_MSR_VALUE, EFER_LME, s.entry(ENTRY_IA32E_MODE_GUEST)),
  );
}
