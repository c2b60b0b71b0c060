// Bits of CR0 and CR4 that VMX operation fixes to 1 or to 0 (SDM 3C 24.8, SDM 3D A.7 and A.8).

import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR4_DE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_PAE,
  CR4_PCE,
  CR4_PGE,
  CR4_PSE,
  CR4_PVI,
  CR4_TSD,
  CR4_VME,
  CR4_VMXE,
} from "../x86/control-registers";
import { CAP_CR0_FIXED1 } from "./inputs";
import { DOUBT_ANY_BIT_SET, DOUBT_BITS_CLEAR, REQUIRED_BITS } from "./evidence";
import { Subject } from "./subject";
import { Tri, UNKNOWN, YES } from "./tri";

/** The bits that SDM 3C 24.8 names as fixed to 1: where the processor is not known, only they are doubted. */
export const CR0_FIXED: u64 = CR0_PE | CR0_NE | CR0_PG;
export const CR4_FIXED: u64 = CR4_VMXE;

/** Bits that every processor with VMX supports: where the processor is not known, others are doubted. */
const CR0_EVERYWHERE: u64 =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
const CR4_EVERYWHERE: u64 =
  CR4_VME |
  CR4_PVI |
  CR4_TSD |
  CR4_DE |
  CR4_PSE |
  CR4_PAE |
  CR4_MCE |
  CR4_PGE |
  CR4_PCE |
  CR4_OSFXSR |
  CR4_OSXMMEXCPT |
  CR4_VMXE;

/** Of the bits `checked`, those that are 1 in the capability (a FIXED0 MSR) are 1. `likely` are those to doubt. */
export function mustSetFixed(s: Subject, input: u32, capability: u32, checked: u64, likely: u64): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const clear = ~s.get(input) & checked;
  if (!s.has(capability)) {
    const doubted = clear & likely;
    return doubted == 0 ? YES : s.doubt(capability, DOUBT_ANY_BIT_SET, doubted);
  }
  const wrong = clear & s.get(capability);
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong, 0);
}

/** Of the bits `checked`, those that are 0 in the capability (a FIXED1 MSR) are 0. */
export function mustSetNoUnsupported(s: Subject, input: u32, capability: u32, checked: u64): Tri {
  if (!s.needs(input)) return UNKNOWN;
  const set = s.get(input) & checked;
  if (!s.has(capability)) {
    const doubted = set & ~(capability == CAP_CR0_FIXED1 ? CR0_EVERYWHERE : CR4_EVERYWHERE);
    return doubted == 0 ? YES : s.doubt(capability, DOUBT_BITS_CLEAR, doubted);
  }
  const wrong = set & ~s.get(capability);
  return wrong == 0 ? YES : s.fails(input, REQUIRED_BITS, wrong, 0);
}
