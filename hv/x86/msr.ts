// Indices of the MSRs that a VMX hypervisor reads, writes or intercepts, and their bits (SDM 4 chapter 2).

// 64-bit bits above 31 are hex literals: Node's tests import this file, where `<<` is 32-bit.

// SDM 4 table 2-2: time, APIC, feature control.
export const IA32_P5_MC_ADDR: u32 = 0x0;
export const IA32_P5_MC_TYPE: u32 = 0x1;
export const IA32_TIME_STAMP_COUNTER: u32 = 0x10;
export const IA32_PLATFORM_ID: u32 = 0x17;
export const IA32_APIC_BASE: u32 = 0x1b;
export const IA32_FEATURE_CONTROL: u32 = 0x3a;
export const IA32_TSC_ADJUST: u32 = 0x3b;
export const IA32_SPEC_CTRL: u32 = 0x48;
export const IA32_PRED_CMD: u32 = 0x49;
export const IA32_BIOS_UPDT_TRIG: u32 = 0x79;
export const IA32_BIOS_SIGN_ID: u32 = 0x8b;
export const IA32_SMM_MONITOR_CTL: u32 = 0x9b;
export const IA32_SMBASE: u32 = 0x9e;
/** Not architectural, and in every Intel processor since Nehalem. */
export const MSR_PLATFORM_INFO: u32 = 0xce;
export const IA32_ARCH_CAPABILITIES: u32 = 0x10a;
export const IA32_FLUSH_CMD: u32 = 0x10b;
export const IA32_SYSENTER_CS: u32 = 0x174;
export const IA32_SYSENTER_ESP: u32 = 0x175;
export const IA32_SYSENTER_EIP: u32 = 0x176;
export const IA32_MCG_CAP: u32 = 0x179;
export const IA32_MCG_STATUS: u32 = 0x17a;
export const IA32_MISC_ENABLE: u32 = 0x1a0;
export const IA32_DEBUGCTL: u32 = 0x1d9;
export const IA32_PERF_CAPABILITIES: u32 = 0x345;
export const IA32_PERF_GLOBAL_CTRL: u32 = 0x38f;
export const IA32_RTIT_CTL: u32 = 0x570;
export const IA32_TSC_DEADLINE: u32 = 0x6e0;
export const IA32_PKRS: u32 = 0x6e1;
/** With SDM 3C: how many bits of physical addresses are SEAM's alone, in bits 39:36. */
export const IA32_TME_ACTIVATE: u32 = 0x982;
export const IA32_BNDCFGS: u32 = 0xd90;
export const IA32_XSS: u32 = 0xda0;
export const IA32_LBR_CTL: u32 = 0x14ce;

// SDM 3C appendix A: the VMX capability MSRs.
export const IA32_VMX_BASIC: u32 = 0x480;
export const IA32_VMX_PINBASED_CTLS: u32 = 0x481;
export const IA32_VMX_PROCBASED_CTLS: u32 = 0x482;
export const IA32_VMX_EXIT_CTLS: u32 = 0x483;
export const IA32_VMX_ENTRY_CTLS: u32 = 0x484;
export const IA32_VMX_MISC: u32 = 0x485;
export const IA32_VMX_CR0_FIXED0: u32 = 0x486;
export const IA32_VMX_CR0_FIXED1: u32 = 0x487;
export const IA32_VMX_CR4_FIXED0: u32 = 0x488;
export const IA32_VMX_CR4_FIXED1: u32 = 0x489;
export const IA32_VMX_VMCS_ENUM: u32 = 0x48a;
export const IA32_VMX_PROCBASED_CTLS2: u32 = 0x48b;
export const IA32_VMX_EPT_VPID_CAP: u32 = 0x48c;
export const IA32_VMX_TRUE_PINBASED_CTLS: u32 = 0x48d;
export const IA32_VMX_TRUE_PROCBASED_CTLS: u32 = 0x48e;
export const IA32_VMX_TRUE_EXIT_CTLS: u32 = 0x48f;
export const IA32_VMX_TRUE_ENTRY_CTLS: u32 = 0x490;
export const IA32_VMX_VMFUNC: u32 = 0x491;
export const IA32_VMX_PROCBASED_CTLS3: u32 = 0x492;
export const IA32_VMX_EXIT_CTLS2: u32 = 0x493;

// SDM 3A 12.11: memory types. Variable-range pair n is at the base index plus 2n.
export const IA32_MTRRCAP: u32 = 0xfe;
export const IA32_MTRR_PHYSBASE0: u32 = 0x200;
export const IA32_MTRR_PHYSMASK0: u32 = 0x201;
export const IA32_MTRR_FIX64K_00000: u32 = 0x250;
export const IA32_MTRR_FIX16K_80000: u32 = 0x258;
export const IA32_MTRR_FIX16K_A0000: u32 = 0x259;
export const IA32_MTRR_FIX4K_C0000: u32 = 0x268;
export const IA32_MTRR_FIX4K_C8000: u32 = 0x269;
export const IA32_MTRR_FIX4K_D0000: u32 = 0x26a;
export const IA32_MTRR_FIX4K_D8000: u32 = 0x26b;
export const IA32_MTRR_FIX4K_E0000: u32 = 0x26c;
export const IA32_MTRR_FIX4K_E8000: u32 = 0x26d;
export const IA32_MTRR_FIX4K_F0000: u32 = 0x26e;
export const IA32_MTRR_FIX4K_F8000: u32 = 0x26f;
export const IA32_PAT: u32 = 0x277;
export const IA32_MTRR_DEF_TYPE: u32 = 0x2ff;

// SDM 1 chapter 17: control-flow enforcement.
export const IA32_U_CET: u32 = 0x6a0;
export const IA32_S_CET: u32 = 0x6a2;
export const IA32_PL0_SSP: u32 = 0x6a4;
export const IA32_PL1_SSP: u32 = 0x6a5;
export const IA32_PL2_SSP: u32 = 0x6a6;
export const IA32_PL3_SSP: u32 = 0x6a7;
export const IA32_INTERRUPT_SSP_TABLE_ADDR: u32 = 0x6a8;

// SDM 3A 11.12: the x2APIC registers are the MSRs from FIRST to LAST.
export const X2APIC_MSR_FIRST: u32 = 0x800;
/** The last of them that is a register: SELF IPI. */
export const X2APIC_MSR_SELF_IPI: u32 = 0x83f;
export const X2APIC_MSR_LAST: u32 = 0x8ff;

// SDM 3A 2.2.1 and SDM 4 table 2-2: 64-bit mode.
export const IA32_EFER: u32 = 0xc0000080;
export const IA32_STAR: u32 = 0xc0000081;
export const IA32_LSTAR: u32 = 0xc0000082;
export const IA32_CSTAR: u32 = 0xc0000083;
export const IA32_FMASK: u32 = 0xc0000084;
export const IA32_FS_BASE: u32 = 0xc0000100;
export const IA32_GS_BASE: u32 = 0xc0000101;
export const IA32_KERNEL_GS_BASE: u32 = 0xc0000102;
export const IA32_TSC_AUX: u32 = 0xc0000103;

// APM 2 15.30: SVM.
// AMD's (APM 2 3.2.8, and the BKDGs).
export const SYSCFG: u32 = 0xc0010010;
export const HWCR: u32 = 0xc0010015;
/** Whether and how the idle processor tells the chipset, as older ones do. */
export const INT_PENDING_MSG: u32 = 0xc0010055;
export const VM_CR: u32 = 0xc0010114;
export const VM_HSAVE_PA: u32 = 0xc0010117;

// APM 2 15.30.1: bits of VM_CR.
/** EFER.SVME cannot be set. */
export const VM_CR_SVMDIS: u64 = 0x10;
/** SVMDIS is locked. */
export const VM_CR_LOCK: u64 = 0x8;

// SDM 3C 24.7: bits of IA32_FEATURE_CONTROL.
export const FEATURE_CONTROL_LOCKED: u64 = 0x1;
export const FEATURE_CONTROL_VMX_INSIDE_SMX: u64 = 0x2;
export const FEATURE_CONTROL_VMX_OUTSIDE_SMX: u64 = 0x4;

// SDM 4 table 2-2: bits of IA32_PRED_CMD and IA32_FLUSH_CMD.
export const PRED_CMD_IBPB: u64 = 0x1;
export const FLUSH_CMD_L1D_FLUSH: u64 = 0x1;

// SDM 3A 11.4.4: bits of IA32_APIC_BASE.
export const APIC_BASE_BSP: u64 = 0x100;
export const APIC_BASE_X2APIC_ENABLE: u64 = 0x400;
export const APIC_BASE_GLOBAL_ENABLE: u64 = 0x800;
export const APIC_BASE_ADDRESS_MASK: u64 = 0x000ffffffffff000;

// SDM 3A 2.2.1: bits of IA32_EFER.
export const EFER_SCE: u64 = 0x1;
export const EFER_LME: u64 = 0x100;
export const EFER_LMA: u64 = 0x400;
export const EFER_NXE: u64 = 0x800;
// APM 2 3.1.7: AMD's own.
export const EFER_SVME: u64 = 0x1000;
export const EFER_LMSLE: u64 = 0x2000;
export const EFER_FFXSR: u64 = 0x4000;
export const EFER_TCE: u64 = 0x8000;
export const EFER_MCOMMIT: u64 = 0x20000;
export const EFER_INTWB: u64 = 0x40000;
export const EFER_UAIE: u64 = 0x100000;
export const EFER_AIBRSE: u64 = 0x200000;

// SDM 3B 18.4.1: bits of IA32_DEBUGCTL.
export const DEBUGCTL_LBR: u64 = 0x1;
export const DEBUGCTL_BTF: u64 = 0x2;

// SDM 3A 12.11.1: bits of IA32_MTRRCAP.
export const MTRRCAP_VCNT_MASK: u64 = 0xff;
export const MTRRCAP_FIX: u64 = 0x100;
export const MTRRCAP_WC: u64 = 0x400;
export const MTRRCAP_SMRR: u64 = 0x800;

// SDM 3A 12.11.2: bits of IA32_MTRR_DEF_TYPE and of the variable-range pairs.
export const MTRR_DEF_TYPE_MASK: u64 = 0xff;
export const MTRR_DEF_TYPE_FIXED_ENABLE: u64 = 0x400;
export const MTRR_DEF_TYPE_ENABLE: u64 = 0x800;
export const MTRR_PHYSBASE_TYPE_MASK: u64 = 0xff;
export const MTRR_PHYSMASK_VALID: u64 = 0x800;

// SDM 4 table 2-2: bits of IA32_SPEC_CTRL.
export const SPEC_CTRL_IBRS: u64 = 0x1;
export const SPEC_CTRL_STIBP: u64 = 0x2;
export const SPEC_CTRL_SSBD: u64 = 0x4;

// SDM 4 table 2-2: bits of IA32_ARCH_CAPABILITIES that say what the processor does by itself, and need no other MSR.
export const ARCH_CAPABILITIES_RDCL_NO: u64 = 0x1;
export const ARCH_CAPABILITIES_IBRS_ALL: u64 = 0x2;
export const ARCH_CAPABILITIES_RSBA: u64 = 0x4;
export const ARCH_CAPABILITIES_SKIP_L1DFL_VMENTRY: u64 = 0x8;
export const ARCH_CAPABILITIES_SSB_NO: u64 = 0x10;
export const ARCH_CAPABILITIES_MDS_NO: u64 = 0x20;
export const ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO: u64 = 0x40;
export const ARCH_CAPABILITIES_TAA_NO: u64 = 0x100;
export const ARCH_CAPABILITIES_SBDR_SSDP_NO: u64 = 0x2000;
export const ARCH_CAPABILITIES_FBSDP_NO: u64 = 0x4000;
export const ARCH_CAPABILITIES_PSDP_NO: u64 = 0x8000;
export const ARCH_CAPABILITIES_FB_CLEAR: u64 = 0x20000;
export const ARCH_CAPABILITIES_RRSBA: u64 = 0x80000;
export const ARCH_CAPABILITIES_BHI_NO: u64 = 0x100000;
export const ARCH_CAPABILITIES_PBRSB_NO: u64 = 0x1000000;
export const ARCH_CAPABILITIES_GDS_NO: u64 = 0x4000000;
export const ARCH_CAPABILITIES_RFDS_NO: u64 = 0x8000000;
export const ARCH_CAPABILITIES_RFDS_CLEAR: u64 = 0x10000000;
/** Those, but for SKIP_L1DFL_VMENTRY: they hold in a guest as they do on the processor. */
export const ARCH_CAPABILITIES_OF_GUESTS: u64 =
  ARCH_CAPABILITIES_RDCL_NO |
  ARCH_CAPABILITIES_IBRS_ALL |
  ARCH_CAPABILITIES_RSBA |
  ARCH_CAPABILITIES_SSB_NO |
  ARCH_CAPABILITIES_MDS_NO |
  ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO |
  ARCH_CAPABILITIES_TAA_NO |
  ARCH_CAPABILITIES_SBDR_SSDP_NO |
  ARCH_CAPABILITIES_FBSDP_NO |
  ARCH_CAPABILITIES_PSDP_NO |
  ARCH_CAPABILITIES_FB_CLEAR |
  ARCH_CAPABILITIES_RRSBA |
  ARCH_CAPABILITIES_BHI_NO |
  ARCH_CAPABILITIES_PBRSB_NO |
  ARCH_CAPABILITIES_GDS_NO |
  ARCH_CAPABILITIES_RFDS_NO |
  ARCH_CAPABILITIES_RFDS_CLEAR;

// KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/msr.rst).
export const MSR_KVM_WALL_CLOCK_NEW: u32 = 0x4b564d00;
export const MSR_KVM_SYSTEM_TIME_NEW: u32 = 0x4b564d01;
