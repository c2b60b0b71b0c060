// The bits of CR0 and CR4 that VMX operation fixes, as the capability MSRs report them (SDM 3C 24.8, 3D A.7 and A.8).

import { DOUBT_ANY_BIT_SET, DOUBT_BITS_CLEAR, REQUIRED_BITS, Subject } from "./subject";
import { Tri, UNKNOWN, YES } from "./tri";

/** The bits of `input` that are 1 in `fixed0` (IA32_VMX_CR0_FIXED0 or IA32_VMX_CR4_FIXED0) are 1, but for `exempt`. */
export function fixedToOne(s: Subject, input: u32, fixed0: u32, exempt: u64 = 0): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const zeros = ~s.get(input) & ~exempt;
  if (!s.has(fixed0)) return s.doubt(fixed0, DOUBT_ANY_BIT_SET, zeros);
  const wrong = zeros & s.get(fixed0);
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong, 0);
}

/** The bits of `input` that are 0 in `fixed1` (IA32_VMX_CR0_FIXED1 or IA32_VMX_CR4_FIXED1) are 0, but for `exempt`. */
export function fixedToZero(s: Subject, input: u32, fixed1: u32, exempt: u64 = 0): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const ones = s.get(input) & ~exempt;
  if (ones == 0) return YES;
  if (!s.has(fixed1)) return s.doubt(fixed1, DOUBT_BITS_CLEAR, ones);
  const wrong = ones & ~s.get(fixed1);
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong, 0);
}
