// Rules of VM entry on the guest's MSRs that are more than single reserved bits (SDM 3C 27.3.1.1).

import { EFER_LMA, EFER_LME } from "../../x86/msr";
import {
  GUEST_CR0,
  GUEST_IA32_BNDCFGS,
  GUEST_IA32_EFER,
  GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR,
  GUEST_IA32_PAT,
  GUEST_IA32_PERF_GLOBAL_CTRL,
  GUEST_IA32_S_CET,
  GUEST_IA32_SYSENTER_EIP,
  GUEST_IA32_SYSENTER_ESP,
  VM_ENTRY_CONTROLS,
} from "../../x86/vmcs-fields";
import {
  ENTRY_LOAD_CET_STATE,
  ENTRY_LOAD_IA32_BNDCFGS,
  ENTRY_LOAD_IA32_EFER,
  ENTRY_LOAD_IA32_PAT,
  ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
} from "../../x86/vmx-controls";
import { willBeIa32eMode, willUsePaging } from "../guest-conditions";
import { CAP_CPUID_80000008_EAX, CAP_CPUID_A_EAX, CAP_CPUID_A_ECX, CAP_CPUID_A_EDX } from "../inputs";
import {
  mustEnableExistingCounters,
  mustEnableExistingFixedCounters,
  mustHoldMemoryTypes,
  mustNotSuppressWhileTracking,
} from "../msr-values";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, implies, Tri } from "../tri";

const COUNTERS: StaticArray<u32> = [GUEST_IA32_PERF_GLOBAL_CTRL, VM_ENTRY_CONTROLS, CAP_CPUID_A_EAX];
const FIXED_COUNTERS: StaticArray<u32> = [
  GUEST_IA32_PERF_GLOBAL_CTRL,
  VM_ENTRY_CONTROLS,
  CAP_CPUID_A_EDX,
  CAP_CPUID_A_ECX,
];
const PAT: StaticArray<u32> = [GUEST_IA32_PAT, VM_ENTRY_CONTROLS];
const EFER: StaticArray<u32> = [GUEST_IA32_EFER, VM_ENTRY_CONTROLS];
const EFER_CR0: StaticArray<u32> = [GUEST_IA32_EFER, GUEST_CR0, VM_ENTRY_CONTROLS];
const BNDCFGS: StaticArray<u32> = [GUEST_IA32_BNDCFGS, VM_ENTRY_CONTROLS, CAP_CPUID_80000008_EAX];
const S_CET: StaticArray<u32> = [GUEST_IA32_S_CET, VM_ENTRY_CONTROLS];
const S_CET_WIDTH: StaticArray<u32> = [GUEST_IA32_S_CET, VM_ENTRY_CONTROLS, CAP_CPUID_80000008_EAX];
const SSP_TABLE: StaticArray<u32> = [GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR, VM_ENTRY_CONTROLS, CAP_CPUID_80000008_EAX];

/** Adds the rows. */
export function addGuestMsrRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.1");
  addSysenter(rules, "guest.sysenter-esp.canonical", "IA32_SYSENTER_ESP", GUEST_IA32_SYSENTER_ESP);
  addSysenter(rules, "guest.sysenter-eip.canonical", "IA32_SYSENTER_EIP", GUEST_IA32_SYSENTER_EIP);
  addCet(rules);
  addPerfGlobalCtrlAndPat(rules);
  addEfer(rules);
  rules.add(
    "guest.bndcfgs.canonical",
    BNDCFGS,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_IA32_BNDCFGS), s.mustBeCanonical(GUEST_IA32_BNDCFGS)),
    'With "load IA32_BNDCFGS", the linear address in bits 63:12 of IA32_BNDCFGS must be canonical.',
  );
}

function addSysenter(rules: Rules, slug: string, name: string, field: u32): void {
  rules.add(
    slug,
    [field, CAP_CPUID_80000008_EAX],
    (s: Subject): Tri => s.mustBeCanonical(s.row),
    name + " must be a canonical address.",
    "",
    field,
  );
}

function addCet(rules: Rules): void {
  rules.add(
    "guest.s-cet.canonical",
    S_CET_WIDTH,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_CET_STATE), s.mustBeCanonical(GUEST_IA32_S_CET)),
    'With "load CET state", IA32_S_CET must be a canonical address.',
  );
  rules.add(
    "guest.s-cet.suppress",
    S_CET,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_CET_STATE), mustNotSuppressWhileTracking(s, GUEST_IA32_S_CET)),
    'With "load CET state", bit 10 (SUPPRESS) of IA32_S_CET must be 0 if bit 11 (TRACKER) is 1.',
  );
  rules.add(
    "guest.interrupt-ssp-table.canonical",
    SSP_TABLE,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_CET_STATE), s.mustBeCanonical(GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR)),
    'With "load CET state", IA32_INTERRUPT_SSP_TABLE_ADDR must be a canonical address.',
  );
}

function addPerfGlobalCtrlAndPat(rules: Rules): void {
  rules.add(
    "guest.perf-global-ctrl.counters",
    COUNTERS,
    (s: Subject): Tri =>
      implies(s.entry(ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL), mustEnableExistingCounters(s, GUEST_IA32_PERF_GLOBAL_CTRL)),
    'With "load IA32_PERF_GLOBAL_CTRL", bits 31:N of that MSR must be 0, where N is the number of performance counters (CPUID.A.EAX[15:8]).',
  );
  rules.add(
    "guest.perf-global-ctrl.fixed-counters",
    FIXED_COUNTERS,
    (s: Subject): Tri =>
      implies(
        s.entry(ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL),
        mustEnableExistingFixedCounters(s, GUEST_IA32_PERF_GLOBAL_CTRL),
      ),
    'With "load IA32_PERF_GLOBAL_CTRL", those of bits 47:32 of that MSR must be 0 whose fixed counter CPUID.A neither counts (EDX[4:0]) nor lists (ECX).',
  );
  rules.add(
    "guest.pat",
    PAT,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_IA32_PAT), mustHoldMemoryTypes(s, GUEST_IA32_PAT)),
    'With "load IA32_PAT", each byte of IA32_PAT must be 0 (UC), 1 (WC), 4 (WT), 5 (WP), 6 (WB) or 7 (UC-).',
    "After reset IA32_PAT is 0x0007040600070406.",
  );
}

function addEfer(rules: Rules): void {
  rules.add(
    "guest.efer.lma",
    EFER,
    (s: Subject): Tri =>
      implies(s.entry(ENTRY_LOAD_IA32_EFER), s.mustAgree(GUEST_IA32_EFER, EFER_LMA, willBeIa32eMode(s))),
    'With "load IA32_EFER", bit 10 (LMA) of IA32_EFER must equal the "IA-32e mode guest" control.',
    "The control and EFER.LMA are two fields of the VMCS: change both when the guest enters or leaves IA-32e mode.",
  );
  rules.add(
    "guest.efer.lme",
    EFER_CR0,
    (s: Subject): Tri =>
      implies(
        both(s.entry(ENTRY_LOAD_IA32_EFER), willUsePaging(s)),
        s.mustAgree(GUEST_IA32_EFER, EFER_LME, s.isSet(GUEST_IA32_EFER, EFER_LMA)),
      ),
    'With "load IA32_EFER" and CR0.PG = 1, bit 8 (LME) of IA32_EFER must equal bit 10 (LMA).',
  );
}
