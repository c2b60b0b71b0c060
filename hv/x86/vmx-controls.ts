// The bits of the VM-execution, VM-exit and VM-entry control words (SDM 3C 25.6 to 25.8).

// SDM 3C 25.6.1: Pin-based VM-execution controls.
export const PIN_EXTERNAL_INTERRUPT_EXITING: u32 = 1 << 0;
export const PIN_NMI_EXITING: u32 = 1 << 3;
export const PIN_VIRTUAL_NMIS: u32 = 1 << 5;
export const PIN_ACTIVATE_VMX_PREEMPTION_TIMER: u32 = 1 << 6;
export const PIN_PROCESS_POSTED_INTERRUPTS: u32 = 1 << 7;

// SDM 3C 25.6.2: Primary processor-based VM-execution controls.
export const PRIMARY_INTERRUPT_WINDOW_EXITING: u32 = 1 << 2;
export const PRIMARY_USE_TSC_OFFSETTING: u32 = 1 << 3;
export const PRIMARY_HLT_EXITING: u32 = 1 << 7;
export const PRIMARY_INVLPG_EXITING: u32 = 1 << 9;
export const PRIMARY_MWAIT_EXITING: u32 = 1 << 10;
export const PRIMARY_RDPMC_EXITING: u32 = 1 << 11;
export const PRIMARY_RDTSC_EXITING: u32 = 1 << 12;
export const PRIMARY_CR3_LOAD_EXITING: u32 = 1 << 15;
export const PRIMARY_CR3_STORE_EXITING: u32 = 1 << 16;
export const PRIMARY_ACTIVATE_TERTIARY_CONTROLS: u32 = 1 << 17;
export const PRIMARY_CR8_LOAD_EXITING: u32 = 1 << 19;
export const PRIMARY_CR8_STORE_EXITING: u32 = 1 << 20;
export const PRIMARY_USE_TPR_SHADOW: u32 = 1 << 21;
export const PRIMARY_NMI_WINDOW_EXITING: u32 = 1 << 22;
export const PRIMARY_MOV_DR_EXITING: u32 = 1 << 23;
export const PRIMARY_UNCONDITIONAL_IO_EXITING: u32 = 1 << 24;
export const PRIMARY_USE_IO_BITMAPS: u32 = 1 << 25;
export const PRIMARY_MONITOR_TRAP_FLAG: u32 = 1 << 27;
export const PRIMARY_USE_MSR_BITMAPS: u32 = 1 << 28;
export const PRIMARY_MONITOR_EXITING: u32 = 1 << 29;
export const PRIMARY_PAUSE_EXITING: u32 = 1 << 30;
export const PRIMARY_ACTIVATE_SECONDARY_CONTROLS: u32 = 0x80000000;

// SDM 3C 25.6.2: Secondary processor-based VM-execution controls.
export const SECONDARY_VIRTUALIZE_APIC_ACCESSES: u32 = 1 << 0;
export const SECONDARY_ENABLE_EPT: u32 = 1 << 1;
export const SECONDARY_DESCRIPTOR_TABLE_EXITING: u32 = 1 << 2;
export const SECONDARY_ENABLE_RDTSCP: u32 = 1 << 3;
export const SECONDARY_VIRTUALIZE_X2APIC_MODE: u32 = 1 << 4;
export const SECONDARY_ENABLE_VPID: u32 = 1 << 5;
export const SECONDARY_WBINVD_EXITING: u32 = 1 << 6;
export const SECONDARY_UNRESTRICTED_GUEST: u32 = 1 << 7;
export const SECONDARY_APIC_REGISTER_VIRTUALIZATION: u32 = 1 << 8;
export const SECONDARY_VIRTUAL_INTERRUPT_DELIVERY: u32 = 1 << 9;
export const SECONDARY_PAUSE_LOOP_EXITING: u32 = 1 << 10;
export const SECONDARY_RDRAND_EXITING: u32 = 1 << 11;
export const SECONDARY_ENABLE_INVPCID: u32 = 1 << 12;
export const SECONDARY_ENABLE_VM_FUNCTIONS: u32 = 1 << 13;
export const SECONDARY_VMCS_SHADOWING: u32 = 1 << 14;
export const SECONDARY_ENABLE_ENCLS_EXITING: u32 = 1 << 15;
export const SECONDARY_RDSEED_EXITING: u32 = 1 << 16;
export const SECONDARY_ENABLE_PML: u32 = 1 << 17;
export const SECONDARY_EPT_VIOLATION_VE: u32 = 1 << 18;
export const SECONDARY_CONCEAL_VMX_FROM_PT: u32 = 1 << 19;
export const SECONDARY_ENABLE_XSAVES_XRSTORS: u32 = 1 << 20;
export const SECONDARY_PASID_TRANSLATION: u32 = 1 << 21;
export const SECONDARY_MODE_BASED_EXECUTE_CONTROL_FOR_EPT: u32 = 1 << 22;
export const SECONDARY_SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT: u32 = 1 << 23;
export const SECONDARY_INTEL_PT_USES_GUEST_PHYSICAL_ADDRESSES: u32 = 1 << 24;
export const SECONDARY_USE_TSC_SCALING: u32 = 1 << 25;
export const SECONDARY_ENABLE_USER_WAIT_AND_PAUSE: u32 = 1 << 26;
export const SECONDARY_ENABLE_PCONFIG: u32 = 1 << 27;
export const SECONDARY_ENABLE_ENCLV_EXITING: u32 = 1 << 28;
export const SECONDARY_VMM_BUS_LOCK_DETECTION: u32 = 1 << 30;
export const SECONDARY_INSTRUCTION_TIMEOUT: u32 = 0x80000000;

// SDM 3C 25.6.2: Tertiary processor-based VM-execution controls.
// A 64-bit field: its capability MSR reports allowed 1-settings only, no allowed 0-settings.
export const TERTIARY_LOADIWKEY_EXITING: u64 = 1 << 0;
export const TERTIARY_ENABLE_HLAT: u64 = 1 << 1;
export const TERTIARY_EPT_PAGING_WRITE_CONTROL: u64 = 1 << 2;
export const TERTIARY_GUEST_PAGING_VERIFICATION: u64 = 1 << 3;
export const TERTIARY_IPI_VIRTUALIZATION: u64 = 1 << 4;
export const TERTIARY_SEAM_GUEST_PHYSICAL_ADDRESS_WIDTH: u64 = 1 << 5;
export const TERTIARY_ENABLE_MSR_LIST_INSTRUCTIONS: u64 = 1 << 6;
export const TERTIARY_VIRTUALIZE_IA32_SPEC_CTRL: u64 = 1 << 7;
export const TERTIARY_APIC_TIMER_VIRTUALIZATION: u64 = 1 << 8;
export const TERTIARY_ENABLE_PBNDKB: u64 = 1 << 9;
export const TERTIARY_PEBS_USES_GUEST_PHYSICAL_ADDRESSES: u64 = 1 << 12;

// SDM 3C 25.7.1: Primary VM-exit controls.
export const EXIT_SAVE_DEBUG_CONTROLS: u32 = 1 << 2;
export const EXIT_HOST_ADDRESS_SPACE_SIZE: u32 = 1 << 9;
export const EXIT_LOAD_IA32_PERF_GLOBAL_CTRL: u32 = 1 << 12;
export const EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT: u32 = 1 << 15;
export const EXIT_SAVE_IA32_PAT: u32 = 1 << 18;
export const EXIT_LOAD_IA32_PAT: u32 = 1 << 19;
export const EXIT_SAVE_IA32_EFER: u32 = 1 << 20;
export const EXIT_LOAD_IA32_EFER: u32 = 1 << 21;
export const EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE: u32 = 1 << 22;
export const EXIT_CLEAR_IA32_BNDCFGS: u32 = 1 << 23;
export const EXIT_CONCEAL_VMX_FROM_PT: u32 = 1 << 24;
export const EXIT_CLEAR_IA32_RTIT_CTL: u32 = 1 << 25;
export const EXIT_CLEAR_IA32_LBR_CTL: u32 = 1 << 26;
export const EXIT_CLEAR_UINV: u32 = 1 << 27;
export const EXIT_LOAD_CET_STATE: u32 = 1 << 28;
export const EXIT_LOAD_PKRS: u32 = 1 << 29;
export const EXIT_SAVE_IA32_PERF_GLOBAL_CTRL: u32 = 1 << 30;
export const EXIT_ACTIVATE_SECONDARY_CONTROLS: u32 = 0x80000000;

// SDM 3C 25.7.1: Secondary VM-exit controls.
// A 64-bit field: its capability MSR reports allowed 1-settings only, no allowed 0-settings.
export const SECONDARY_EXIT_SAVE_FRED: u64 = 1 << 0;
export const SECONDARY_EXIT_LOAD_FRED: u64 = 1 << 1;
export const SECONDARY_EXIT_LOAD_IA32_SPEC_CTRL: u64 = 1 << 2;
export const SECONDARY_EXIT_PREMATURELY_BUSY_SHADOW_STACK: u64 = 1 << 3;

// SDM 3C 25.8.1: VM-entry controls.
export const ENTRY_LOAD_DEBUG_CONTROLS: u32 = 1 << 2;
export const ENTRY_IA32E_MODE_GUEST: u32 = 1 << 9;
export const ENTRY_ENTRY_TO_SMM: u32 = 1 << 10;
export const ENTRY_DEACTIVATE_DUAL_MONITOR_TREATMENT: u32 = 1 << 11;
export const ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL: u32 = 1 << 13;
export const ENTRY_LOAD_IA32_PAT: u32 = 1 << 14;
export const ENTRY_LOAD_IA32_EFER: u32 = 1 << 15;
export const ENTRY_LOAD_IA32_BNDCFGS: u32 = 1 << 16;
export const ENTRY_CONCEAL_VMX_FROM_PT: u32 = 1 << 17;
export const ENTRY_LOAD_IA32_RTIT_CTL: u32 = 1 << 18;
export const ENTRY_LOAD_UINV: u32 = 1 << 19;
export const ENTRY_LOAD_CET_STATE: u32 = 1 << 20;
export const ENTRY_LOAD_GUEST_IA32_LBR_CTL: u32 = 1 << 21;
export const ENTRY_LOAD_PKRS: u32 = 1 << 22;
export const ENTRY_LOAD_FRED: u32 = 1 << 23;
export const ENTRY_LOAD_IA32_SPEC_CTRL: u32 = 1 << 24;
export const ENTRY_ALLOW_SEAM_GUEST_TELEMETRY: u32 = 1 << 25;
