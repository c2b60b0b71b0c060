// The name of every bit of the control words, for printing (SDM 3C 25.6 to 25.8).

// Each table is indexed by bit and ends at the word's highest named bit; "" is a reserved bit.

/** Pin-based VM-execution controls (SDM 3C 25.6.1). */
export const PIN_CONTROL_NAMES: StaticArray<string> = [
  "External-interrupt exiting",
  "",
  "",
  "NMI exiting",
  "",
  "Virtual NMIs",
  "Activate VMX-preemption timer",
  "Process posted interrupts",
];

/** Primary processor-based VM-execution controls (SDM 3C 25.6.2). */
export const PRIMARY_CONTROL_NAMES: StaticArray<string> = [
  "",
  "",
  "Interrupt-window exiting",
  "Use TSC offsetting",
  "",
  "",
  "",
  "HLT exiting",
  "",
  "INVLPG exiting",
  "MWAIT exiting",
  "RDPMC exiting",
  "RDTSC exiting",
  "",
  "",
  "CR3-load exiting",
  "CR3-store exiting",
  "Activate tertiary controls",
  "",
  "CR8-load exiting",
  "CR8-store exiting",
  "Use TPR shadow",
  "NMI-window exiting",
  "MOV-DR exiting",
  "Unconditional I/O exiting",
  "Use I/O bitmaps",
  "",
  "Monitor trap flag",
  "Use MSR bitmaps",
  "MONITOR exiting",
  "PAUSE exiting",
  "Activate secondary controls",
];

/** Secondary processor-based VM-execution controls (SDM 3C 25.6.2). */
export const SECONDARY_CONTROL_NAMES: StaticArray<string> = [
  "Virtualize APIC accesses",
  "Enable EPT",
  "Descriptor-table exiting",
  "Enable RDTSCP",
  "Virtualize x2APIC mode",
  "Enable VPID",
  "WBINVD exiting",
  "Unrestricted guest",
  "APIC-register virtualization",
  "Virtual-interrupt delivery",
  "PAUSE-loop exiting",
  "RDRAND exiting",
  "Enable INVPCID",
  "Enable VM functions",
  "VMCS shadowing",
  "Enable ENCLS exiting",
  "RDSEED exiting",
  "Enable PML",
  "EPT-violation #VE",
  "Conceal VMX from PT",
  "Enable XSAVES/XRSTORS",
  "PASID translation",
  "Mode-based execute control for EPT",
  "Sub-page write permissions for EPT",
  "Intel PT uses guest physical addresses",
  "Use TSC scaling",
  "Enable user wait and pause",
  "Enable PCONFIG",
  "Enable ENCLV exiting",
  "",
  "VMM bus-lock detection",
  "Instruction timeout",
];

/** Tertiary processor-based VM-execution controls (SDM 3C 25.6.2). */
export const TERTIARY_CONTROL_NAMES: StaticArray<string> = [
  "LOADIWKEY exiting",
  "Enable HLAT",
  "EPT paging-write control",
  "Guest-paging verification",
  "IPI virtualization",
  "SEAM guest-physical address width",
  "Enable MSR-list instructions",
  "Virtualize IA32_SPEC_CTRL",
  "APIC-timer virtualization",
  "Enable PBNDKB",
  "",
  "",
  "PEBS uses guest physical addresses",
];

/** Primary VM-exit controls (SDM 3C 25.7.1). */
export const EXIT_CONTROL_NAMES: StaticArray<string> = [
  "",
  "",
  "Save debug controls",
  "",
  "",
  "",
  "",
  "",
  "",
  "Host address-space size",
  "",
  "",
  "Load IA32_PERF_GLOBAL_CTRL",
  "",
  "",
  "Acknowledge interrupt on exit",
  "",
  "",
  "Save IA32_PAT",
  "Load IA32_PAT",
  "Save IA32_EFER",
  "Load IA32_EFER",
  "Save VMX-preemption timer value",
  "Clear IA32_BNDCFGS",
  "Conceal VMX from PT",
  "Clear IA32_RTIT_CTL",
  "Clear IA32_LBR_CTL",
  "Clear UINV",
  "Load CET state",
  "Load PKRS",
  "Save IA32_PERF_GLOBAL_CTRL",
  "Activate secondary controls",
];

/** Secondary VM-exit controls (SDM 3C 25.7.1). */
export const SECONDARY_EXIT_CONTROL_NAMES: StaticArray<string> = [
  "Save FRED",
  "Load FRED",
  "Load IA32_SPEC_CTRL",
  "Prematurely busy shadow stack",
];

/** VM-entry controls (SDM 3C 25.8.1). */
export const ENTRY_CONTROL_NAMES: StaticArray<string> = [
  "",
  "",
  "Load debug controls",
  "",
  "",
  "",
  "",
  "",
  "",
  "IA-32e mode guest",
  "Entry to SMM",
  "Deactivate dual-monitor treatment",
  "",
  "Load IA32_PERF_GLOBAL_CTRL",
  "Load IA32_PAT",
  "Load IA32_EFER",
  "Load IA32_BNDCFGS",
  "Conceal VMX from PT",
  "Load IA32_RTIT_CTL",
  "Load UINV",
  "Load CET state",
  "Load guest IA32_LBR_CTL",
  "Load PKRS",
  "Load FRED",
  "Load IA32_SPEC_CTRL",
  "Allow SEAM-guest telemetry",
];

/**
 * Returns the SDM's name of bit `bit` (0 to 63) in one of the tables above.
 * A bit that the manual reserves is "reserved".
 */
export function controlBitName(names: StaticArray<string>, bit: i32): string {
  const name = bit < names.length ? names[bit] : "";
  return name.length > 0 ? name : "reserved";
}
