// What the value of an MSR must be beyond single reserved bits: IA32_PAT, IA32_PERF_GLOBAL_CTRL.

import { CAP_CPUID_A_EAX, CAP_CPUID_A_ECX, CAP_CPUID_A_EDX } from "./inputs";
import { DOUBT_AT_MOST, DOUBT_BITS_CLEAR, REQUIRED_BITS, Subject } from "./subject";
import { Tri, UNKNOWN, YES } from "./tri";

const ONE_OF_EACH_BYTE: u64 = 0x0101010101010101;
const FIXED_COUNTER_SHIFT: u64 = 32;

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

/** Bits 47:32 enable fixed counters that CPUID.A counts (EDX[4:0]) or lists (ECX) (SDM 3B 20.2). */
export function mustEnableExistingFixedCounters(s: Subject, input: u32): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const enabled = (s.get(input) >> FIXED_COUNTER_SHIFT) & 0xffff;
  const existing = lowBits(s.get(CAP_CPUID_A_EDX) & 0x1f) | s.get(CAP_CPUID_A_ECX);
  const wrong = enabled & ~existing;
  if (wrong == 0) return YES;
  if (!s.has(CAP_CPUID_A_EDX)) return s.doubt(CAP_CPUID_A_EDX, DOUBT_AT_MOST, 64 - clz(wrong));
  if (!s.has(CAP_CPUID_A_ECX)) return s.doubt(CAP_CPUID_A_ECX, DOUBT_BITS_CLEAR, wrong);
  return s.fails(input, REQUIRED_BITS, wrong << FIXED_COUNTER_SHIFT, 0);
}

function lowBits(count: u64): u64 {
  return count >= 64 ? u64.MAX_VALUE : (1 << count) - 1;
}
