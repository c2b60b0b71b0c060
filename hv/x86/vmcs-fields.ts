// Every VMCS field by its encoding, in the order of the manual's appendix (SDM 3D appendix B).

// Section numbers in hv/x86 are those of the 2023 and 2024 editions; in that of 2026 the VMCS chapter, 25 here, is 27.

// An encoding is computed from the four parts that SDM 3C 25.11.2 gives it, so that none can be mistyped:
// access type (bit 0), index (bits 9:1), type (bits 11:10) and width (bits 14:13). The index is written `n << 1`.

/** Access type, bit 0: the upper 32 bits of a 64-bit field are `field | ACCESS_HIGH`. */
export const ACCESS_HIGH: u32 = 1;

export const FIELD_INDEX_SHIFT: u32 = 1;
export const FIELD_INDEX_MASK: u32 = 0x1ff;

export const FIELD_TYPE_SHIFT: u32 = 10;
export const FIELD_TYPE_MASK: u32 = 3;
export const CONTROL: u32 = 0 << FIELD_TYPE_SHIFT;
export const READ_ONLY_DATA: u32 = 1 << FIELD_TYPE_SHIFT;
export const GUEST_STATE: u32 = 2 << FIELD_TYPE_SHIFT;
export const HOST_STATE: u32 = 3 << FIELD_TYPE_SHIFT;

export const FIELD_WIDTH_SHIFT: u32 = 13;
export const FIELD_WIDTH_MASK: u32 = 3;
export const WIDTH_16: u32 = 0 << FIELD_WIDTH_SHIFT;
export const WIDTH_64: u32 = 1 << FIELD_WIDTH_SHIFT;
export const WIDTH_32: u32 = 2 << FIELD_WIDTH_SHIFT;
export const NATURAL_WIDTH: u32 = 3 << FIELD_WIDTH_SHIFT;

/** Bits of an encoding that must be 0 (SDM 3C 25.11.2). */
export const FIELD_RESERVED_BITS: u32 = 0xffff9000;

// SDM 3D B.1.1: 16-bit control fields.
export const VIRTUAL_PROCESSOR_IDENTIFIER: u32 = WIDTH_16 | CONTROL | (0 << 1);
export const POSTED_INTERRUPT_NOTIFICATION_VECTOR: u32 = WIDTH_16 | CONTROL | (1 << 1);
export const EPTP_INDEX: u32 = WIDTH_16 | CONTROL | (2 << 1);
export const HLAT_PREFIX_SIZE: u32 = WIDTH_16 | CONTROL | (3 << 1);
export const LAST_PID_POINTER_INDEX: u32 = WIDTH_16 | CONTROL | (4 << 1);
// With "APIC-timer virtualization" (SDM 3C 27.6.27 of 2026; not in the appendix B of February 2026).
export const VIRTUAL_TIMER_VECTOR: u32 = WIDTH_16 | CONTROL | (5 << 1);

// SDM 3D B.1.2: 16-bit guest-state fields.
export const GUEST_ES_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (0 << 1);
export const GUEST_CS_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (1 << 1);
export const GUEST_SS_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (2 << 1);
export const GUEST_DS_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (3 << 1);
export const GUEST_FS_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (4 << 1);
export const GUEST_GS_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (5 << 1);
export const GUEST_LDTR_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (6 << 1);
export const GUEST_TR_SELECTOR: u32 = WIDTH_16 | GUEST_STATE | (7 << 1);
export const GUEST_INTERRUPT_STATUS: u32 = WIDTH_16 | GUEST_STATE | (8 << 1);
export const PML_INDEX: u32 = WIDTH_16 | GUEST_STATE | (9 << 1);
export const GUEST_UINV: u32 = WIDTH_16 | GUEST_STATE | (10 << 1);

// SDM 3D B.1.3: 16-bit host-state fields.
export const HOST_ES_SELECTOR: u32 = WIDTH_16 | HOST_STATE | (0 << 1);
export const HOST_CS_SELECTOR: u32 = WIDTH_16 | HOST_STATE | (1 << 1);
export const HOST_SS_SELECTOR: u32 = WIDTH_16 | HOST_STATE | (2 << 1);
export const HOST_DS_SELECTOR: u32 = WIDTH_16 | HOST_STATE | (3 << 1);
export const HOST_FS_SELECTOR: u32 = WIDTH_16 | HOST_STATE | (4 << 1);
export const HOST_GS_SELECTOR: u32 = WIDTH_16 | HOST_STATE | (5 << 1);
export const HOST_TR_SELECTOR: u32 = WIDTH_16 | HOST_STATE | (6 << 1);

// SDM 3D B.2.1: 64-bit control fields.
export const IO_BITMAP_A_ADDRESS: u32 = WIDTH_64 | CONTROL | (0 << 1);
export const IO_BITMAP_B_ADDRESS: u32 = WIDTH_64 | CONTROL | (1 << 1);
export const MSR_BITMAPS_ADDRESS: u32 = WIDTH_64 | CONTROL | (2 << 1);
export const VM_EXIT_MSR_STORE_ADDRESS: u32 = WIDTH_64 | CONTROL | (3 << 1);
export const VM_EXIT_MSR_LOAD_ADDRESS: u32 = WIDTH_64 | CONTROL | (4 << 1);
export const VM_ENTRY_MSR_LOAD_ADDRESS: u32 = WIDTH_64 | CONTROL | (5 << 1);
export const EXECUTIVE_VMCS_POINTER: u32 = WIDTH_64 | CONTROL | (6 << 1);
export const PML_ADDRESS: u32 = WIDTH_64 | CONTROL | (7 << 1);
export const TSC_OFFSET: u32 = WIDTH_64 | CONTROL | (8 << 1);
export const VIRTUAL_APIC_ADDRESS: u32 = WIDTH_64 | CONTROL | (9 << 1);
export const APIC_ACCESS_ADDRESS: u32 = WIDTH_64 | CONTROL | (10 << 1);
export const POSTED_INTERRUPT_DESCRIPTOR_ADDRESS: u32 = WIDTH_64 | CONTROL | (11 << 1);
export const VM_FUNCTION_CONTROLS: u32 = WIDTH_64 | CONTROL | (12 << 1);
export const EPT_POINTER: u32 = WIDTH_64 | CONTROL | (13 << 1);
export const EOI_EXIT_BITMAP_0: u32 = WIDTH_64 | CONTROL | (14 << 1);
export const EOI_EXIT_BITMAP_1: u32 = WIDTH_64 | CONTROL | (15 << 1);
export const EOI_EXIT_BITMAP_2: u32 = WIDTH_64 | CONTROL | (16 << 1);
export const EOI_EXIT_BITMAP_3: u32 = WIDTH_64 | CONTROL | (17 << 1);
export const EPTP_LIST_ADDRESS: u32 = WIDTH_64 | CONTROL | (18 << 1);
export const VMREAD_BITMAP_ADDRESS: u32 = WIDTH_64 | CONTROL | (19 << 1);
export const VMWRITE_BITMAP_ADDRESS: u32 = WIDTH_64 | CONTROL | (20 << 1);
export const VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS: u32 = WIDTH_64 | CONTROL | (21 << 1);
export const XSS_EXITING_BITMAP: u32 = WIDTH_64 | CONTROL | (22 << 1);
export const ENCLS_EXITING_BITMAP: u32 = WIDTH_64 | CONTROL | (23 << 1);
export const SUB_PAGE_PERMISSION_TABLE_POINTER: u32 = WIDTH_64 | CONTROL | (24 << 1);
export const TSC_MULTIPLIER: u32 = WIDTH_64 | CONTROL | (25 << 1);
export const TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: u32 = WIDTH_64 | CONTROL | (26 << 1);
// With "enable ENCLV exiting": in the appendix B of earlier editions, absent from that of February 2026.
export const ENCLV_EXITING_BITMAP: u32 = WIDTH_64 | CONTROL | (27 << 1);
export const LOW_PASID_DIRECTORY_ADDRESS: u32 = WIDTH_64 | CONTROL | (28 << 1);
export const HIGH_PASID_DIRECTORY_ADDRESS: u32 = WIDTH_64 | CONTROL | (29 << 1);
export const SEAM_SHARED_EPT_POINTER: u32 = WIDTH_64 | CONTROL | (30 << 1);
export const PCONFIG_EXITING_BITMAP: u32 = WIDTH_64 | CONTROL | (31 << 1);
export const HLAT_POINTER: u32 = WIDTH_64 | CONTROL | (32 << 1);
export const PID_POINTER_TABLE_ADDRESS: u32 = WIDTH_64 | CONTROL | (33 << 1);
export const SECONDARY_VM_EXIT_CONTROLS: u32 = WIDTH_64 | CONTROL | (34 << 1);
export const IA32_SPEC_CTRL_MASK: u32 = WIDTH_64 | CONTROL | (37 << 1);
export const IA32_SPEC_CTRL_SHADOW: u32 = WIDTH_64 | CONTROL | (38 << 1);
// As VIRTUAL_TIMER_VECTOR.
export const GUEST_DEADLINE_SHADOW: u32 = WIDTH_64 | CONTROL | (39 << 1);
export const INJECTED_EVENT_DATA: u32 = WIDTH_64 | CONTROL | (41 << 1);

// SDM 3D B.2.2: 64-bit read-only data fields.
export const GUEST_PHYSICAL_ADDRESS: u32 = WIDTH_64 | READ_ONLY_DATA | (0 << 1);
export const MSR_DATA: u32 = WIDTH_64 | READ_ONLY_DATA | (1 << 1);
export const ORIGINAL_EVENT_DATA: u32 = WIDTH_64 | READ_ONLY_DATA | (2 << 1);

// SDM 3D B.2.3: 64-bit guest-state fields.
export const VMCS_LINK_POINTER: u32 = WIDTH_64 | GUEST_STATE | (0 << 1);
export const GUEST_IA32_DEBUGCTL: u32 = WIDTH_64 | GUEST_STATE | (1 << 1);
export const GUEST_IA32_PAT: u32 = WIDTH_64 | GUEST_STATE | (2 << 1);
export const GUEST_IA32_EFER: u32 = WIDTH_64 | GUEST_STATE | (3 << 1);
export const GUEST_IA32_PERF_GLOBAL_CTRL: u32 = WIDTH_64 | GUEST_STATE | (4 << 1);
export const GUEST_PDPTE0: u32 = WIDTH_64 | GUEST_STATE | (5 << 1);
export const GUEST_PDPTE1: u32 = WIDTH_64 | GUEST_STATE | (6 << 1);
export const GUEST_PDPTE2: u32 = WIDTH_64 | GUEST_STATE | (7 << 1);
export const GUEST_PDPTE3: u32 = WIDTH_64 | GUEST_STATE | (8 << 1);
export const GUEST_IA32_BNDCFGS: u32 = WIDTH_64 | GUEST_STATE | (9 << 1);
export const GUEST_IA32_RTIT_CTL: u32 = WIDTH_64 | GUEST_STATE | (10 << 1);
export const GUEST_IA32_LBR_CTL: u32 = WIDTH_64 | GUEST_STATE | (11 << 1);
export const GUEST_IA32_PKRS: u32 = WIDTH_64 | GUEST_STATE | (12 << 1);
export const GUEST_IA32_FRED_CONFIG: u32 = WIDTH_64 | GUEST_STATE | (13 << 1);
export const GUEST_IA32_FRED_RSP1: u32 = WIDTH_64 | GUEST_STATE | (14 << 1);
export const GUEST_IA32_FRED_RSP2: u32 = WIDTH_64 | GUEST_STATE | (15 << 1);
export const GUEST_IA32_FRED_RSP3: u32 = WIDTH_64 | GUEST_STATE | (16 << 1);
export const GUEST_IA32_FRED_STKLVLS: u32 = WIDTH_64 | GUEST_STATE | (17 << 1);
export const GUEST_IA32_FRED_SSP1: u32 = WIDTH_64 | GUEST_STATE | (18 << 1);
export const GUEST_IA32_FRED_SSP2: u32 = WIDTH_64 | GUEST_STATE | (19 << 1);
export const GUEST_IA32_FRED_SSP3: u32 = WIDTH_64 | GUEST_STATE | (20 << 1);
// With "load IA32_SPEC_CTRL": not in the appendix B of February 2026.
export const GUEST_IA32_SPEC_CTRL: u32 = WIDTH_64 | GUEST_STATE | (23 << 1);
// As VIRTUAL_TIMER_VECTOR.
export const GUEST_DEADLINE: u32 = WIDTH_64 | GUEST_STATE | (24 << 1);

// SDM 3D B.2.4: 64-bit host-state fields.
export const HOST_IA32_PAT: u32 = WIDTH_64 | HOST_STATE | (0 << 1);
export const HOST_IA32_EFER: u32 = WIDTH_64 | HOST_STATE | (1 << 1);
export const HOST_IA32_PERF_GLOBAL_CTRL: u32 = WIDTH_64 | HOST_STATE | (2 << 1);
export const HOST_IA32_PKRS: u32 = WIDTH_64 | HOST_STATE | (3 << 1);
export const HOST_IA32_FRED_CONFIG: u32 = WIDTH_64 | HOST_STATE | (4 << 1);
export const HOST_IA32_FRED_RSP1: u32 = WIDTH_64 | HOST_STATE | (5 << 1);
export const HOST_IA32_FRED_RSP2: u32 = WIDTH_64 | HOST_STATE | (6 << 1);
export const HOST_IA32_FRED_RSP3: u32 = WIDTH_64 | HOST_STATE | (7 << 1);
export const HOST_IA32_FRED_STKLVLS: u32 = WIDTH_64 | HOST_STATE | (8 << 1);
export const HOST_IA32_FRED_SSP1: u32 = WIDTH_64 | HOST_STATE | (9 << 1);
export const HOST_IA32_FRED_SSP2: u32 = WIDTH_64 | HOST_STATE | (10 << 1);
export const HOST_IA32_FRED_SSP3: u32 = WIDTH_64 | HOST_STATE | (11 << 1);
// As GUEST_IA32_SPEC_CTRL.
export const HOST_IA32_SPEC_CTRL: u32 = WIDTH_64 | HOST_STATE | (13 << 1);

// SDM 3D B.3.1: 32-bit control fields.
export const PIN_BASED_VM_EXECUTION_CONTROLS: u32 = WIDTH_32 | CONTROL | (0 << 1);
export const PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: u32 = WIDTH_32 | CONTROL | (1 << 1);
export const EXCEPTION_BITMAP: u32 = WIDTH_32 | CONTROL | (2 << 1);
export const PAGE_FAULT_ERROR_CODE_MASK: u32 = WIDTH_32 | CONTROL | (3 << 1);
export const PAGE_FAULT_ERROR_CODE_MATCH: u32 = WIDTH_32 | CONTROL | (4 << 1);
export const CR3_TARGET_COUNT: u32 = WIDTH_32 | CONTROL | (5 << 1);
// "VM-exit controls" before there was a secondary word.
export const PRIMARY_VM_EXIT_CONTROLS: u32 = WIDTH_32 | CONTROL | (6 << 1);
export const VM_EXIT_MSR_STORE_COUNT: u32 = WIDTH_32 | CONTROL | (7 << 1);
export const VM_EXIT_MSR_LOAD_COUNT: u32 = WIDTH_32 | CONTROL | (8 << 1);
export const VM_ENTRY_CONTROLS: u32 = WIDTH_32 | CONTROL | (9 << 1);
export const VM_ENTRY_MSR_LOAD_COUNT: u32 = WIDTH_32 | CONTROL | (10 << 1);
// The manual of 2026 calls this "injected-event identification".
export const VM_ENTRY_INTERRUPTION_INFORMATION: u32 = WIDTH_32 | CONTROL | (11 << 1);
// In 2026 "injected-event error code".
export const VM_ENTRY_EXCEPTION_ERROR_CODE: u32 = WIDTH_32 | CONTROL | (12 << 1);
export const VM_ENTRY_INSTRUCTION_LENGTH: u32 = WIDTH_32 | CONTROL | (13 << 1);
export const TPR_THRESHOLD: u32 = WIDTH_32 | CONTROL | (14 << 1);
export const SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: u32 = WIDTH_32 | CONTROL | (15 << 1);
export const PLE_GAP: u32 = WIDTH_32 | CONTROL | (16 << 1);
export const PLE_WINDOW: u32 = WIDTH_32 | CONTROL | (17 << 1);
export const INSTRUCTION_TIMEOUT_CONTROL: u32 = WIDTH_32 | CONTROL | (18 << 1);
export const SEAM_GUEST_KEYID: u32 = WIDTH_32 | CONTROL | (19 << 1);

// SDM 3D B.3.2: 32-bit read-only data fields.
export const VM_INSTRUCTION_ERROR: u32 = WIDTH_32 | READ_ONLY_DATA | (0 << 1);
export const EXIT_REASON: u32 = WIDTH_32 | READ_ONLY_DATA | (1 << 1);
// In 2026 "exiting-event identification".
export const VM_EXIT_INTERRUPTION_INFORMATION: u32 = WIDTH_32 | READ_ONLY_DATA | (2 << 1);
// In 2026 "exiting-event error code".
export const VM_EXIT_INTERRUPTION_ERROR_CODE: u32 = WIDTH_32 | READ_ONLY_DATA | (3 << 1);
// In 2026 "original-event identification".
export const IDT_VECTORING_INFORMATION: u32 = WIDTH_32 | READ_ONLY_DATA | (4 << 1);
// In 2026 "original-event error code".
export const IDT_VECTORING_ERROR_CODE: u32 = WIDTH_32 | READ_ONLY_DATA | (5 << 1);
export const VM_EXIT_INSTRUCTION_LENGTH: u32 = WIDTH_32 | READ_ONLY_DATA | (6 << 1);
export const VM_EXIT_INSTRUCTION_INFORMATION: u32 = WIDTH_32 | READ_ONLY_DATA | (7 << 1);

// SDM 3D B.3.3: 32-bit guest-state fields.
export const GUEST_ES_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (0 << 1);
export const GUEST_CS_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (1 << 1);
export const GUEST_SS_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (2 << 1);
export const GUEST_DS_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (3 << 1);
export const GUEST_FS_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (4 << 1);
export const GUEST_GS_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (5 << 1);
export const GUEST_LDTR_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (6 << 1);
export const GUEST_TR_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (7 << 1);
export const GUEST_GDTR_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (8 << 1);
export const GUEST_IDTR_LIMIT: u32 = WIDTH_32 | GUEST_STATE | (9 << 1);
export const GUEST_ES_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (10 << 1);
export const GUEST_CS_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (11 << 1);
export const GUEST_SS_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (12 << 1);
export const GUEST_DS_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (13 << 1);
export const GUEST_FS_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (14 << 1);
export const GUEST_GS_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (15 << 1);
export const GUEST_LDTR_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (16 << 1);
export const GUEST_TR_ACCESS_RIGHTS: u32 = WIDTH_32 | GUEST_STATE | (17 << 1);
export const GUEST_INTERRUPTIBILITY_STATE: u32 = WIDTH_32 | GUEST_STATE | (18 << 1);
export const GUEST_ACTIVITY_STATE: u32 = WIDTH_32 | GUEST_STATE | (19 << 1);
export const GUEST_SMBASE: u32 = WIDTH_32 | GUEST_STATE | (20 << 1);
export const GUEST_IA32_SYSENTER_CS: u32 = WIDTH_32 | GUEST_STATE | (21 << 1);
export const VMX_PREEMPTION_TIMER_VALUE: u32 = WIDTH_32 | GUEST_STATE | (23 << 1);

// SDM 3D B.3.4: 32-bit host-state field.
export const HOST_IA32_SYSENTER_CS: u32 = WIDTH_32 | HOST_STATE | (0 << 1);

// SDM 3D B.4.1: natural-width control fields.
export const CR0_GUEST_HOST_MASK: u32 = NATURAL_WIDTH | CONTROL | (0 << 1);
export const CR4_GUEST_HOST_MASK: u32 = NATURAL_WIDTH | CONTROL | (1 << 1);
export const CR0_READ_SHADOW: u32 = NATURAL_WIDTH | CONTROL | (2 << 1);
export const CR4_READ_SHADOW: u32 = NATURAL_WIDTH | CONTROL | (3 << 1);
export const CR3_TARGET_VALUE_0: u32 = NATURAL_WIDTH | CONTROL | (4 << 1);
export const CR3_TARGET_VALUE_1: u32 = NATURAL_WIDTH | CONTROL | (5 << 1);
export const CR3_TARGET_VALUE_2: u32 = NATURAL_WIDTH | CONTROL | (6 << 1);
export const CR3_TARGET_VALUE_3: u32 = NATURAL_WIDTH | CONTROL | (7 << 1);

// SDM 3D B.4.2: natural-width read-only data fields.
export const EXIT_QUALIFICATION: u32 = NATURAL_WIDTH | READ_ONLY_DATA | (0 << 1);
export const IO_RCX: u32 = NATURAL_WIDTH | READ_ONLY_DATA | (1 << 1);
export const IO_RSI: u32 = NATURAL_WIDTH | READ_ONLY_DATA | (2 << 1);
export const IO_RDI: u32 = NATURAL_WIDTH | READ_ONLY_DATA | (3 << 1);
export const IO_RIP: u32 = NATURAL_WIDTH | READ_ONLY_DATA | (4 << 1);
export const GUEST_LINEAR_ADDRESS: u32 = NATURAL_WIDTH | READ_ONLY_DATA | (5 << 1);

// SDM 3D B.4.3: natural-width guest-state fields.
export const GUEST_CR0: u32 = NATURAL_WIDTH | GUEST_STATE | (0 << 1);
export const GUEST_CR3: u32 = NATURAL_WIDTH | GUEST_STATE | (1 << 1);
export const GUEST_CR4: u32 = NATURAL_WIDTH | GUEST_STATE | (2 << 1);
export const GUEST_ES_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (3 << 1);
export const GUEST_CS_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (4 << 1);
export const GUEST_SS_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (5 << 1);
export const GUEST_DS_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (6 << 1);
export const GUEST_FS_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (7 << 1);
export const GUEST_GS_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (8 << 1);
export const GUEST_LDTR_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (9 << 1);
export const GUEST_TR_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (10 << 1);
export const GUEST_GDTR_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (11 << 1);
export const GUEST_IDTR_BASE: u32 = NATURAL_WIDTH | GUEST_STATE | (12 << 1);
export const GUEST_DR7: u32 = NATURAL_WIDTH | GUEST_STATE | (13 << 1);
export const GUEST_RSP: u32 = NATURAL_WIDTH | GUEST_STATE | (14 << 1);
export const GUEST_RIP: u32 = NATURAL_WIDTH | GUEST_STATE | (15 << 1);
export const GUEST_RFLAGS: u32 = NATURAL_WIDTH | GUEST_STATE | (16 << 1);
export const GUEST_PENDING_DEBUG_EXCEPTIONS: u32 = NATURAL_WIDTH | GUEST_STATE | (17 << 1);
export const GUEST_IA32_SYSENTER_ESP: u32 = NATURAL_WIDTH | GUEST_STATE | (18 << 1);
export const GUEST_IA32_SYSENTER_EIP: u32 = NATURAL_WIDTH | GUEST_STATE | (19 << 1);
export const GUEST_IA32_S_CET: u32 = NATURAL_WIDTH | GUEST_STATE | (20 << 1);
export const GUEST_SSP: u32 = NATURAL_WIDTH | GUEST_STATE | (21 << 1);
export const GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR: u32 = NATURAL_WIDTH | GUEST_STATE | (22 << 1);

// SDM 3D B.4.4: natural-width host-state fields.
export const HOST_CR0: u32 = NATURAL_WIDTH | HOST_STATE | (0 << 1);
export const HOST_CR3: u32 = NATURAL_WIDTH | HOST_STATE | (1 << 1);
export const HOST_CR4: u32 = NATURAL_WIDTH | HOST_STATE | (2 << 1);
export const HOST_FS_BASE: u32 = NATURAL_WIDTH | HOST_STATE | (3 << 1);
export const HOST_GS_BASE: u32 = NATURAL_WIDTH | HOST_STATE | (4 << 1);
export const HOST_TR_BASE: u32 = NATURAL_WIDTH | HOST_STATE | (5 << 1);
export const HOST_GDTR_BASE: u32 = NATURAL_WIDTH | HOST_STATE | (6 << 1);
export const HOST_IDTR_BASE: u32 = NATURAL_WIDTH | HOST_STATE | (7 << 1);
export const HOST_IA32_SYSENTER_ESP: u32 = NATURAL_WIDTH | HOST_STATE | (8 << 1);
export const HOST_IA32_SYSENTER_EIP: u32 = NATURAL_WIDTH | HOST_STATE | (9 << 1);
export const HOST_RSP: u32 = NATURAL_WIDTH | HOST_STATE | (10 << 1);
export const HOST_RIP: u32 = NATURAL_WIDTH | HOST_STATE | (11 << 1);
export const HOST_IA32_S_CET: u32 = NATURAL_WIDTH | HOST_STATE | (12 << 1);
export const HOST_SSP: u32 = NATURAL_WIDTH | HOST_STATE | (13 << 1);
export const HOST_IA32_INTERRUPT_SSP_TABLE_ADDR: u32 = NATURAL_WIDTH | HOST_STATE | (14 << 1);
