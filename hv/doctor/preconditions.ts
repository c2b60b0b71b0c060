// Conditions that VMXON, VMCLEAR, VMPTRLD and VM entry share: the processor's mode, fixed bits, revision identifiers.

import { EFER_LMA } from "../x86/msr";
import { VMX_BASIC_REVISION_IDENTIFIER_MASK } from "../x86/vmx-capabilities";
import { CAP_BASIC, STATE_CS_L, STATE_EFER } from "./inputs";
import { DOUBT_ANY_BIT_SET, DOUBT_BITS_CLEAR } from "./evidence";
import { Subject } from "./subject";
import { implies, Tri, UNKNOWN, YES } from "./tri";

/** CS.L is 1 in IA-32e mode: the processor is not in compatibility mode. */
export function isNotCompatibilityMode(s: Subject): Tri {
  return implies(s.isSet(STATE_EFER, EFER_LMA), s.mustEqual(STATE_CS_L, 1));
}

/**
 * Each bit but those of `except` is 1 that `fixed0`, IA32_VMX_CR0_FIXED0 or IA32_VMX_CR4_FIXED0, has as 1 (SDM 3D A.7,
 * A.8).
 */
export function fixedOnesAreOne(s: Subject, register: u32, fixed0: u32, except: u64): Tri {
  if (!s.needs(register)) return UNKNOWN;
  const zeros = ~(s.get(register) | except);
  if (zeros == 0) return YES;
  if (!s.has(fixed0)) return s.doubt(fixed0, DOUBT_ANY_BIT_SET, zeros);
  return s.mustBeOne(register, s.get(fixed0) & ~except);
}

/** Each bit is 0 that `fixed1`, IA32_VMX_CR0_FIXED1 or IA32_VMX_CR4_FIXED1, has as 0 (SDM 3D A.7, A.8). */
export function fixedZerosAreZero(s: Subject, register: u32, fixed1: u32): Tri {
  if (!s.needs(register)) return UNKNOWN;
  const ones = s.get(register);
  if (ones == 0) return YES;
  if (!s.has(fixed1)) return s.doubt(fixed1, DOUBT_BITS_CLEAR, ones);
  return s.mustBeZero(register, ~s.get(fixed1));
}

/** Bits 30:0 of the first 32 bits of a region are the processor's VMCS revision identifier, IA32_VMX_BASIC[30:0]. */
export function revisionMatches(s: Subject, revision: u32): Tri {
  if (!s.needs(revision) || !s.needs(CAP_BASIC)) return UNKNOWN;
  return s.mustMatch(revision, VMX_BASIC_REVISION_IDENTIFIER_MASK, s.get(CAP_BASIC));
}
