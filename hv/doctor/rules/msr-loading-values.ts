// Rules on addresses and fixed bits of values in the VM-entry MSR-load area: WRMSR would take them (SDM 3C 27.4).

import {
  FEATURE_CONTROL_LOCKED,
  IA32_BNDCFGS,
  IA32_CSTAR,
  IA32_FEATURE_CONTROL,
  IA32_FLUSH_CMD,
  IA32_INTERRUPT_SSP_TABLE_ADDR,
  IA32_KERNEL_GS_BASE,
  IA32_LSTAR,
  IA32_PL0_SSP,
  IA32_PL1_SSP,
  IA32_PL2_SSP,
  IA32_PL3_SSP,
  IA32_PRED_CMD,
  IA32_SYSENTER_EIP,
  IA32_SYSENTER_ESP,
  IA32_S_CET,
  IA32_TSC_AUX,
  IA32_U_CET,
} from "../../x86/msr";
import { VM_ENTRY_MSR_LOAD_ADDRESS, VM_ENTRY_MSR_LOAD_COUNT } from "../../x86/vmcs-fields";
import { STATE_ENTRY_MSR_VALUE, STATE_FEATURE_CONTROL } from "../inputs";
import { entryIndex, everyEntry } from "../msr-entries";
import { Rules, STAGE_MSR_LOADING } from "../rule";
import { Subject } from "../subject";
import { Tri, YES } from "../tri";

const VALUE: StaticArray<u32> = [STATE_ENTRY_MSR_VALUE, VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_ADDRESS];
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
