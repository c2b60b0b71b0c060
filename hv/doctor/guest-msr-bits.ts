// Bits of the guest's MSRs that are reserved, always or without a capability (SDM 3C 27.3.1.1).

import {
  GUEST_IA32_BNDCFGS,
  GUEST_IA32_DEBUGCTL,
  GUEST_IA32_EFER,
  GUEST_IA32_LBR_CTL,
  GUEST_IA32_PERF_GLOBAL_CTRL,
  GUEST_IA32_PKRS,
  GUEST_IA32_RTIT_CTL,
  GUEST_IA32_S_CET,
  GUEST_IA32_SPEC_CTRL,
  GUEST_UINV,
} from "../x86/vmcs-fields";
import {
  ENTRY_LOAD_CET_STATE,
  ENTRY_LOAD_DEBUG_CONTROLS,
  ENTRY_LOAD_GUEST_IA32_LBR_CTL,
  ENTRY_LOAD_IA32_BNDCFGS,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
  ENTRY_LOAD_IA32_RTIT_CTL,
  ENTRY_LOAD_IA32_SPEC_CTRL,
  ENTRY_LOAD_PKRS,
  ENTRY_LOAD_UINV,
} from "../x86/vmx-controls";
import {
  CAP_CPUID_14_EBX,
  CAP_CPUID_14_ECX,
  CAP_CPUID_1_ECX,
  CAP_CPUID_1_EDX,
  CAP_CPUID_1C_EBX,
  CAP_CPUID_7_2_EDX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_EDX,
  CAP_CPUID_80000001_EDX,
  CAP_PERF_CAPABILITIES,
} from "./inputs";

// The MSRs, as places in MSR_FIELDS and so on.
const DEBUGCTL: u64 = 0;
const PERF_GLOBAL_CTRL: u64 = 1;
const EFER: u64 = 2;
const BNDCFGS: u64 = 3;
const RTIT_CTL: u64 = 4;
const S_CET: u64 = 5;
const LBR_CTL: u64 = 6;
const PKRS: u64 = 7;
const UINV: u64 = 8;
const SPEC_CTRL: u64 = 9;

const MSR_FIELDS: StaticArray<u32> = [
  GUEST_IA32_DEBUGCTL,
  GUEST_IA32_PERF_GLOBAL_CTRL,
  GUEST_IA32_EFER,
  GUEST_IA32_BNDCFGS,
  GUEST_IA32_RTIT_CTL,
  GUEST_IA32_S_CET,
  GUEST_IA32_LBR_CTL,
  GUEST_IA32_PKRS,
  GUEST_UINV,
  GUEST_IA32_SPEC_CTRL,
];
const MSR_CONTROLS: StaticArray<u32> = [
  ENTRY_LOAD_DEBUG_CONTROLS,
  ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_BNDCFGS,
  ENTRY_LOAD_IA32_RTIT_CTL,
  ENTRY_LOAD_CET_STATE,
  ENTRY_LOAD_GUEST_IA32_LBR_CTL,
  ENTRY_LOAD_PKRS,
  ENTRY_LOAD_UINV,
  ENTRY_LOAD_IA32_SPEC_CTRL,
];
const MSR_NAMES: StaticArray<string> = [
  "IA32_DEBUGCTL",
  "IA32_PERF_GLOBAL_CTRL",
  "IA32_EFER",
  "IA32_BNDCFGS",
  "IA32_RTIT_CTL",
  "IA32_S_CET",
  "IA32_LBR_CTL",
  "IA32_PKRS",
  "the guest UINV",
  "IA32_SPEC_CTRL",
];
const CONTROL_NAMES: StaticArray<string> = [
  "load debug controls",
  "load IA32_PERF_GLOBAL_CTRL",
  "load IA32_EFER",
  "load IA32_BNDCFGS",
  "load IA32_RTIT_CTL",
  "load CET state",
  "load guest IA32_LBR_CTL",
  "load PKRS",
  "load UINV",
  "load IA32_SPEC_CTRL",
];

const COLUMNS: i32 = 4;
/** The MSR, the bits, and the capability with the bit that allows them; 0 and 0: they are reserved on every processor. */
// prettier-ignore
const TABLE: StaticArray<u64> = [
  // SDM 3B 18.4.1. Bit 13 (uncore PMI) depends on the model only, so that no rule can judge it.
  DEBUGCTL, 0xffffffffffff0038, 0, 0,
  DEBUGCTL, 0x4, CAP_CPUID_7_ECX, 0x1000000,
  DEBUGCTL, 0x180, CAP_CPUID_1_EDX, 0x200000,
  DEBUGCTL, 0x600, CAP_CPUID_1_ECX, 0x10,
  DEBUGCTL, 0x1800, CAP_CPUID_1_ECX, 0x8000,
  DEBUGCTL, 0x4000, CAP_PERF_CAPABILITIES, 0x1000,
  DEBUGCTL, 0x8000, CAP_CPUID_7_EBX, 0x800,
  // SDM 3B 20.2.
  PERF_GLOBAL_CTRL, 0x1000000000000, CAP_PERF_CAPABILITIES, 0x8000,
  PERF_GLOBAL_CTRL, 0xfffe000000000000, 0, 0,
  // SDM 3A 2.2.1. Every processor that can load IA32_EFER has long mode, so SCE, LME and LMA.
  EFER, 0xfffffffffffff2fe, 0, 0,
  EFER, 0x800, CAP_CPUID_80000001_EDX, 0x100000,
  BNDCFGS, 0xffc, 0, 0,
  // SDM 3C 33.2.7.2.
  RTIT_CTL, 0xfe7f000070840000, 0, 0,
  RTIT_CTL, 0x80, CAP_CPUID_14_EBX, 0x1,
  RTIT_CTL, 0xf780002, CAP_CPUID_14_EBX, 0x2,
  RTIT_CTL, 0xffff00000000, CAP_CPUID_14_EBX, 0x4,
  RTIT_CTL, 0x3c200, CAP_CPUID_14_EBX, 0x8,
  RTIT_CTL, 0x1020, CAP_CPUID_14_EBX, 0x10,
  RTIT_CTL, 0x10, CAP_CPUID_14_EBX, 0x20,
  RTIT_CTL, 0x100000000000000, CAP_CPUID_14_EBX, 0x40,
  RTIT_CTL, 0x80000000, CAP_CPUID_14_EBX, 0x80,
  RTIT_CTL, 0x80000000000000, CAP_CPUID_14_EBX, 0x100,
  RTIT_CTL, 0x100, CAP_CPUID_14_ECX, 0x1,
  RTIT_CTL, 0x40, CAP_CPUID_14_ECX, 0x8,
  // SDM 1 17.3.
  S_CET, 0x3c0, 0, 0,
  S_CET, 0x3, CAP_CPUID_7_ECX, 0x80,
  S_CET, 0xfffffffffffffc3c, CAP_CPUID_7_EDX, 0x100000,
  // SDM 3B 19.1.
  LBR_CTL, 0xffffffffff80fff0, 0, 0,
  LBR_CTL, 0x6, CAP_CPUID_1C_EBX, 0x1,
  LBR_CTL, 0x7f0000, CAP_CPUID_1C_EBX, 0x2,
  LBR_CTL, 0x8, CAP_CPUID_1C_EBX, 0x4,
  PKRS, 0xffffffff00000000, 0, 0,
  UINV, 0xff00, 0, 0,
  // A processor with IBRS takes STIBP as well.
  SPEC_CTRL, 0xfffffffffffffa00, 0, 0,
  SPEC_CTRL, 0x3, CAP_CPUID_7_EDX, 0x4000000,
  SPEC_CTRL, 0x4, CAP_CPUID_7_EDX, 0x80000000,
  SPEC_CTRL, 0x80, CAP_CPUID_7_2_EDX, 0x1,
  SPEC_CTRL, 0x18, CAP_CPUID_7_2_EDX, 0x2,
  SPEC_CTRL, 0x60, CAP_CPUID_7_2_EDX, 0x4,
  SPEC_CTRL, 0x100, CAP_CPUID_7_2_EDX, 0x8,
  SPEC_CTRL, 0x400, CAP_CPUID_7_2_EDX, 0x10,
];

const TEXT_COLUMNS: i32 = 2;
/** For each row of TABLE the end of its slug, and what the bits are. */
// prettier-ignore
const TEXTS: StaticArray<string> = [
  "debugctl.reserved", "bits 63:16 and 5:3",
  "debugctl.bus-lock", "bit 2 (bus-lock detection)",
  "debugctl.bts", "bits 8:7 (branch trace store)",
  "debugctl.bts-off", "bits 10:9 (branch trace store by CPL)",
  "debugctl.freeze-on-pmi", "bits 12:11 (freeze on PMI)",
  "debugctl.freeze-in-smm", "bit 14 (freeze while in SMM)",
  "debugctl.rtm", "bit 15 (RTM debugging)",
  "perf-global-ctrl.metrics", "bit 48 (performance metrics)",
  "perf-global-ctrl.reserved", "bits 63:49",
  "efer.reserved", "bits 63:12, 9 and 7:1",
  "efer.nxe", "bit 11 (NXE)",
  "bndcfgs.reserved", "bits 11:2",
  "rtit-ctl.reserved", "bits 63:57, 54:48, 30:28, 23 and 18",
  "rtit-ctl.cr3-filter", "bit 7 (CR3Filter)",
  "rtit-ctl.cycles", "bits 27:24 (PSBFreq), 22:19 (CycThresh) and 1 (CYCEn)",
  "rtit-ctl.address-ranges", "bits 47:32 (ADDR0_CFG to ADDR3_CFG)",
  "rtit-ctl.mtc", "bits 17:14 (MTCFreq) and 9 (MTCEn)",
  "rtit-ctl.ptwrite", "bits 12 (PTWEn) and 5 (FUPonPTW)",
  "rtit-ctl.power-events", "bit 4 (PwrEvtEn)",
  "rtit-ctl.inject-psb-pmi", "bit 56 (InjectPsbPmiOnEnable)",
  "rtit-ctl.events", "bit 31 (EventEn)",
  "rtit-ctl.no-tnt", "bit 55 (DisTNT)",
  "rtit-ctl.topa", "bit 8 (ToPA)",
  "rtit-ctl.fabric", "bit 6 (FabricEn)",
  "s-cet.reserved", "bits 9:6",
  "s-cet.shadow-stack", "bits 1:0 (SH_STK_EN, WR_SHSTK_EN)",
  "s-cet.indirect-branch", "bits 63:10 and 5:2 (indirect-branch tracking)",
  "lbr-ctl.reserved", "bits 63:23 and 15:4",
  "lbr-ctl.cpl", "bits 2:1 (OS, USR)",
  "lbr-ctl.branch-filter", "bits 22:16 (kinds of branches)",
  "lbr-ctl.call-stack", "bit 3 (CALL_STACK)",
  "pkrs.reserved", "bits 63:32",
  "uinv.reserved", "bits 15:8",
  "spec-ctrl.reserved", "bits 63:11 and 9",
  "spec-ctrl.ibrs", "bits 1:0 (IBRS, STIBP)",
  "spec-ctrl.ssbd", "bit 2 (SSBD)",
  "spec-ctrl.psfd", "bit 7 (PSFD)",
  "spec-ctrl.ipred", "bits 4:3 (IPRED_DIS)",
  "spec-ctrl.rrsba", "bits 6:5 (RRSBA_DIS)",
  "spec-ctrl.ddpd", "bit 8 (DDPD_U)",
  "spec-ctrl.bhi", "bit 10 (BHI_DIS_S)",
];

/** How many rows there are. */
export function guestMsrBits(): u32 {
  return TABLE.length / COLUMNS;
}

/** The VMCS field of row `row`, below `guestMsrBits()`. */
export function msrField(row: u32): u32 {
  return MSR_FIELDS[<i32>msrOf(row)];
}
/** The VM-entry control that has the MSR loaded. */
export function msrControl(row: u32): u32 {
  return MSR_CONTROLS[<i32>msrOf(row)];
}
export function msrName(row: u32): string {
  return MSR_NAMES[<i32>msrOf(row)];
}
export function msrControlName(row: u32): string {
  return CONTROL_NAMES[<i32>msrOf(row)];
}
/** The SDM 3C of edition 083 does not have "load IA32_SPEC_CTRL". */
export function isOfSpeculationControl(row: u32): bool {
  return msrOf(row) == SPEC_CTRL;
}
/** The bits that must be 0. */
export function reservedBits(row: u32): u64 {
  return column(row, 1);
}
/** The capability that allows them, 0 where none does, and its bits. */
export function allowingCapability(row: u32): u32 {
  return <u32>column(row, 2);
}
export function allowingBits(row: u32): u64 {
  return column(row, 3);
}
/** The end of the rule's slug, for example debugctl.rtm. */
export function reservedBitsSlug(row: u32): string {
  return TEXTS[<i32>row * TEXT_COLUMNS];
}
/** What the bits are, for example "bit 11 (NXE)". */
export function reservedBitsName(row: u32): string {
  return TEXTS[<i32>row * TEXT_COLUMNS + 1];
}

function msrOf(row: u32): u64 {
  return column(row, 0);
}

function column(row: u32, index: i32): u64 {
  return TABLE[<i32>row * COLUMNS + index];
}
