// The settings that a processor allows for control fields, as its capability MSRs report them (SDM 3D A.2 to A.5).

import { VMX_BASIC_TRUE_CONTROLS } from "../x86/vmx-capabilities";
import { CAP_BASIC } from "./inputs";
import { DOUBT_ANY_BIT_SET, DOUBT_BITS_CLEAR, REQUIRED_BITS } from "./evidence";
import { Subject } from "./subject";
import { Tri, UNKNOWN, YES } from "./tri";

const CONTROL_BITS: u64 = 0xffffffff;
const ALLOWED_1_SHIFT: u64 = 32;

/**
 * The bits of the 32-bit control field `word` that the processor does not allow to be 0 are 1: those that are 1 in bits
 * 31:0 of its capability MSR. That is `trueCapability` where IA32_VMX_BASIC[55] is 1, else `plain`; a `trueCapability` of
 * 0 says that there is none (SDM 3D A.2).
 */
export function allowedZeros(s: Subject, word: u32, plain: u32, trueCapability: u32): Tri {
  if (!s.needs(word)) return UNKNOWN;
  const zeros = ~s.get(word) & CONTROL_BITS;
  if (zeros == 0) return YES;
  const capability = settingsOf(s, plain, trueCapability);
  if (!s.has(capability)) return s.doubt(capability, DOUBT_ANY_BIT_SET, zeros);
  const wrong = zeros & s.get(capability);
  return wrong == 0 ? YES : s.fails(word, REQUIRED_BITS, wrong, 0);
}

/** As allowedZeros: the bits that the processor does not allow to be 1, those that are 0 in bits 63:32, are 0. */
export function allowedOnes(s: Subject, word: u32, plain: u32, trueCapability: u32): Tri {
  if (!s.needs(word)) return UNKNOWN;
  const ones = s.get(word) & CONTROL_BITS;
  if (ones == 0) return YES;
  const capability = settingsOf(s, plain, trueCapability);
  if (!s.has(capability)) return s.doubt(capability, DOUBT_BITS_CLEAR, ones << ALLOWED_1_SHIFT);
  const wrong = ones & ~(s.get(capability) >> ALLOWED_1_SHIFT);
  return wrong == 0 ? YES : s.fails(word, REQUIRED_BITS, wrong, 0);
}

/** The 64-bit control field `word` has no bit that is 0 in `capability`: all its bits are allowed to be 0 (SDM 3D A.3.4). */
export function allowedOnes64(s: Subject, word: u32, capability: u32): Tri {
  if (!s.needs(word)) return UNKNOWN;
  const ones = s.get(word);
  if (ones == 0) return YES;
  if (!s.has(capability)) return s.doubt(capability, DOUBT_BITS_CLEAR, ones);
  const wrong = ones & ~s.get(capability);
  return wrong == 0 ? YES : s.fails(word, REQUIRED_BITS, wrong, 0);
}

/** Which capability MSR counts. Where IA32_VMX_BASIC is missing it is the "true" one, which processors since 2008 have. */
function settingsOf(s: Subject, plain: u32, trueCapability: u32): u32 {
  if (trueCapability == 0) return plain;
  const hasTrueControls = !s.has(CAP_BASIC) || (s.get(CAP_BASIC) & VMX_BASIC_TRUE_CONTROLS) != 0;
  return hasTrueControls ? trueCapability : plain;
}
