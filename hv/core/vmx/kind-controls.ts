// What each kind of VM (hv/core/guest-kinds.ts) needs of the CPU: one table a word of controls, one row a kind.

import {
  ENTRY_IA32E_MODE_GUEST,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_CR8_LOAD_EXITING,
  PRIMARY_CR8_STORE_EXITING,
  PRIMARY_HLT_EXITING,
  PRIMARY_MONITOR_EXITING,
  PRIMARY_MWAIT_EXITING,
  PRIMARY_RDPMC_EXITING,
  PRIMARY_RDTSC_EXITING,
  PRIMARY_UNCONDITIONAL_IO_EXITING,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_TSC_OFFSETTING,
  SECONDARY_ENABLE_ENCLS_EXITING,
  SECONDARY_ENABLE_ENCLV_EXITING,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_INVPCID,
  SECONDARY_ENABLE_RDTSCP,
  SECONDARY_ENABLE_VPID,
  SECONDARY_UNRESTRICTED_GUEST,
  SECONDARY_WBINVD_EXITING,
} from "../../x86/vmx-controls";

// A guest that waits must not stop the CPU, no port of the machine is a guest's, and without TPR shadow CR8 would be the
// host's TPR: a guest could mask the timer that bounds its vmm. Performance counters would count the host. A guest has a
// time-stamp counter of its own.
const GUEST_EXITS: u32 =
  PRIMARY_HLT_EXITING |
  PRIMARY_MWAIT_EXITING |
  PRIMARY_MONITOR_EXITING |
  PRIMARY_CR8_LOAD_EXITING |
  PRIMARY_CR8_STORE_EXITING |
  PRIMARY_UNCONDITIONAL_IO_EXITING |
  PRIMARY_RDPMC_EXITING |
  PRIMARY_USE_TSC_OFFSETTING |
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS;
// Unrestricted guest: a VM starts, or may at any time be, in real mode or with paging off.
const EPT_AND_UNRESTRICTED: u32 = SECONDARY_ENABLE_EPT | SECONDARY_UNRESTRICTED_GUEST;
// The instructions that "enable" controls turn on are #UD without them, and CPUID shows them only with them. A guest has no
// enclaves, and shall not flush the caches that it shares.
const VPID_AND_INSTRUCTIONS: u32 =
  SECONDARY_ENABLE_VPID |
  SECONDARY_ENABLE_RDTSCP |
  SECONDARY_ENABLE_INVPCID |
  SECONDARY_WBINVD_EXITING |
  SECONDARY_ENABLE_ENCLS_EXITING |
  SECONDARY_ENABLE_ENCLV_EXITING;

export const PRIMARY_REQUIRED: StaticArray<u32> = [
  GUEST_EXITS,
  GUEST_EXITS,
  GUEST_EXITS,
  0,
  PRIMARY_RDTSC_EXITING,
  GUEST_EXITS,
];

// The code of a mirroring guest is trusted: EPT and VPID are there to be tried where the CPU has them. Without "use MSR
// bitmaps" every RDMSR and WRMSR exits.
export const PRIMARY_OPTIONAL: StaticArray<u32> = [
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_USE_MSR_BITMAPS,
];

// The report's secondary controls are EPT and RDTSCP.
export const SECONDARY_REQUIRED: StaticArray<u32> = [
  EPT_AND_UNRESTRICTED,
  EPT_AND_UNRESTRICTED,
  SECONDARY_ENABLE_EPT,
  0,
  0,
  EPT_AND_UNRESTRICTED,
];
export const SECONDARY_OPTIONAL: StaticArray<u32> = [
  VPID_AND_INSTRUCTIONS,
  VPID_AND_INSTRUCTIONS,
  SECONDARY_ENABLE_RDTSCP,
  SECONDARY_ENABLE_EPT | SECONDARY_ENABLE_VPID,
  SECONDARY_ENABLE_EPT | SECONDARY_ENABLE_VPID,
  VPID_AND_INSTRUCTIONS,
];

/** What VM-entry controls say of the mode that the vCPU starts in. */
export const ENTRY_MODE: StaticArray<u32> = [
  ENTRY_IA32E_MODE_GUEST,
  0,
  ENTRY_IA32E_MODE_GUEST,
  ENTRY_IA32E_MODE_GUEST,
  ENTRY_IA32E_MODE_GUEST,
  0,
];
