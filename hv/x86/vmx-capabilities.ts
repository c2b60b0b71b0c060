// The bits of IA32_VMX_BASIC, IA32_VMX_MISC and IA32_VMX_EPT_VPID_CAP (SDM 3D A.1, A.6 and A.10).

// A field wider than one bit is `(msr >> SHIFT) & MASK`. Bits above 31 are hex literals: Node's `<<` is 32-bit.

// SDM 3D A.1: IA32_VMX_BASIC.
export const VMX_BASIC_REVISION_IDENTIFIER_MASK: u64 = 0x7fffffff;
export const VMX_BASIC_REGION_SIZE_SHIFT: u64 = 32;
export const VMX_BASIC_REGION_SIZE_MASK: u64 = 0x1fff;
/** Addresses of VMX structures are limited to 32 bits. */
export const VMX_BASIC_32_BIT_ADDRESSES: u64 = 0x1000000000000;
export const VMX_BASIC_DUAL_MONITOR_TREATMENT: u64 = 0x2000000000000;
export const VMX_BASIC_MEMORY_TYPE_SHIFT: u64 = 50;
export const VMX_BASIC_MEMORY_TYPE_MASK: u64 = 0xf;
/** Exits due to INS and OUTS report VM-exit instruction information. */
export const VMX_BASIC_INS_OUTS_INFORMATION: u64 = 0x40000000000000;
/** The IA32_VMX_TRUE_* MSRs exist: default1 bits may be cleared as those report. */
export const VMX_BASIC_TRUE_CONTROLS: u64 = 0x80000000000000;
/** VM entry may deliver any hardware exception with or without an error code. */
export const VMX_BASIC_ANY_EXCEPTION_ERROR_CODE: u64 = 0x100000000000000;
/** The nested-exception bit of injected events exists (FRED). */
export const VMX_BASIC_NESTED_EXCEPTION: u64 = 0x400000000000000;

// SDM 3D A.6: IA32_VMX_MISC.
/** The VMX-preemption timer counts down when bit X of the TSC changes; this is X. */
export const VMX_MISC_PREEMPTION_TIMER_RATE_MASK: u64 = 0x1f;
/** VM exits store IA32_EFER.LMA into the "IA-32e mode guest" VM-entry control. */
export const VMX_MISC_STORES_LMA: u64 = 0x20;
export const VMX_MISC_ACTIVITY_HLT: u64 = 0x40;
export const VMX_MISC_ACTIVITY_SHUTDOWN: u64 = 0x80;
export const VMX_MISC_ACTIVITY_WAIT_FOR_SIPI: u64 = 0x100;
export const VMX_MISC_PT_IN_VMX_OPERATION: u64 = 0x4000;
export const VMX_MISC_SMBASE_READABLE_IN_SMM: u64 = 0x8000;
export const VMX_MISC_CR3_TARGET_COUNT_SHIFT: u64 = 16;
export const VMX_MISC_CR3_TARGET_COUNT_MASK: u64 = 0x1ff;
/** N, where 512 * (N + 1) is the recommended maximum number of MSRs in each list. */
export const VMX_MISC_MSR_LIST_SHIFT: u64 = 25;
export const VMX_MISC_MSR_LIST_MASK: u64 = 0x7;
/** Bit 2 of IA32_SMM_MONITOR_CTL can be set, so that VMXOFF leaves SMIs blocked unless told otherwise. */
export const VMX_MISC_SMM_MONITOR_CTL_BIT_2: u64 = 0x10000000;
/** VMWRITE may write any supported field, VM-exit information too. */
export const VMX_MISC_VMWRITE_ANY_FIELD: u64 = 0x20000000;
/** VM entry may inject software events with an instruction length of 0. */
export const VMX_MISC_ZERO_LENGTH_INJECTION: u64 = 0x40000000;
export const VMX_MISC_MSEG_REVISION_SHIFT: u64 = 32;
export const VMX_MISC_MSEG_REVISION_MASK: u64 = 0xffffffff;

// SDM 3D A.10: IA32_VMX_EPT_VPID_CAP.
export const EPT_CAP_EXECUTE_ONLY: u64 = 0x1;
export const EPT_CAP_PAGE_WALK_LENGTH_4: u64 = 0x40;
export const EPT_CAP_PAGE_WALK_LENGTH_5: u64 = 0x80;
export const EPT_CAP_MEMORY_TYPE_UC: u64 = 0x100;
export const EPT_CAP_MEMORY_TYPE_WB: u64 = 0x4000;
export const EPT_CAP_2_MIB_PAGES: u64 = 0x10000;
export const EPT_CAP_1_GIB_PAGES: u64 = 0x20000;
export const EPT_CAP_INVEPT: u64 = 0x100000;
export const EPT_CAP_ACCESSED_AND_DIRTY_FLAGS: u64 = 0x200000;
export const EPT_CAP_ADVANCED_EXIT_INFORMATION: u64 = 0x400000;
export const EPT_CAP_SUPERVISOR_SHADOW_STACK_CONTROL: u64 = 0x800000;
export const EPT_CAP_INVEPT_SINGLE_CONTEXT: u64 = 0x2000000;
export const EPT_CAP_INVEPT_ALL_CONTEXTS: u64 = 0x4000000;
export const VPID_CAP_INVVPID: u64 = 0x100000000;
export const VPID_CAP_INVVPID_INDIVIDUAL_ADDRESS: u64 = 0x10000000000;
export const VPID_CAP_INVVPID_SINGLE_CONTEXT: u64 = 0x20000000000;
export const VPID_CAP_INVVPID_ALL_CONTEXTS: u64 = 0x40000000000;
export const VPID_CAP_INVVPID_SINGLE_CONTEXT_RETAINING_GLOBALS: u64 = 0x80000000000;
export const HLAT_CAP_PREFIX_SIZE_SHIFT: u64 = 48;
export const HLAT_CAP_PREFIX_SIZE_MASK: u64 = 0x3f;
