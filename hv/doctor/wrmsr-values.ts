// What WRMSR accepts as the value of an MSR, for an input that is to be loaded into it (SDM 4 table 2-2).

import {
  CPUID_1_ECX_PDCM,
  CPUID_1_EDX_DS,
  CPUID_7_EBX_RTM,
  CPUID_7_ECX_BUS_LOCK_DETECT,
  CPUID_7_ECX_CET_SS,
  CPUID_7_EDX_CET_IBT,
  CPUID_7_EDX_IBRS_AND_IBPB,
  CPUID_7_EDX_SSBD,
  CPUID_7_EDX_STIBP,
  CPUID_EXTENDED_EDX_LM,
  CPUID_EXTENDED_EDX_NX,
  CPUID_EXTENDED_EDX_SYSCALL,
} from "../x86/cpuid";
import { EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE } from "../x86/msr";
import {
  CAP_CPUID_1_ECX,
  CAP_CPUID_1_EDX,
  CAP_CPUID_7_2_EDX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_EDX,
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_A_EAX,
  CAP_CPUID_A_ECX,
  CAP_CPUID_A_EDX,
  CAP_PERF_CAPABILITIES,
} from "./inputs";
import { DOUBT_AT_MOST, REQUIRED_BITS, REQUIRED_OTHERWISE, Subject } from "./subject";
import { both, either, Tri, UNKNOWN, YES } from "./tri";

const EFER_BITS: u64 = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

const PAT_ENTRIES: u64 = 8;
/** By memory type: UC, WC, WT, WP, WB, UC- (SDM 3A table 12-10). */
const PAT_TYPES: u64 = 0b11110011;

const S_CET_SHADOW_STACK: u64 = 0x3;
const S_CET_BRANCH_TRACKING: u64 = 0xfffffffffffffc3c;
const S_CET_RESERVED: u64 = 0x3c0;
const S_CET_SUPPRESS_AND_TRACKER: u64 = 0xc00;

const SPEC_CTRL_IBRS: u64 = 0x1;
const SPEC_CTRL_STIBP: u64 = 0x2;
const SPEC_CTRL_SSBD: u64 = 0x4;
const SPEC_CTRL_IPRED_DIS: u64 = 0x18;
const SPEC_CTRL_RRSBA_DIS: u64 = 0x60;
const SPEC_CTRL_PSFD: u64 = 0x80;
const SPEC_CTRL_DDPD: u64 = 0x100;
const SPEC_CTRL_BHI_DIS: u64 = 0x400;
const SPEC_CTRL_RESERVED: u64 = 0xfffffffffffffa00;
// Bits of CPUID.(EAX=07H,ECX=2):EDX (SDM 2A, CPUID).
const CPUID_7_2_EDX_PSFD: u64 = 0x1;
const CPUID_7_2_EDX_IPRED_CTRL: u64 = 0x2;
const CPUID_7_2_EDX_RRSBA_CTRL: u64 = 0x4;
const CPUID_7_2_EDX_DDPD: u64 = 0x8;
const CPUID_7_2_EDX_BHI_CTRL: u64 = 0x10;

const GENERAL_COUNTERS: u64 = 0xffffffff;
const FIXED_COUNTERS: u64 = 0x0000ffff00000000;
const FIXED_COUNTERS_SHIFT: u64 = 32;
const PERF_METRICS: u64 = 0x1000000000000;
const PERF_CAPABILITIES_METRICS: u64 = 0x8000;
/** The version of architectural performance monitoring from which on CPUID.0AH:ECX is a map of fixed counters. */
const VERSION_WITH_FIXED_COUNTER_MAP: u64 = 5;

const DEBUGCTL_RESERVED: u64 = 0xffffffffffff0038;
const DEBUGCTL_BUS_LOCK: u64 = 0x4;
const DEBUGCTL_BRANCH_TRACE_STORE: u64 = 0x180;
const DEBUGCTL_BRANCH_TRACE_STORE_BY_CPL: u64 = 0x600;
const DEBUGCTL_FREEZE_ON_PMI: u64 = 0x1800;
const DEBUGCTL_FREEZE_IN_SMM: u64 = 0x4000;
const DEBUGCTL_RTM: u64 = 0x8000;
/** CPUID.1.ECX[4]: the debug store can be qualified by the CPL. */
const CPUID_1_ECX_DS_CPL: u64 = 0x10;
const PERF_CAPABILITIES_FREEZE_IN_SMM: u64 = 0x1000;

const PKRS_RESERVED: u64 = 0xffffffff00000000;

/** No reserved bit of IA32_EFER is 1, nor one of what the processor lacks. */
export function hasValidEferBits(s: Subject, input: u32): Tri {
  const isDefined = s.mustBeZero(input, ~EFER_BITS);
  const hasSyscall = s.mustBeSupported(input, EFER_SCE, CAP_CPUID_80000001_EDX, CPUID_EXTENDED_EDX_SYSCALL);
  const hasLongMode = s.mustBeSupported(input, EFER_LME | EFER_LMA, CAP_CPUID_80000001_EDX, CPUID_EXTENDED_EDX_LM);
  const hasNx = s.mustBeSupported(input, EFER_NXE, CAP_CPUID_80000001_EDX, CPUID_EXTENDED_EDX_NX);
  return both(both(isDefined, hasSyscall), both(hasLongMode, hasNx));
}

/** Each byte of IA32_PAT is a memory type: 0, 1, 4, 5, 6 or 7. */
export function hasValidMemoryTypes(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  for (let entry: u64 = 0; entry < PAT_ENTRIES; entry++) {
    const type = (s.get(input) >> (8 * entry)) & 0xff;
    if (type > 7 || ((PAT_TYPES >> type) & 1) == 0) return s.fails(input, REQUIRED_OTHERWISE, 0, 0);
  }
  return YES;
}

/** No bit of IA32_S_CET or IA32_U_CET is 1 that is reserved, also for lack of shadow stacks or of branch tracking. */
export function hasValidCetBits(s: Subject, input: u32): Tri {
  const isDefined = s.mustBeZero(input, S_CET_RESERVED);
  const hasShadowStack = s.mustBeSupported(input, S_CET_SHADOW_STACK, CAP_CPUID_7_ECX, CPUID_7_ECX_CET_SS);
  const hasTracking = s.mustBeSupported(input, S_CET_BRANCH_TRACKING, CAP_CPUID_7_EDX, CPUID_7_EDX_CET_IBT);
  return both(isDefined, both(hasShadowStack, hasTracking));
}

/** SUPPRESS (bit 10) and TRACKER (bit 11) of IA32_S_CET or IA32_U_CET are not both 1. */
export function doesNotSuppressWhileTracking(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const found = s.get(input) & S_CET_SUPPRESS_AND_TRACKER;
  return found != S_CET_SUPPRESS_AND_TRACKER ? YES : s.fails(input, REQUIRED_OTHERWISE, 0, 0);
}

/** No bit of IA32_SPEC_CTRL is 1 that is reserved, also for lack of what it controls. */
export function hasValidSpecCtrlBits(s: Subject, input: u32): Tri {
  let outcome = s.mustBeZero(input, SPEC_CTRL_RESERVED);
  outcome = both(outcome, s.mustBeSupported(input, SPEC_CTRL_IBRS, CAP_CPUID_7_EDX, CPUID_7_EDX_IBRS_AND_IBPB));
  outcome = both(outcome, hasValidStibp(s, input));
  outcome = both(outcome, s.mustBeSupported(input, SPEC_CTRL_SSBD, CAP_CPUID_7_EDX, CPUID_7_EDX_SSBD));
  outcome = both(outcome, s.mustBeSupported(input, SPEC_CTRL_IPRED_DIS, CAP_CPUID_7_2_EDX, CPUID_7_2_EDX_IPRED_CTRL));
  outcome = both(outcome, s.mustBeSupported(input, SPEC_CTRL_RRSBA_DIS, CAP_CPUID_7_2_EDX, CPUID_7_2_EDX_RRSBA_CTRL));
  outcome = both(outcome, s.mustBeSupported(input, SPEC_CTRL_PSFD, CAP_CPUID_7_2_EDX, CPUID_7_2_EDX_PSFD));
  outcome = both(outcome, s.mustBeSupported(input, SPEC_CTRL_DDPD, CAP_CPUID_7_2_EDX, CPUID_7_2_EDX_DDPD));
  return both(outcome, s.mustBeSupported(input, SPEC_CTRL_BHI_DIS, CAP_CPUID_7_2_EDX, CPUID_7_2_EDX_BHI_CTRL));
}

/** A processor with IBRS takes a 1 of STIBP without having that, and ignores it. */
function hasValidStibp(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  if ((s.get(input) & SPEC_CTRL_STIBP) == 0) return YES;
  const isIgnored = s.where(CAP_CPUID_7_EDX, CPUID_7_EDX_IBRS_AND_IBPB);
  if (isIgnored == YES) return YES;
  return s.blame(input, SPEC_CTRL_STIBP, either(isIgnored, s.supports(CAP_CPUID_7_EDX, CPUID_7_EDX_STIBP)));
}

/** Only counters that the processor has are enabled in IA32_PERF_GLOBAL_CTRL (CPUID.0AH). */
export function hasValidCounters(s: Subject, input: u32): Tri {
  const isDefined = s.mustBeZero(input, ~(GENERAL_COUNTERS | FIXED_COUNTERS | PERF_METRICS));
  const hasMetrics = s.mustBeSupported(input, PERF_METRICS, CAP_PERF_CAPABILITIES, PERF_CAPABILITIES_METRICS);
  return both(both(isDefined, hasMetrics), both(hasGeneralCounters(s, input), hasFixedCounters(s, input)));
}

function hasGeneralCounters(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const enabled = s.get(input) & GENERAL_COUNTERS;
  if (enabled == 0) return YES;
  if (!s.has(CAP_CPUID_A_EAX)) return s.doubt(CAP_CPUID_A_EAX, DOUBT_AT_MOST, 64 - clz(enabled));
  const count = (s.get(CAP_CPUID_A_EAX) >> 8) & 0xff;
  const wrong = count >= FIXED_COUNTERS_SHIFT ? 0 : (enabled >> count) << count;
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong, 0);
}

function hasFixedCounters(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const enabled = (s.get(input) & FIXED_COUNTERS) >> FIXED_COUNTERS_SHIFT;
  if (enabled == 0) return YES;
  if (!s.has(CAP_CPUID_A_EDX)) return s.doubt(CAP_CPUID_A_EDX, DOUBT_AT_MOST, 64 - clz(enabled));
  const count = s.get(CAP_CPUID_A_EDX) & 0x1f;
  let wrong = (enabled >> count) << count;
  if (wrong == 0) return YES;
  if (!s.needs(CAP_CPUID_A_EAX)) return UNKNOWN;
  if ((s.get(CAP_CPUID_A_EAX) & 0xff) >= VERSION_WITH_FIXED_COUNTER_MAP) {
    if (!s.needs(CAP_CPUID_A_ECX)) return UNKNOWN;
    wrong &= ~s.get(CAP_CPUID_A_ECX);
  }
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong << FIXED_COUNTERS_SHIFT, 0);
}

/** No bit of IA32_DEBUGCTL is 1 that is reserved or that the processor lacks; bit 13 depends on the model, and passes. */
export function hasValidDebugctlBits(s: Subject, input: u32): Tri {
  let outcome = s.mustBeZero(input, DEBUGCTL_RESERVED);
  outcome = both(outcome, s.mustBeSupported(input, DEBUGCTL_BUS_LOCK, CAP_CPUID_7_ECX, CPUID_7_ECX_BUS_LOCK_DETECT));
  outcome = both(outcome, s.mustBeSupported(input, DEBUGCTL_BRANCH_TRACE_STORE, CAP_CPUID_1_EDX, CPUID_1_EDX_DS));
  const byCpl = s.mustBeSupported(input, DEBUGCTL_BRANCH_TRACE_STORE_BY_CPL, CAP_CPUID_1_ECX, CPUID_1_ECX_DS_CPL);
  const onPmi = s.mustBeSupported(input, DEBUGCTL_FREEZE_ON_PMI, CAP_CPUID_1_ECX, CPUID_1_ECX_PDCM);
  const inSmm = s.mustBeSupported(
    input,
    DEBUGCTL_FREEZE_IN_SMM,
    CAP_PERF_CAPABILITIES,
    PERF_CAPABILITIES_FREEZE_IN_SMM,
  );
  outcome = both(both(outcome, byCpl), both(onPmi, inSmm));
  return both(outcome, s.mustBeSupported(input, DEBUGCTL_RTM, CAP_CPUID_7_EBX, CPUID_7_EBX_RTM));
}

/** Bits 63:32 of IA32_PKRS are 0. */
export function hasValidPkrsBits(s: Subject, input: u32): Tri {
  return s.mustBeZero(input, PKRS_RESERVED);
}
