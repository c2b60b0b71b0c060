// IA32_APIC_BASE: whether the local APIC is there, and in which mode (SDM 3A 11.4.4, 11.12.5.1).

import { APIC_BASE_BSP, APIC_BASE_GLOBAL_ENABLE, APIC_BASE_X2APIC_ENABLE } from "../../../x86/msr";

/** Where the registers are in xAPIC mode. */
export const LOCAL_APIC_ADDRESS: u64 = 0xfee00000;
export const LOCAL_APIC_BYTES: u64 = 0x1000;

export const MODE_DISABLED: u64 = 0;
export const MODE_XAPIC: u64 = APIC_BASE_GLOBAL_ENABLE;
export const MODE_X2APIC: u64 = APIC_BASE_GLOBAL_ENABLE | APIC_BASE_X2APIC_ENABLE;

/** The bits that tell the mode. */
export const MODE_BITS: u64 = MODE_X2APIC;

export const APIC_BASE_AT_RESET: u64 = LOCAL_APIC_ADDRESS | APIC_BASE_BSP | MODE_XAPIC;

/**
 * Whether WRMSR of `value` is no #GP in the mode `mode`. The registers' address is fixed: another one is refused, though a
 * processor takes it, so that a guest that moves them learns at once that they are not there.
 */
export function isLegalApicBase(mode: u64, value: u64): bool {
  if ((value & ~(APIC_BASE_BSP | MODE_BITS)) != LOCAL_APIC_ADDRESS) return false;
  const next = value & MODE_BITS;
  if (next == APIC_BASE_X2APIC_ENABLE) return false;
  if (mode == MODE_DISABLED) return next != MODE_X2APIC;
  return mode != MODE_X2APIC || next != MODE_XAPIC;
}
