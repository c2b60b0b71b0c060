// Bits of MSRs that are reserved, always or without a capability (SDM 4 table 2-2).

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
import { Subject } from "./subject";
import { both, Tri, UNKNOWN, YES } from "./tri";

// The MSRs of the table, numbered for tables of others that go with it.
export const MSR_DEBUGCTL: u64 = 0;
export const MSR_PERF_GLOBAL_CTRL: u64 = 1;
export const MSR_EFER: u64 = 2;
export const MSR_BNDCFGS: u64 = 3;
export const MSR_RTIT_CTL: u64 = 4;
export const MSR_S_CET: u64 = 5;
export const MSR_LBR_CTL: u64 = 6;
export const MSR_PKRS: u64 = 7;
export const MSR_UINV: u64 = 8;
export const MSR_SPEC_CTRL: u64 = 9;

const COLUMNS: i32 = 4;
/**
 * The MSR, the bits, and the capability with the bits any of which allows them; 0 and 0: they are reserved on every
 * processor.
 */
// prettier-ignore
const TABLE: StaticArray<u64> = [
  // SDM 3B 18.4.1. Bit 13 (uncore PMI) depends on the model only, so that no rule can judge it.
  MSR_DEBUGCTL, 0xffffffffffff0038, 0, 0,
  MSR_DEBUGCTL, 0x4, CAP_CPUID_7_ECX, 0x1000000,
  MSR_DEBUGCTL, 0x180, CAP_CPUID_1_EDX, 0x200000,
  MSR_DEBUGCTL, 0x600, CAP_CPUID_1_ECX, 0x10,
  MSR_DEBUGCTL, 0x1800, CAP_CPUID_1_ECX, 0x8000,
  MSR_DEBUGCTL, 0x4000, CAP_PERF_CAPABILITIES, 0x1000,
  MSR_DEBUGCTL, 0x8000, CAP_CPUID_7_EBX, 0x800,
  // SDM 3B 20.2.
  MSR_PERF_GLOBAL_CTRL, 0x1000000000000, CAP_PERF_CAPABILITIES, 0x8000,
  MSR_PERF_GLOBAL_CTRL, 0xfffe000000000000, 0, 0,
  // SDM 3A 2.2.1. Every processor that can load IA32_EFER has long mode, so SCE, LME and LMA.
  MSR_EFER, 0xfffffffffffff2fe, 0, 0,
  MSR_EFER, 0x800, CAP_CPUID_80000001_EDX, 0x100000,
  MSR_BNDCFGS, 0xffc, 0, 0,
  // SDM 3C 33.2.7.2.
  MSR_RTIT_CTL, 0xfe7f000070840000, 0, 0,
  MSR_RTIT_CTL, 0x80, CAP_CPUID_14_EBX, 0x1,
  MSR_RTIT_CTL, 0xf780002, CAP_CPUID_14_EBX, 0x2,
  MSR_RTIT_CTL, 0xffff00000000, CAP_CPUID_14_EBX, 0x4,
  MSR_RTIT_CTL, 0x3c200, CAP_CPUID_14_EBX, 0x8,
  MSR_RTIT_CTL, 0x1020, CAP_CPUID_14_EBX, 0x10,
  MSR_RTIT_CTL, 0x10, CAP_CPUID_14_EBX, 0x20,
  MSR_RTIT_CTL, 0x100000000000000, CAP_CPUID_14_EBX, 0x40,
  MSR_RTIT_CTL, 0x80000000, CAP_CPUID_14_EBX, 0x80,
  MSR_RTIT_CTL, 0x80000000000000, CAP_CPUID_14_EBX, 0x100,
  MSR_RTIT_CTL, 0x100, CAP_CPUID_14_ECX, 0x1,
  MSR_RTIT_CTL, 0x40, CAP_CPUID_14_ECX, 0x8,
  // SDM 1 17.3.
  MSR_S_CET, 0x3c0, 0, 0,
  MSR_S_CET, 0x3, CAP_CPUID_7_ECX, 0x80,
  MSR_S_CET, 0xfffffffffffffc3c, CAP_CPUID_7_EDX, 0x100000,
  // SDM 3B 19.1.
  MSR_LBR_CTL, 0xffffffffff80fff0, 0, 0,
  MSR_LBR_CTL, 0x6, CAP_CPUID_1C_EBX, 0x1,
  MSR_LBR_CTL, 0x7f0000, CAP_CPUID_1C_EBX, 0x2,
  MSR_LBR_CTL, 0x8, CAP_CPUID_1C_EBX, 0x4,
  MSR_PKRS, 0xffffffff00000000, 0, 0,
  MSR_UINV, 0xff00, 0, 0,
  // A processor with IBRS takes a 1 of STIBP without having that, and ignores it.
  MSR_SPEC_CTRL, 0xfffffffffffffa00, 0, 0,
  MSR_SPEC_CTRL, 0x1, CAP_CPUID_7_EDX, 0x4000000,
  MSR_SPEC_CTRL, 0x2, CAP_CPUID_7_EDX, 0xc000000,
  MSR_SPEC_CTRL, 0x4, CAP_CPUID_7_EDX, 0x80000000,
  MSR_SPEC_CTRL, 0x80, CAP_CPUID_7_2_EDX, 0x1,
  MSR_SPEC_CTRL, 0x18, CAP_CPUID_7_2_EDX, 0x2,
  MSR_SPEC_CTRL, 0x60, CAP_CPUID_7_2_EDX, 0x4,
  MSR_SPEC_CTRL, 0x100, CAP_CPUID_7_2_EDX, 0x8,
  MSR_SPEC_CTRL, 0x400, CAP_CPUID_7_2_EDX, 0x10,
];

/** How many rows there are. */
export function msrBits(): u32 {
  return TABLE.length / COLUMNS;
}

/** The MSR of row `row`, below `msrBits()`. */
export function msrOf(row: u32): u64 {
  return column(row, 0);
}
/** The bits that must be 0. */
export function reservedBits(row: u32): u64 {
  return column(row, 1);
}
/** The capability that allows them, 0 where none does, and its bits, of which one is enough. */
export function allowingCapability(row: u32): u32 {
  return <u32>column(row, 2);
}
export function allowingBits(row: u32): u64 {
  return column(row, 3);
}

/** The bits of row `row` are 0 in the value `input`, or the processor allows them. */
export function bitsAreAllowed(s: Subject, input: u32, row: u32): Tri {
  const capability = allowingCapability(row);
  if (capability == 0) return s.mustBeZero(input, reservedBits(row));
  if (!s.needs(input)) return UNKNOWN;
  const found = s.get(input) & reservedBits(row);
  return found == 0 ? YES : s.blame(input, found, s.supportsAny(capability, allowingBits(row)));
}

/** The value `input` has no bit of the MSR that the processor does not allow. */
export function hasNoReservedBits(s: Subject, input: u32, msr: u64): Tri {
  let outcome = YES;
  for (let row: u32 = 0; row < msrBits(); row++) {
    if (msrOf(row) == msr) outcome = both(outcome, bitsAreAllowed(s, input, row));
  }
  return outcome;
}

function column(row: u32, index: i32): u64 {
  return TABLE[<i32>row * COLUMNS + index];
}
