// The MSRs that the doctor knows how WRMSR treats, and the capabilities that bring them (SDM 4 table 2-2).

import {
  CAP_CPUID_1_ECX,
  CAP_CPUID_1_EDX,
  CAP_CPUID_7_EBX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_EDX,
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_A_EAX,
} from "./inputs";
import { Subject } from "./subject";
import { either, Tri, tri, UNKNOWN, YES } from "./tri";

const COLUMNS: i32 = 6;
/**
 * The first and the last MSR of a range, and the capability with the bits of which one brings them, then a second such
 * pair; 0 is none. A range without any is on every processor with VMX.
 */
// prettier-ignore
const WRITABLE: StaticArray<u32> = [
  // IA32_TIME_STAMP_COUNTER, IA32_FEATURE_CONTROL, IA32_TSC_ADJUST.
  0x10, 0x10, 0, 0, 0, 0,
  0x3a, 0x3a, 0, 0, 0, 0,
  0x3b, 0x3b, CAP_CPUID_7_EBX, 1 << 1, 0, 0,
  // IA32_SPEC_CTRL (IBRS, STIBP, SSBD), IA32_PRED_CMD, IA32_FLUSH_CMD.
  0x48, 0x48, CAP_CPUID_7_EDX, 0x8c000000, 0, 0,
  0x49, 0x49, CAP_CPUID_7_EDX, 1 << 26, 0, 0,
  0x10b, 0x10b, CAP_CPUID_7_EDX, 1 << 28, 0, 0,
  // IA32_SYSENTER_CS, _ESP and _EIP; IA32_DEBUGCTL.
  0x174, 0x176, 0, 0, 0, 0,
  0x1d9, 0x1d9, 0, 0, 0, 0,
  // IA32_PAT; IA32_PERF_GLOBAL_CTRL, of version 2 and later of architectural performance monitoring.
  0x277, 0x277, CAP_CPUID_1_EDX, 1 << 16, 0, 0,
  0x38f, 0x38f, CAP_CPUID_A_EAX, 0xfe, 0, 0,
  // IA32_U_CET and IA32_S_CET; IA32_PL0_SSP to IA32_INTERRUPT_SSP_TABLE_ADDR.
  0x6a0, 0x6a0, CAP_CPUID_7_ECX, 1 << 7, CAP_CPUID_7_EDX, 1 << 20,
  0x6a2, 0x6a2, CAP_CPUID_7_ECX, 1 << 7, CAP_CPUID_7_EDX, 1 << 20,
  0x6a4, 0x6a8, CAP_CPUID_7_ECX, 1 << 7, 0, 0,
  // IA32_TSC_DEADLINE, IA32_PKRS, IA32_BNDCFGS.
  0x6e0, 0x6e0, CAP_CPUID_1_ECX, 1 << 24, 0, 0,
  0x6e1, 0x6e1, CAP_CPUID_7_ECX, 0x80000000, 0, 0,
  0xd90, 0xd90, CAP_CPUID_7_EBX, 1 << 14, 0, 0,
  // IA32_EFER; IA32_STAR to IA32_FMASK; IA32_KERNEL_GS_BASE; IA32_TSC_AUX.
  0xc0000080, 0xc0000080, CAP_CPUID_80000001_EDX, 0x20100000, 0, 0,
  0xc0000081, 0xc0000084, CAP_CPUID_80000001_EDX, 1 << 29, 0, 0,
  0xc0000102, 0xc0000102, CAP_CPUID_80000001_EDX, 1 << 29, 0, 0,
  0xc0000103, 0xc0000103, CAP_CPUID_80000001_EDX, 1 << 27, CAP_CPUID_7_ECX, 1 << 22,
];

/** The first and the last of ranges of MSRs that no WRMSR writes: bits of theirs or the MSRs themselves are read-only. */
// prettier-ignore
const READ_ONLY: StaticArray<u32> = [
  // IA32_PLATFORM_ID, IA32_SMBASE, IA32_MTRRCAP, IA32_ARCH_CAPABILITIES.
  0x17, 0x17,
  0x9e, 0x9e,
  0xfe, 0xfe,
  0x10a, 0x10a,
  // IA32_PERF_CAPABILITIES; IA32_VMX_BASIC to IA32_VMX_EXIT_CTLS2.
  0x345, 0x345,
  0x480, 0x493,
];

/** WRMSR cannot write the MSR. */
export function isReadOnly(msr: u32): bool {
  for (let i = 0; i < READ_ONLY.length; i += 2) {
    if (msr >= READ_ONLY[i] && msr <= READ_ONLY[i + 1]) return true;
  }
  return false;
}

/** The rules of VM entry know what WRMSR accepts for the MSR. */
export function isWritable(msr: u32): bool {
  return rowOf(msr) >= 0;
}

/** The processor has the MSR; YES also for one that is not in the table. */
export function isSupported(s: Subject, msr: u32): Tri {
  const row = rowOf(msr);
  if (row < 0 || WRITABLE[row + 2] == 0) return YES;
  if (WRITABLE[row + 4] == 0) return s.supportsAny(WRITABLE[row + 2], WRITABLE[row + 3]);
  // No condition is noted: both must fail, and conditions are told as alternatives.
  return either(hasAny(s, WRITABLE[row + 2], WRITABLE[row + 3]), hasAny(s, WRITABLE[row + 4], WRITABLE[row + 5]));
}

function hasAny(s: Subject, capability: u32, mask: u64): Tri {
  return s.needs(capability) ? tri((s.get(capability) & mask) != 0) : UNKNOWN;
}

function rowOf(msr: u32): i32 {
  for (let i = 0; i < WRITABLE.length; i += COLUMNS) {
    if (msr >= WRITABLE[i] && msr <= WRITABLE[i + 1]) return i;
  }
  return -1;
}
