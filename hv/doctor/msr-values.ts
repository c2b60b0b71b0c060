// What the value of an MSR must be beyond single reserved bits: IA32_PAT, IA32_PERF_GLOBAL_CTRL, IA32_EFER, IA32_S_CET.

import { CPUID_EXTENDED_EDX_LM } from "../x86/cpuid";
import { EFER_LMA, EFER_LME, EFER_SCE } from "../x86/msr";
import { CAP_CPUID_80000001_EDX, CAP_CPUID_A_EAX, CAP_CPUID_A_ECX, CAP_CPUID_A_EDX } from "./inputs";
import { hasNoReservedBits, MSR_EFER, MSR_PERF_GLOBAL_CTRL } from "./msr-bits";
import { DOUBT_AT_MOST, DOUBT_BITS_CLEAR, REQUIRED_BITS } from "./evidence";
import { Subject } from "./subject";
import { NO, Tri, UNKNOWN, YES, both, implies } from "./tri";

const ONE_OF_EACH_BYTE: u64 = 0x0101010101010101;
const FIXED_COUNTER_SHIFT: u64 = 32;
const VERSION_WITH_FIXED_COUNTER_LIST: u64 = 5;
const CET_SUPPRESS: u64 = 0x400;
const CET_TRACKER: u64 = 0x800;

/** Each byte is a memory type: 0, 1, 4, 5, 6 or 7 (SDM 3A 12.12.2). */
export function mustHoldMemoryTypes(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const value = s.get(input);
  // 2 and 3 are those of the eight types with bit 1 and without bit 2.
  const wrong = (value & (ONE_OF_EACH_BYTE * 0xf8)) | (value & ~(value >> 1) & (ONE_OF_EACH_BYTE << 1));
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong, 0);
}

/** Bits 31:0 enable as many general-purpose counters as CPUID.A.EAX[15:8] says (SDM 3B 20.2). */
export function mustEnableExistingCounters(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const enabled = s.get(input) & 0xffffffff;
  if (enabled == 0) return YES;
  if (!s.has(CAP_CPUID_A_EAX)) return s.doubt(CAP_CPUID_A_EAX, DOUBT_AT_MOST, 64 - clz(enabled));
  const wrong = enabled & ~lowBits((s.get(CAP_CPUID_A_EAX) >> 8) & 0xff);
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong, 0);
}

/** Bits 47:32 enable fixed counters that CPUID.A counts (EDX[4:0]) or, from version 5 on, lists (ECX) (SDM 3B 20.2). */
export function mustEnableExistingFixedCounters(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const enabled = (s.get(input) >> FIXED_COUNTER_SHIFT) & 0xffff;
  const hasList = !s.has(CAP_CPUID_A_EAX) || (s.get(CAP_CPUID_A_EAX) & 0xff) >= VERSION_WITH_FIXED_COUNTER_LIST;
  const existing = lowBits(s.get(CAP_CPUID_A_EDX) & 0x1f) | (hasList ? s.get(CAP_CPUID_A_ECX) : 0);
  const wrong = enabled & ~existing;
  // That the list counts hangs on the version.
  const hangsOnVersion = (enabled & ~lowBits(s.get(CAP_CPUID_A_EDX) & 0x1f)) != 0;
  if (wrong == 0) return hangsOnVersion && !s.needs(CAP_CPUID_A_EAX) ? UNKNOWN : YES;
  if (!s.has(CAP_CPUID_A_EDX)) return s.doubt(CAP_CPUID_A_EDX, DOUBT_AT_MOST, 64 - clz(wrong));
  if (hasList && !s.has(CAP_CPUID_A_ECX)) return s.doubt(CAP_CPUID_A_ECX, DOUBT_BITS_CLEAR, wrong);
  return s.fails(input, REQUIRED_BITS, wrong << FIXED_COUNTER_SHIFT, 0);
}

/** No reserved bit of IA32_PERF_GLOBAL_CTRL is 1, and only counters that the processor has are enabled. */
export function mustBeValidCounters(s: Subject, input: u32): Tri {
  const hasCounters = both(mustEnableExistingCounters(s, input), mustEnableExistingFixedCounters(s, input));
  return both(hasNoReservedBits(s, input, MSR_PERF_GLOBAL_CTRL), hasCounters);
}

/**
 * No reserved bit of IA32_EFER is 1, nor one of what the processor lacks; it may be one with NX and without long mode. Every
 * Intel processor with long mode has SCE; CPUID's own bit for SYSCALL does not tell, as it is 1 in 64-bit mode only and
 * 32-bit tools print it as 0.
 */
export function mustBeValidEfer(s: Subject, input: u32): Tri {
  const ofLongMode = EFER_SCE | EFER_LME | EFER_LMA;
  const hasLongMode = s.mustBeSupported(input, ofLongMode, CAP_CPUID_80000001_EDX, CPUID_EXTENDED_EDX_LM);
  return both(hasNoReservedBits(s, input, MSR_EFER), hasLongMode);
}

/** SUPPRESS (bit 10) of IA32_S_CET or IA32_U_CET is 0 where TRACKER (bit 11) is 1. */
export function mustNotSuppressWhileTracking(s: Subject, input: u32): Tri {
  const isTracking = s.isSet(input, CET_TRACKER);
  // Else an entry of the MSR-load area that is right would be blamed beside one that is not.
  return isTracking == NO ? YES : implies(isTracking, s.mustBeZero(input, CET_SUPPRESS));
}

function lowBits(count: u64): u64 {
  return count >= 64 ? u64.MAX_VALUE : (1 << count) - 1;
}
