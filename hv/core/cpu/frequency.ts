// The frequency of the time-stamp counter, as the processor tells it (SDM 3B 19.7.3).

import { CPUID_LEAF_PROCESSOR_FREQUENCY, CPUID_LEAF_TIME_STAMP_COUNTER, CPUID_LEAF_VENDOR } from "../../x86/cpuid";
import { Cpuid } from "./cpuid";

/**
 * kHz of the time-stamp counter: from leaf 0x15, or where that leaves the crystal's frequency open, the base frequency of
 * leaf 0x16, which it runs at. 0 where neither tells it.
 */
export function hostTscKilohertz(cpuid: Cpuid): u32 {
  cpuid.read(CPUID_LEAF_VENDOR, 0);
  const highest = cpuid.eax;
  if (highest < CPUID_LEAF_TIME_STAMP_COUNTER) return 0;
  cpuid.read(CPUID_LEAF_TIME_STAMP_COUNTER, 0);
  const denominator = cpuid.eax;
  if (denominator != 0 && cpuid.ebx != 0 && cpuid.ecx != 0) {
    return <u32>((<u64>cpuid.ecx * cpuid.ebx) / denominator / 1000);
  }
  if (highest < CPUID_LEAF_PROCESSOR_FREQUENCY) return 0;
  cpuid.read(CPUID_LEAF_PROCESSOR_FREQUENCY, 0);
  return (cpuid.eax & 0xffff) * 1000;
}
