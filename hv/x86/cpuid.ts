// CPUID leaves and the feature bits that a hypervisor checks or edits (SDM 2A, "CPUID").

export const CPUID_LEAF_VENDOR: u32 = 0x0;
export const CPUID_LEAF_FEATURES: u32 = 0x1;
export const CPUID_LEAF_CACHE_DESCRIPTORS: u32 = 0x2;
export const CPUID_LEAF_CACHE_PARAMETERS: u32 = 0x4;
export const CPUID_LEAF_MONITOR_MWAIT: u32 = 0x5;
export const CPUID_LEAF_POWER_MANAGEMENT: u32 = 0x6;
export const CPUID_LEAF_EXTENDED_FEATURES: u32 = 0x7;
export const CPUID_LEAF_PERFORMANCE_MONITORING: u32 = 0xa;
export const CPUID_LEAF_EXTENDED_TOPOLOGY: u32 = 0xb;
export const CPUID_LEAF_XSAVE: u32 = 0xd;
export const CPUID_LEAF_SGX: u32 = 0x12;
export const CPUID_LEAF_PROCESSOR_TRACE: u32 = 0x14;
export const CPUID_LEAF_TIME_STAMP_COUNTER: u32 = 0x15;
export const CPUID_LEAF_PROCESSOR_FREQUENCY: u32 = 0x16;
export const CPUID_LEAF_EXTENDED_TOPOLOGY_V2: u32 = 0x1f;
/** First of the range that the SDM leaves to hypervisors, up to 0x4fffffff. */
export const CPUID_LEAF_HYPERVISOR_VENDOR: u32 = 0x40000000;
export const CPUID_LEAF_HYPERVISOR_LAST: u32 = 0x4fffffff;
/** By the convention of VMware's and KVM's guests: kHz of the TSC in EAX, of the local APIC's timer in EBX. */
export const CPUID_LEAF_HYPERVISOR_FREQUENCIES: u32 = 0x40000010;
/** KVM's interface, for guests that know it: its signature, and its features. */
export const CPUID_LEAF_KVM_SIGNATURE: u32 = 0x40000100;
export const CPUID_LEAF_KVM_FEATURES: u32 = 0x40000101;
export const CPUID_LEAF_EXTENDED_MAXIMUM: u32 = 0x80000000;
export const CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES: u32 = 0x80000001;
export const CPUID_LEAF_BRAND_STRING_FIRST: u32 = 0x80000002;
export const CPUID_LEAF_BRAND_STRING_LAST: u32 = 0x80000004;
export const CPUID_LEAF_L2_CACHE: u32 = 0x80000006;
export const CPUID_LEAF_INVARIANT_TSC: u32 = 0x80000007;
export const CPUID_LEAF_ADDRESS_SIZES: u32 = 0x80000008;
export const CPUID_LEAF_SVM: u32 = 0x8000000a;

// Leaf 0: the vendor's twelve letters are in EBX, EDX, ECX, in this order.
/** "GenuineIntel". */
export const VENDOR_INTEL_EBX: u32 = 0x756e6547;
export const VENDOR_INTEL_EDX: u32 = 0x49656e69;
export const VENDOR_INTEL_ECX: u32 = 0x6c65746e;
/** "AuthenticAMD" (AMD64 volume 3, appendix E). */
export const VENDOR_AMD_EBX: u32 = 0x68747541;
export const VENDOR_AMD_EDX: u32 = 0x69746e65;
export const VENDOR_AMD_ECX: u32 = 0x444d4163;

// Leaf 1, EBX.
export const CPUID_1_EBX_CLFLUSH_SIZE_SHIFT: u32 = 8;
export const CPUID_1_EBX_CLFLUSH_SIZE_MASK: u32 = 0xff;
export const CPUID_1_EBX_LOGICAL_PROCESSORS_SHIFT: u32 = 16;
export const CPUID_1_EBX_LOGICAL_PROCESSORS_MASK: u32 = 0xff;
export const CPUID_1_EBX_INITIAL_APIC_ID_SHIFT: u32 = 24;

// Leaf 1, ECX.
export const CPUID_1_ECX_SSE3: u32 = 1 << 0;
export const CPUID_1_ECX_PCLMULQDQ: u32 = 1 << 1;
export const CPUID_1_ECX_DTES64: u32 = 1 << 2;
export const CPUID_1_ECX_MONITOR: u32 = 1 << 3;
export const CPUID_1_ECX_DS_CPL: u32 = 1 << 4;
export const CPUID_1_ECX_VMX: u32 = 1 << 5;
export const CPUID_1_ECX_SMX: u32 = 1 << 6;
export const CPUID_1_ECX_EIST: u32 = 1 << 7;
export const CPUID_1_ECX_TM2: u32 = 1 << 8;
export const CPUID_1_ECX_SSSE3: u32 = 1 << 9;
export const CPUID_1_ECX_CNXT_ID: u32 = 1 << 10;
export const CPUID_1_ECX_SDBG: u32 = 1 << 11;
export const CPUID_1_ECX_FMA: u32 = 1 << 12;
export const CPUID_1_ECX_CMPXCHG16B: u32 = 1 << 13;
export const CPUID_1_ECX_XTPR: u32 = 1 << 14;
export const CPUID_1_ECX_PDCM: u32 = 1 << 15;
export const CPUID_1_ECX_PCID: u32 = 1 << 17;
export const CPUID_1_ECX_DCA: u32 = 1 << 18;
export const CPUID_1_ECX_SSE4_1: u32 = 1 << 19;
export const CPUID_1_ECX_SSE4_2: u32 = 1 << 20;
export const CPUID_1_ECX_X2APIC: u32 = 1 << 21;
export const CPUID_1_ECX_MOVBE: u32 = 1 << 22;
export const CPUID_1_ECX_POPCNT: u32 = 1 << 23;
export const CPUID_1_ECX_TSC_DEADLINE: u32 = 1 << 24;
export const CPUID_1_ECX_AESNI: u32 = 1 << 25;
export const CPUID_1_ECX_XSAVE: u32 = 1 << 26;
export const CPUID_1_ECX_OSXSAVE: u32 = 1 << 27;
export const CPUID_1_ECX_AVX: u32 = 1 << 28;
export const CPUID_1_ECX_F16C: u32 = 1 << 29;
export const CPUID_1_ECX_RDRAND: u32 = 1 << 30;
/** Reads 0 on hardware; software that sees 1 runs under a hypervisor. */
export const CPUID_1_ECX_HYPERVISOR: u32 = 0x80000000;

// Leaf 1, EDX.
export const CPUID_1_EDX_FPU: u32 = 1 << 0;
export const CPUID_1_EDX_VME: u32 = 1 << 1;
export const CPUID_1_EDX_DE: u32 = 1 << 2;
export const CPUID_1_EDX_PSE: u32 = 1 << 3;
export const CPUID_1_EDX_TSC: u32 = 1 << 4;
export const CPUID_1_EDX_MSR: u32 = 1 << 5;
export const CPUID_1_EDX_PAE: u32 = 1 << 6;
export const CPUID_1_EDX_MCE: u32 = 1 << 7;
export const CPUID_1_EDX_CX8: u32 = 1 << 8;
export const CPUID_1_EDX_APIC: u32 = 1 << 9;
export const CPUID_1_EDX_SEP: u32 = 1 << 11;
export const CPUID_1_EDX_MTRR: u32 = 1 << 12;
export const CPUID_1_EDX_PGE: u32 = 1 << 13;
export const CPUID_1_EDX_MCA: u32 = 1 << 14;
export const CPUID_1_EDX_CMOV: u32 = 1 << 15;
export const CPUID_1_EDX_PAT: u32 = 1 << 16;
export const CPUID_1_EDX_PSE36: u32 = 1 << 17;
export const CPUID_1_EDX_PSN: u32 = 1 << 18;
export const CPUID_1_EDX_CLFSH: u32 = 1 << 19;
export const CPUID_1_EDX_DS: u32 = 1 << 21;
export const CPUID_1_EDX_ACPI: u32 = 1 << 22;
export const CPUID_1_EDX_MMX: u32 = 1 << 23;
export const CPUID_1_EDX_FXSR: u32 = 1 << 24;
export const CPUID_1_EDX_SSE: u32 = 1 << 25;
export const CPUID_1_EDX_SSE2: u32 = 1 << 26;
export const CPUID_1_EDX_SS: u32 = 1 << 27;
export const CPUID_1_EDX_HTT: u32 = 1 << 28;
export const CPUID_1_EDX_TM: u32 = 1 << 29;
export const CPUID_1_EDX_PBE: u32 = 0x80000000;

// Leaf 7, sub-leaf 0.
export const CPUID_7_EBX_FSGSBASE: u32 = 1 << 0;
export const CPUID_7_EBX_TSC_ADJUST: u32 = 1 << 1;
export const CPUID_7_EBX_SGX: u32 = 1 << 2;
export const CPUID_7_EBX_BMI1: u32 = 1 << 3;
export const CPUID_7_EBX_HLE: u32 = 1 << 4;
export const CPUID_7_EBX_AVX2: u32 = 1 << 5;
export const CPUID_7_EBX_FDP_EXCPTN_ONLY: u32 = 1 << 6;
export const CPUID_7_EBX_SMEP: u32 = 1 << 7;
export const CPUID_7_EBX_BMI2: u32 = 1 << 8;
export const CPUID_7_EBX_ERMS: u32 = 1 << 9;
export const CPUID_7_EBX_INVPCID: u32 = 1 << 10;
export const CPUID_7_EBX_RTM: u32 = 1 << 11;
export const CPUID_7_EBX_RDT_M: u32 = 1 << 12;
export const CPUID_7_EBX_FCS_FDS_DEPRECATED: u32 = 1 << 13;
export const CPUID_7_EBX_MPX: u32 = 1 << 14;
export const CPUID_7_EBX_RDT_A: u32 = 1 << 15;
export const CPUID_7_EBX_AVX512F: u32 = 1 << 16;
export const CPUID_7_EBX_AVX512DQ: u32 = 1 << 17;
export const CPUID_7_EBX_RDSEED: u32 = 1 << 18;
export const CPUID_7_EBX_ADX: u32 = 1 << 19;
export const CPUID_7_EBX_SMAP: u32 = 1 << 20;
export const CPUID_7_EBX_AVX512_IFMA: u32 = 1 << 21;
export const CPUID_7_EBX_CLFLUSHOPT: u32 = 1 << 23;
export const CPUID_7_EBX_CLWB: u32 = 1 << 24;
export const CPUID_7_EBX_PROCESSOR_TRACE: u32 = 1 << 25;
export const CPUID_7_EBX_AVX512PF: u32 = 1 << 26;
export const CPUID_7_EBX_AVX512ER: u32 = 1 << 27;
export const CPUID_7_EBX_AVX512CD: u32 = 1 << 28;
export const CPUID_7_EBX_SHA: u32 = 1 << 29;
export const CPUID_7_EBX_AVX512BW: u32 = 1 << 30;
export const CPUID_7_EBX_AVX512VL: u32 = 0x80000000;
export const CPUID_7_ECX_PREFETCHWT1: u32 = 1 << 0;
export const CPUID_7_ECX_AVX512_VBMI: u32 = 1 << 1;
export const CPUID_7_ECX_UMIP: u32 = 1 << 2;
export const CPUID_7_ECX_PKU: u32 = 1 << 3;
export const CPUID_7_ECX_OSPKE: u32 = 1 << 4;
export const CPUID_7_ECX_WAITPKG: u32 = 1 << 5;
export const CPUID_7_ECX_AVX512_VBMI2: u32 = 1 << 6;
export const CPUID_7_ECX_CET_SS: u32 = 1 << 7;
export const CPUID_7_ECX_GFNI: u32 = 1 << 8;
export const CPUID_7_ECX_VAES: u32 = 1 << 9;
export const CPUID_7_ECX_VPCLMULQDQ: u32 = 1 << 10;
export const CPUID_7_ECX_AVX512_VNNI: u32 = 1 << 11;
export const CPUID_7_ECX_AVX512_BITALG: u32 = 1 << 12;
export const CPUID_7_ECX_TME: u32 = 1 << 13;
export const CPUID_7_ECX_AVX512_VPOPCNTDQ: u32 = 1 << 14;
export const CPUID_7_ECX_LA57: u32 = 1 << 16;
export const CPUID_7_ECX_RDPID: u32 = 1 << 22;
export const CPUID_7_ECX_KL: u32 = 1 << 23;
export const CPUID_7_ECX_BUS_LOCK_DETECT: u32 = 1 << 24;
export const CPUID_7_ECX_CLDEMOTE: u32 = 1 << 25;
export const CPUID_7_ECX_MOVDIRI: u32 = 1 << 27;
export const CPUID_7_ECX_MOVDIR64B: u32 = 1 << 28;
export const CPUID_7_ECX_ENQCMD: u32 = 1 << 29;
export const CPUID_7_ECX_SGX_LC: u32 = 1 << 30;
export const CPUID_7_ECX_PKS: u32 = 0x80000000;
export const CPUID_7_EDX_AVX512_4VNNIW: u32 = 1 << 2;
export const CPUID_7_EDX_AVX512_4FMAPS: u32 = 1 << 3;
export const CPUID_7_EDX_FSRM: u32 = 1 << 4;
export const CPUID_7_EDX_UINTR: u32 = 1 << 5;
export const CPUID_7_EDX_AVX512_VP2INTERSECT: u32 = 1 << 8;
export const CPUID_7_EDX_MD_CLEAR: u32 = 1 << 10;
export const CPUID_7_EDX_SERIALIZE: u32 = 1 << 14;
export const CPUID_7_EDX_HYBRID: u32 = 1 << 15;
export const CPUID_7_EDX_PCONFIG: u32 = 1 << 18;
export const CPUID_7_EDX_ARCHITECTURAL_LBR: u32 = 1 << 19;
export const CPUID_7_EDX_CET_IBT: u32 = 1 << 20;
export const CPUID_7_EDX_AMX_BF16: u32 = 1 << 22;
export const CPUID_7_EDX_AVX512_FP16: u32 = 1 << 23;
export const CPUID_7_EDX_AMX_TILE: u32 = 1 << 24;
export const CPUID_7_EDX_AMX_INT8: u32 = 1 << 25;
export const CPUID_7_EDX_IBRS_AND_IBPB: u32 = 1 << 26;
export const CPUID_7_EDX_STIBP: u32 = 1 << 27;
export const CPUID_7_EDX_L1D_FLUSH: u32 = 1 << 28;
export const CPUID_7_EDX_ARCH_CAPABILITIES: u32 = 1 << 29;
export const CPUID_7_EDX_CORE_CAPABILITIES: u32 = 1 << 30;
export const CPUID_7_EDX_SSBD: u32 = 0x80000000;

// Leaf 7, sub-leaf 1.
export const CPUID_7_1_EAX_SHA512: u32 = 1 << 0;
export const CPUID_7_1_EAX_SM3: u32 = 1 << 1;
export const CPUID_7_1_EAX_SM4: u32 = 1 << 2;
export const CPUID_7_1_EAX_AVX_VNNI: u32 = 1 << 4;
export const CPUID_7_1_EAX_AVX512_BF16: u32 = 1 << 5;
export const CPUID_7_1_EAX_LASS: u32 = 1 << 6;
export const CPUID_7_1_EAX_CMPCCXADD: u32 = 1 << 7;
export const CPUID_7_1_EAX_FZLRM: u32 = 1 << 10;
export const CPUID_7_1_EAX_FSRS: u32 = 1 << 11;
export const CPUID_7_1_EAX_FSRCS: u32 = 1 << 12;
export const CPUID_7_1_EAX_FRED: u32 = 1 << 17;
export const CPUID_7_1_EAX_LKGS: u32 = 1 << 18;
export const CPUID_7_1_EAX_WRMSRNS: u32 = 1 << 19;
export const CPUID_7_1_EAX_AVX_IFMA: u32 = 1 << 23;
export const CPUID_7_1_EAX_LAM: u32 = 1 << 26;
export const CPUID_7_1_EAX_MSRLIST: u32 = 1 << 27;
export const CPUID_7_1_EDX_AVX_VNNI_INT8: u32 = 1 << 4;
export const CPUID_7_1_EDX_AVX_NE_CONVERT: u32 = 1 << 5;
export const CPUID_7_1_EDX_AVX_VNNI_INT16: u32 = 1 << 10;
export const CPUID_7_1_EDX_PREFETCHI: u32 = 1 << 14;
export const CPUID_7_1_EDX_AVX10: u32 = 1 << 19;

// Leaf 7, sub-leaf 2.
export const CPUID_7_2_EDX_MCDT_NO: u32 = 1 << 5;

// Leaf 0xD, sub-leaf 1.
export const CPUID_D_1_EAX_XSAVEOPT: u32 = 1 << 0;
export const CPUID_D_1_EAX_XSAVEC: u32 = 1 << 1;
export const CPUID_D_1_EAX_XGETBV_1: u32 = 1 << 2;
export const CPUID_D_1_EAX_XSAVES: u32 = 1 << 3;

// Leaf 0x80000001.
export const CPUID_EXTENDED_ECX_LAHF: u32 = 1 << 0;
/** AMD64: Secure Virtual Machine. */
export const CPUID_EXTENDED_ECX_SVM: u32 = 1 << 2;
export const CPUID_EXTENDED_ECX_LZCNT: u32 = 1 << 5;
export const CPUID_EXTENDED_ECX_PREFETCHW: u32 = 1 << 8;
/** AMD64: EFER.TCE. */
export const CPUID_EXTENDED_ECX_TCE: u32 = 1 << 17;
/** Intel: 1 in 64-bit mode only. */
export const CPUID_EXTENDED_EDX_SYSCALL: u32 = 1 << 11;
export const CPUID_EXTENDED_EDX_NX: u32 = 1 << 20;
/** AMD64: EFER.FFXSR. */
export const CPUID_EXTENDED_EDX_FFXSR: u32 = 1 << 25;
export const CPUID_EXTENDED_EDX_1_GIB_PAGES: u32 = 1 << 26;
export const CPUID_EXTENDED_EDX_RDTSCP: u32 = 1 << 27;
/** Intel 64 architecture, "long mode". */
export const CPUID_EXTENDED_EDX_LM: u32 = 1 << 29;

// Leaf 0x80000007.
export const CPUID_INVARIANT_TSC_EDX: u32 = 1 << 8;

// Leaf 0x80000008, EAX: MAXPHYADDR and the linear-address width, in bits.
export const CPUID_ADDRESS_SIZES_PHYSICAL_MASK: u32 = 0xff;
export const CPUID_ADDRESS_SIZES_LINEAR_SHIFT: u32 = 8;
export const CPUID_ADDRESS_SIZES_LINEAR_MASK: u32 = 0xff;

// Leaf 0x80000008, EBX (APM 3, "CPUID Fn8000_0008").
export const CPUID_80000008_EBX_MCOMMIT: u32 = 1 << 8;
/** EFER.INTWB: WBINVD and WBNOINVD can be interrupted. */
export const CPUID_80000008_EBX_INTWB: u32 = 1 << 13;
/** EFER.LMSLE does not exist. */
export const CPUID_80000008_EBX_NO_LMSLE: u32 = 1 << 20;

// Leaf 0x80000021, EAX (APM 3, "CPUID Fn8000_0021").
export const CPUID_80000021_EAX_UAI: u32 = 1 << 7;
export const CPUID_80000021_EAX_AUTOMATIC_IBRS: u32 = 1 << 8;

// Leaf 0x8000000A (APM 3, "CPUID Fn8000_000A"); EBX is the number of ASIDs.
export const CPUID_SVM_EDX_NESTED_PAGING: u32 = 1 << 0;
export const CPUID_SVM_EDX_LBR_VIRTUALIZATION: u32 = 1 << 1;
/** VM_CR can be locked with a key. */
export const CPUID_SVM_EDX_LOCK: u32 = 1 << 2;
export const CPUID_SVM_EDX_NEXT_RIP: u32 = 1 << 3;
export const CPUID_SVM_EDX_TSC_RATIO: u32 = 1 << 4;
export const CPUID_SVM_EDX_VMCB_CLEAN: u32 = 1 << 5;
export const CPUID_SVM_EDX_FLUSH_BY_ASID: u32 = 1 << 6;
export const CPUID_SVM_EDX_DECODE_ASSISTS: u32 = 1 << 7;
export const CPUID_SVM_EDX_PAUSE_FILTER: u32 = 1 << 10;
export const CPUID_SVM_EDX_AVIC: u32 = 1 << 13;
export const CPUID_SVM_EDX_VIRTUAL_NMI: u32 = 1 << 25;
/** ECX: with x2AVIC the physical table may have 4096 entries. */
export const CPUID_SVM_ECX_X2AVIC_EXTENDED: u32 = 1 << 6;
