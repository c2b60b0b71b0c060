// The virtual machine control block: where each field lies in its page, and the bits of those that have bits (APM volume 2,
// appendix B, and 15.5 to 15.21). Offsets are in bytes from the start of the page.

// The control area (APM 2 table B-1).
/** 32 bits each: reads of CR0 to CR15 in the low half and writes in the high one; the same of DR0 to DR15; exceptions. */
export const VMCB_INTERCEPT_CR: u32 = 0x000;
export const VMCB_INTERCEPT_DR: u32 = 0x004;
export const VMCB_INTERCEPT_EXCEPTIONS: u32 = 0x008;
export const VMCB_INTERCEPT_MISC1: u32 = 0x00c;
export const VMCB_INTERCEPT_MISC2: u32 = 0x010;
export const VMCB_INTERCEPT_MISC3: u32 = 0x014;
/** 16 bits each. */
export const VMCB_PAUSE_FILTER_THRESHOLD: u32 = 0x03c;
export const VMCB_PAUSE_FILTER_COUNT: u32 = 0x03e;
export const VMCB_IOPM_BASE_PA: u32 = 0x040;
export const VMCB_MSRPM_BASE_PA: u32 = 0x048;
export const VMCB_TSC_OFFSET: u32 = 0x050;
/** 32 bits. */
export const VMCB_GUEST_ASID: u32 = 0x058;
/** 8 bits, one of TLB_CONTROL_*. */
export const VMCB_TLB_CONTROL: u32 = 0x05c;
/** 64 bits of VINTR_*. */
export const VMCB_VINTR: u32 = 0x060;
/** 64 bits of INTERRUPT_STATE_*. */
export const VMCB_INTERRUPT_STATE: u32 = 0x068;
export const VMCB_EXITCODE: u32 = 0x070;
export const VMCB_EXITINFO1: u32 = 0x078;
export const VMCB_EXITINFO2: u32 = 0x080;
/** An event whose delivery the exit interrupted, in EVENTINJ's form. */
export const VMCB_EXITINTINFO: u32 = 0x088;
/** 64 bits: NESTED_* in bits 0 to 6. */
export const VMCB_NESTED_CONTROL: u32 = 0x090;
export const VMCB_AVIC_APIC_BAR: u32 = 0x098;
export const VMCB_GHCB: u32 = 0x0a0;
/** EVENT_* of hv/x86/exceptions.ts's INTERRUPTION_*, with the error code in bits 63:32. */
export const VMCB_EVENTINJ: u32 = 0x0a8;
export const VMCB_N_CR3: u32 = 0x0b0;
/** Bit 0: the branch records and DBGCTL are switched; bit 1: VMSAVE and VMLOAD are virtual. */
export const VMCB_LBR_CONTROL: u32 = 0x0b8;
/** 32 bits of CLEAN_*. */
export const VMCB_CLEAN: u32 = 0x0c0;
/** The next instruction's RIP, where the CPU has NRIP save. */
export const VMCB_NRIP: u32 = 0x0c8;
/** 8 bits: how many of the 15 bytes behind it are the instruction's, where the CPU has decode assists. */
export const VMCB_BYTES_FETCHED: u32 = 0x0d0;
export const VMCB_INSTRUCTION_BYTES: u32 = 0x0d1;
export const VMCB_AVIC_BACKING_PAGE: u32 = 0x0e0;
export const VMCB_AVIC_LOGICAL_TABLE: u32 = 0x0f0;
/** Bits 11:0 are the index of the table's last entry. */
export const VMCB_AVIC_PHYSICAL_TABLE: u32 = 0x0f8;
export const VMCB_VMSA: u32 = 0x108;

// The state save area (APM 2 table B-2). A segment register has 16 bytes: selector, attributes, limit, base.
export const VMCB_SAVE_AREA: u32 = 0x400;
export const VMCB_ES: u32 = 0x400;
export const VMCB_CS: u32 = 0x410;
export const VMCB_SS: u32 = 0x420;
export const VMCB_DS: u32 = 0x430;
export const VMCB_FS: u32 = 0x440;
export const VMCB_GS: u32 = 0x450;
export const VMCB_GDTR: u32 = 0x460;
export const VMCB_LDTR: u32 = 0x470;
export const VMCB_IDTR: u32 = 0x480;
export const VMCB_TR: u32 = 0x490;
export const VMCB_SEGMENT_SELECTOR: u32 = 0;
export const VMCB_SEGMENT_ATTRIBUTES: u32 = 2;
export const VMCB_SEGMENT_LIMIT: u32 = 4;
export const VMCB_SEGMENT_BASE: u32 = 8;
/** 8 bits. */
export const VMCB_CPL: u32 = 0x4cb;
export const VMCB_EFER: u32 = 0x4d0;
export const VMCB_CR4: u32 = 0x548;
export const VMCB_CR3: u32 = 0x550;
export const VMCB_CR0: u32 = 0x558;
export const VMCB_DR7: u32 = 0x560;
export const VMCB_DR6: u32 = 0x568;
export const VMCB_RFLAGS: u32 = 0x570;
export const VMCB_RIP: u32 = 0x578;
export const VMCB_RSP: u32 = 0x5d8;
export const VMCB_S_CET: u32 = 0x5e0;
export const VMCB_SSP: u32 = 0x5e8;
export const VMCB_ISST_ADDR: u32 = 0x5f0;
export const VMCB_RAX: u32 = 0x5f8;
export const VMCB_STAR: u32 = 0x600;
export const VMCB_LSTAR: u32 = 0x608;
export const VMCB_CSTAR: u32 = 0x610;
export const VMCB_SFMASK: u32 = 0x618;
export const VMCB_KERNEL_GS_BASE: u32 = 0x620;
export const VMCB_SYSENTER_CS: u32 = 0x628;
export const VMCB_SYSENTER_ESP: u32 = 0x630;
export const VMCB_SYSENTER_EIP: u32 = 0x638;
export const VMCB_CR2: u32 = 0x640;
/** The guest's PAT, with nested paging. */
export const VMCB_G_PAT: u32 = 0x668;
export const VMCB_DBGCTL: u32 = 0x670;
export const VMCB_BR_FROM: u32 = 0x678;
export const VMCB_BR_TO: u32 = 0x680;
export const VMCB_LAST_EXCEPTION_FROM: u32 = 0x688;
export const VMCB_LAST_EXCEPTION_TO: u32 = 0x690;

// VMCB_INTERCEPT_CR: the read and the write of a control register.
export const INTERCEPT_CR4_READ: u32 = 1 << 4;
export const INTERCEPT_CR4_WRITE: u32 = 1 << 20;
export const INTERCEPT_CR8_READ: u32 = 1 << 8;
export const INTERCEPT_CR8_WRITE: u32 = 1 << 24;

// VMCB_INTERCEPT_MISC1.
export const INTERCEPT_INTR: u32 = 1 << 0;
export const INTERCEPT_NMI: u32 = 1 << 1;
export const INTERCEPT_SMI: u32 = 1 << 2;
export const INTERCEPT_INIT: u32 = 1 << 3;
export const INTERCEPT_VINTR: u32 = 1 << 4;
export const INTERCEPT_CR0_SELECTIVE_WRITE: u32 = 1 << 5;
export const INTERCEPT_IDTR_READ: u32 = 1 << 6;
export const INTERCEPT_GDTR_READ: u32 = 1 << 7;
export const INTERCEPT_LDTR_READ: u32 = 1 << 8;
export const INTERCEPT_TR_READ: u32 = 1 << 9;
export const INTERCEPT_IDTR_WRITE: u32 = 1 << 10;
export const INTERCEPT_GDTR_WRITE: u32 = 1 << 11;
export const INTERCEPT_LDTR_WRITE: u32 = 1 << 12;
export const INTERCEPT_TR_WRITE: u32 = 1 << 13;
export const INTERCEPT_RDTSC: u32 = 1 << 14;
export const INTERCEPT_RDPMC: u32 = 1 << 15;
export const INTERCEPT_PUSHF: u32 = 1 << 16;
export const INTERCEPT_POPF: u32 = 1 << 17;
export const INTERCEPT_CPUID: u32 = 1 << 18;
export const INTERCEPT_RSM: u32 = 1 << 19;
export const INTERCEPT_IRET: u32 = 1 << 20;
export const INTERCEPT_SOFTWARE_INTERRUPT: u32 = 1 << 21;
export const INTERCEPT_INVD: u32 = 1 << 22;
export const INTERCEPT_PAUSE: u32 = 1 << 23;
export const INTERCEPT_HLT: u32 = 1 << 24;
export const INTERCEPT_INVLPG: u32 = 1 << 25;
export const INTERCEPT_INVLPGA: u32 = 1 << 26;
export const INTERCEPT_IOIO: u32 = 1 << 27;
export const INTERCEPT_MSR: u32 = 1 << 28;
export const INTERCEPT_TASK_SWITCH: u32 = 1 << 29;
export const INTERCEPT_FERR_FREEZE: u32 = 1 << 30;
export const INTERCEPT_SHUTDOWN: u32 = 0x80000000;

// VMCB_INTERCEPT_MISC2.
export const INTERCEPT_VMRUN: u32 = 1 << 0;
export const INTERCEPT_VMMCALL: u32 = 1 << 1;
export const INTERCEPT_VMLOAD: u32 = 1 << 2;
export const INTERCEPT_VMSAVE: u32 = 1 << 3;
export const INTERCEPT_STGI: u32 = 1 << 4;
export const INTERCEPT_CLGI: u32 = 1 << 5;
export const INTERCEPT_SKINIT: u32 = 1 << 6;
export const INTERCEPT_RDTSCP: u32 = 1 << 7;
export const INTERCEPT_ICEBP: u32 = 1 << 8;
export const INTERCEPT_WBINVD: u32 = 1 << 9;
export const INTERCEPT_MONITOR: u32 = 1 << 10;
export const INTERCEPT_MWAIT: u32 = 1 << 11;
export const INTERCEPT_MWAIT_ARMED: u32 = 1 << 12;
export const INTERCEPT_XSETBV: u32 = 1 << 13;
export const INTERCEPT_RDPRU: u32 = 1 << 14;
export const INTERCEPT_EFER_WRITE_TRAP: u32 = 1 << 15;

// VMCB_INTERCEPT_MISC3.
export const INTERCEPT_INVLPGB: u32 = 1 << 0;
export const INTERCEPT_INVLPGB_ILLEGAL: u32 = 1 << 1;
export const INTERCEPT_INVPCID: u32 = 1 << 2;
export const INTERCEPT_MCOMMIT: u32 = 1 << 3;
export const INTERCEPT_TLBSYNC: u32 = 1 << 4;

// VMCB_TLB_CONTROL (APM 2 15.16.1).
export const TLB_CONTROL_NOTHING: u32 = 0;
/** Every translation of every ASID. */
export const TLB_CONTROL_FLUSH_ALL: u32 = 1;
/** This ASID's; with FlushByAsid only. */
export const TLB_CONTROL_FLUSH_ASID: u32 = 3;
export const TLB_CONTROL_FLUSH_ASID_NON_GLOBAL: u32 = 7;

// VMCB_VINTR (APM 2 15.21).
export const VINTR_TPR_MASK: u64 = 0xff;
export const VINTR_IRQ: u64 = 1 << 8;
export const VINTR_GIF: u64 = 1 << 9;
export const VINTR_NMI: u64 = 1 << 11;
export const VINTR_NMI_MASK: u64 = 1 << 12;
export const VINTR_PRIORITY_SHIFT: u64 = 16;
export const VINTR_IGNORE_TPR: u64 = 1 << 20;
export const VINTR_MASKING: u64 = 1 << 24;
export const VINTR_GIF_ENABLE: u64 = 1 << 25;
export const VINTR_NMI_ENABLE: u64 = 1 << 26;
export const VINTR_X2AVIC_ENABLE: u64 = 1 << 30;
export const VINTR_AVIC_ENABLE: u64 = 0x80000000;
export const VINTR_VECTOR_SHIFT: u64 = 32;

// VMCB_INTERRUPT_STATE.
/** The guest is in the shadow of STI or MOV SS. */
export const INTERRUPT_STATE_SHADOW: u64 = 1 << 0;
/** With V_INTR_MASKING: RFLAGS.IF of the guest. */
export const INTERRUPT_STATE_GUEST_IF: u64 = 1 << 1;

/** VMCB_NESTED_CONTROL: nested paging is on. */
export const NESTED_PAGING_ENABLE: u64 = 1 << 0;

// VMCB_CLEAN (APM 2 15.15.3): what was not changed in the VMCB since the last exit.
export const CLEAN_INTERCEPTS: u32 = 1 << 0;
export const CLEAN_PERMISSION_MAPS: u32 = 1 << 1;
export const CLEAN_ASID: u32 = 1 << 2;
export const CLEAN_TPR: u32 = 1 << 3;
export const CLEAN_NESTED_PAGING: u32 = 1 << 4;
export const CLEAN_CONTROL_REGISTERS: u32 = 1 << 5;
export const CLEAN_DEBUG_REGISTERS: u32 = 1 << 6;
export const CLEAN_DESCRIPTOR_TABLES: u32 = 1 << 7;
export const CLEAN_SEGMENTS: u32 = 1 << 8;
export const CLEAN_CR2: u32 = 1 << 9;
export const CLEAN_BRANCH_RECORDS: u32 = 1 << 10;
export const CLEAN_AVIC: u32 = 1 << 11;
export const CLEAN_ALL: u32 = 0xfff;

// EVENTINJ and EXITINTINFO are laid out as the VMX event, whose bits are in hv/x86/exceptions.ts; bits 63:32 are the error code.
export const EVENT_ERROR_CODE_SHIFT: u64 = 32;

// EXITINFO1 of an exit by IN or OUT (APM 2 15.10.2).
export const IOIO_IS_IN: u64 = 1 << 0;
export const IOIO_IS_STRING: u64 = 1 << 2;
export const IOIO_IS_REPEATED: u64 = 1 << 3;
/** Bits 6:4 are one hot: 8, 16 and 32 bits. */
export const IOIO_SIZE_SHIFT: u64 = 4;
export const IOIO_SIZE_MASK: u64 = 7;
/** Bits 9:7, one hot: the address size of INS and OUTS. */
export const IOIO_ADDRESS_SIZE_SHIFT: u64 = 7;
/** Bits 12:10: the segment register of OUTS. */
export const IOIO_SEGMENT_SHIFT: u64 = 10;
export const IOIO_PORT_SHIFT: u64 = 16;

/** EXITINFO1 of an exit by RDMSR or WRMSR: 1 is WRMSR. */
export const MSR_IS_WRITE: u64 = 1;

// EXITINFO1 of a nested page fault: a page fault's error code (hv/x86/exceptions.ts), and where in the walk (APM 2 15.25.6).
export const NPF_OF_TRANSLATION: u64 = 0x100000000;
export const NPF_OF_GUEST_TABLE: u64 = 0x200000000;

/** With decode assists: EXITINFO1 of MOV to or from a control register names the general-purpose register in bits 3:0. */
export const CR_ACCESS_IS_MOV: u64 = 0x8000000000000000;
export const CR_ACCESS_REGISTER_MASK: u64 = 0xf;

// EXITINFO2 of a task switch (APM 2 15.14.1); its low 32 bits are the error code that the new task's stack gets.
export const TASK_SWITCH_BY_IRET: u64 = 0x1000000000;
export const TASK_SWITCH_BY_FAR_JUMP: u64 = 0x4000000000;
export const TASK_SWITCH_HAS_ERROR_CODE: u64 = 0x100000000000;
