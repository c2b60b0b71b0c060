// The guest's fields, and texts, for the reserved bits of MSRs (SDM 3C 27.3.1.1).

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
import { msrOf, MSR_SPEC_CTRL } from "./msr-bits";

// By the numbers that msr-bits.ts gives the MSRs.
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

const TEXT_COLUMNS: i32 = 2;
/** For each row of the table in msr-bits.ts the end of its slug, and what the bits are. */
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
  "spec-ctrl.ibrs", "bit 0 (IBRS)",
  "spec-ctrl.stibp", "bit 1 (STIBP)",
  "spec-ctrl.ssbd", "bit 2 (SSBD)",
  "spec-ctrl.psfd", "bit 7 (PSFD)",
  "spec-ctrl.ipred", "bits 4:3 (IPRED_DIS)",
  "spec-ctrl.rrsba", "bits 6:5 (RRSBA_DIS)",
  "spec-ctrl.ddpd", "bit 8 (DDPD_U)",
  "spec-ctrl.bhi", "bit 10 (BHI_DIS_S)",
];

/** The VMCS field of row `row`, below `msrBits()`. */
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
  return msrOf(row) == MSR_SPEC_CTRL;
}
/** The end of the rule's slug, for example debugctl.rtm. */
export function reservedBitsSlug(row: u32): string {
  return TEXTS[<i32>row * TEXT_COLUMNS];
}
/** What the bits are, for example "bit 11 (NXE)". */
export function reservedBitsName(row: u32): string {
  return TEXTS[<i32>row * TEXT_COLUMNS + 1];
}
