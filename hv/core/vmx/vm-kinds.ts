// The kinds of VM: what each needs of the CPU, and in which state its vCPU starts. One row a kind, one table a column.

import {
  ENTRY_IA32E_MODE_GUEST,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_CR8_LOAD_EXITING,
  PRIMARY_CR8_STORE_EXITING,
  PRIMARY_HLT_EXITING,
  PRIMARY_MONITOR_EXITING,
  PRIMARY_MWAIT_EXITING,
  PRIMARY_RDTSC_EXITING,
  PRIMARY_UNCONDITIONAL_IO_EXITING,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_INVPCID,
  SECONDARY_ENABLE_RDTSCP,
  SECONDARY_ENABLE_VPID,
  SECONDARY_UNRESTRICTED_GUEST,
} from "../../x86/vmx-controls";

/** RAM of its own; starts in 64-bit mode with flat segments. */
export const KIND_64_BIT: u32 = 0;
/** RAM of its own; starts in real mode. */
export const KIND_REAL_MODE: u32 = 1;
/** RAM of its own; starts with the controls and the state of a public report of an entry that failed (start-states.ts). */
export const KIND_REPORTED: u32 = 2;
/** Basalt's memory and the running host's state. */
export const KIND_MIRROR: u32 = 3;
/** The same, and RDTSC exits. */
export const KIND_MIRROR_RDTSC: u32 = 4;
export const KINDS: i32 = 5;

/** The kind of each built-in guest, by its number (hv/shared/guests.ts). */
export const GUEST_KINDS: StaticArray<u32> = [
  KIND_64_BIT, // hlt
  KIND_64_BIT, // count
  KIND_64_BIT, // fault-bounds
  KIND_64_BIT, // fault-unreachable
  KIND_64_BIT, // fault-stack
  KIND_64_BIT, // fault-loop
  KIND_64_BIT, // fault-assert
  KIND_MIRROR, // mirror
  KIND_MIRROR_RDTSC, // rdtsc
  KIND_REPORTED, // ept
  KIND_REAL_MODE, // real
];

/** Whether a VM of this kind has no memory of its own: its code is Basalt's, and it needs no vmm. */
export function mirrorsHost(kind: u32): bool {
  return kind == KIND_MIRROR || kind == KIND_MIRROR_RDTSC;
}

// A guest that waits must not stop the CPU, no port of the machine is a guest's, and without TPR shadow CR8 would be the
// host's TPR: a guest could mask the timer that bounds its vmm. Without "use MSR bitmaps" every RDMSR and WRMSR exits.
const GUEST_EXITS: u32 =
  PRIMARY_HLT_EXITING |
  PRIMARY_MWAIT_EXITING |
  PRIMARY_MONITOR_EXITING |
  PRIMARY_CR8_LOAD_EXITING |
  PRIMARY_CR8_STORE_EXITING |
  PRIMARY_UNCONDITIONAL_IO_EXITING |
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS;
// Unrestricted guest: a VM starts, or may at any time be, in real mode or with paging off.
const EPT_AND_UNRESTRICTED: u32 = SECONDARY_ENABLE_EPT | SECONDARY_UNRESTRICTED_GUEST;
// The instructions that "enable" controls turn on would be #UD in the guest though CPUID shows them.
const VPID_AND_INSTRUCTIONS: u32 = SECONDARY_ENABLE_VPID | SECONDARY_ENABLE_RDTSCP | SECONDARY_ENABLE_INVPCID;

export const PRIMARY_REQUIRED: StaticArray<u32> = [GUEST_EXITS, GUEST_EXITS, GUEST_EXITS, 0, PRIMARY_RDTSC_EXITING];

// The code of a mirroring guest is trusted: EPT and VPID are there to be tried where the CPU has them.
export const PRIMARY_OPTIONAL: StaticArray<u32> = [
  0,
  0,
  0,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
];

// The report's secondary controls are EPT and RDTSCP.
export const SECONDARY_REQUIRED: StaticArray<u32> = [
  EPT_AND_UNRESTRICTED,
  EPT_AND_UNRESTRICTED,
  SECONDARY_ENABLE_EPT,
  0,
  0,
];
export const SECONDARY_OPTIONAL: StaticArray<u32> = [
  VPID_AND_INSTRUCTIONS,
  VPID_AND_INSTRUCTIONS,
  SECONDARY_ENABLE_RDTSCP,
  SECONDARY_ENABLE_EPT | SECONDARY_ENABLE_VPID,
  SECONDARY_ENABLE_EPT | SECONDARY_ENABLE_VPID,
];

/** What VM-entry controls say of the mode that the vCPU starts in. */
export const ENTRY_MODE: StaticArray<u32> = [
  ENTRY_IA32E_MODE_GUEST,
  0,
  ENTRY_IA32E_MODE_GUEST,
  ENTRY_IA32E_MODE_GUEST,
  ENTRY_IA32E_MODE_GUEST,
];
