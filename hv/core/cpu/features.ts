// What a backend lets a guest use of what a processor has: bits, for GuestCpu. What is missing is hidden from the guest.

import { mirrorsHost } from "../guest-kinds";

/** RDTSCP, RDPID and IA32_TSC_AUX. */
export const FEATURE_RDTSCP: u32 = 1 << 0;
/** INVPCID. */
export const FEATURE_INVPCID: u32 = 1 << 1;
/** The guest's time-stamp counter may differ from the host's: IA32_TSC_ADJUST, and writes of the counter. */
export const FEATURE_TSC_OFFSET: u32 = 1 << 2;
/** IA32_EFER and IA32_PAT are the guest's own. */
export const FEATURE_OWN_EFER: u32 = 1 << 3;
export const FEATURE_OWN_PAT: u32 = 1 << 4;
/** A machine around the processor, by a vmm: a local APIC with a timer. */
export const FEATURE_MACHINE: u32 = 1 << 5;

/** FEATURE_MACHINE, for a VM of a kind (guest-kinds.ts) that has a vmm. */
export function machineFeatures(kind: u32): u32 {
  return mirrorsHost(kind) ? 0 : FEATURE_MACHINE;
}
