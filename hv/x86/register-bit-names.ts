// The names of the bits of registers and MSRs, by bit; "" is a reserved bit (SDM 1, 3A, 3B and 4, as cited).

/** CR0 (SDM 3A 2.5). */
export const CR0_BIT_NAMES: StaticArray<string> = [
  "PE",
  "MP",
  "EM",
  "TS",
  "ET",
  "NE",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "WP",
  "",
  "AM",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "NW",
  "CD",
  "PG",
];

/** Bits 3 and up of CR3 (SDM 3A 2.5). */
export const CR3_LOW_BIT_NAMES: StaticArray<string> = ["PWT", "PCD"];
export const CR3_LOW_FIRST_BIT: i32 = 3;
/** Bits 61 and up of CR3: linear-address masking (SDM 3A 4.4). */
export const CR3_HIGH_BIT_NAMES: StaticArray<string> = ["LAM_U57", "LAM_U48"];
export const CR3_HIGH_FIRST_BIT: i32 = 61;

/** CR4 (SDM 3A 2.5). */
export const CR4_BIT_NAMES: StaticArray<string> = [
  "VME",
  "PVI",
  "TSD",
  "DE",
  "PSE",
  "PAE",
  "MCE",
  "PGE",
  "PCE",
  "OSFXSR",
  "OSXMMEXCPT",
  "UMIP",
  "LA57",
  "VMXE",
  "SMXE",
  "",
  "FSGSBASE",
  "PCIDE",
  "OSXSAVE",
  "KL",
  "SMEP",
  "SMAP",
  "PKE",
  "CET",
  "PKS",
  "UINTR",
  "",
  "LASS",
  "LAM_SUP",
  "",
  "",
  "",
  "FRED",
];

/** RFLAGS (SDM 1 3.4.3). */
export const RFLAGS_BIT_NAMES: StaticArray<string> = [
  "CF",
  "always 1",
  "PF",
  "",
  "AF",
  "",
  "ZF",
  "SF",
  "TF",
  "IF",
  "DF",
  "OF",
  "IOPL",
  "IOPL",
  "NT",
  "",
  "RF",
  "VM",
  "AC",
  "VIF",
  "VIP",
  "ID",
];

/** DR7 (SDM 3B 18.2.4). */
export const DR7_BIT_NAMES: StaticArray<string> = [
  "L0",
  "G0",
  "L1",
  "G1",
  "L2",
  "G2",
  "L3",
  "G3",
  "LE",
  "GE",
  "always 1",
  "RTM",
  "",
  "GD",
  "",
  "",
  "R/W0",
  "R/W0",
  "LEN0",
  "LEN0",
  "R/W1",
  "R/W1",
  "LEN1",
  "LEN1",
  "R/W2",
  "R/W2",
  "LEN2",
  "LEN2",
  "R/W3",
  "R/W3",
  "LEN3",
  "LEN3",
];

/** IA32_EFER (SDM 3A 2.2.1). */
export const EFER_BIT_NAMES: StaticArray<string> = ["SCE", "", "", "", "", "", "", "", "LME", "", "LMA", "NXE"];

/** IA32_FEATURE_CONTROL (SDM 4 table 2-2). */
export const FEATURE_CONTROL_BIT_NAMES: StaticArray<string> = ["locked", "VMX inside SMX", "VMX outside SMX"];

/** IA32_DEBUGCTL (SDM 3B 18.4.1). */
export const DEBUGCTL_BIT_NAMES: StaticArray<string> = [
  "LBR",
  "BTF",
  "bus-lock detect",
  "",
  "",
  "",
  "TR",
  "BTS",
  "BTINT",
  "BTS_OFF_OS",
  "BTS_OFF_USR",
  "FREEZE_LBRS_ON_PMI",
  "FREEZE_PERFMON_ON_PMI",
  "ENABLE_UNCORE_PMI",
  "FREEZE_WHILE_SMM",
  "RTM",
];

/** Bits 0 and up of IA32_PERF_GLOBAL_CTRL (SDM 3B 20.2.2). */
export const PERF_GLOBAL_CTRL_LOW_BIT_NAMES: StaticArray<string> = [
  "PMC0",
  "PMC1",
  "PMC2",
  "PMC3",
  "PMC4",
  "PMC5",
  "PMC6",
  "PMC7",
];
/** Bits 32 and up of IA32_PERF_GLOBAL_CTRL. */
export const PERF_GLOBAL_CTRL_HIGH_BIT_NAMES: StaticArray<string> = [
  "FIXED_CTR0",
  "FIXED_CTR1",
  "FIXED_CTR2",
  "FIXED_CTR3",
];
export const PERF_GLOBAL_CTRL_HIGH_FIRST_BIT: i32 = 32;

/** IA32_S_CET (SDM 1 17.2.4). */
export const S_CET_BIT_NAMES: StaticArray<string> = [
  "SH_STK_EN",
  "WR_SHSTK_EN",
  "ENDBR_EN",
  "LEG_IW_EN",
  "NO_TRACK_EN",
  "SUPPRESS_DIS",
  "",
  "",
  "",
  "",
  "SUPPRESS",
  "TRACKER",
];

/** IA32_BNDCFGS (SDM 1 appendix E). */
export const BNDCFGS_BIT_NAMES: StaticArray<string> = ["EN", "BNDPRESERVE"];

/** IA32_SPEC_CTRL (SDM 4 table 2-2). */
export const SPEC_CTRL_BIT_NAMES: StaticArray<string> = [
  "IBRS",
  "STIBP",
  "SSBD",
  "IPRED_DIS_U",
  "IPRED_DIS_S",
  "RRSBA_DIS_U",
  "RRSBA_DIS_S",
  "PSFD",
  "DDPD_U",
  "",
  "BHI_DIS_S",
];

/** Bits 0 to 31 of IA32_RTIT_CTL (SDM 3C 33.2.8.2). */
export const RTIT_CTL_LOW_BIT_NAMES: StaticArray<string> = [
  "TraceEn",
  "CYCEn",
  "OS",
  "User",
  "PwrEvtEn",
  "FUPonPTW",
  "FabricEn",
  "CR3Filter",
  "ToPA",
  "MTCEn",
  "TSCEn",
  "DisRETC",
  "PTWEn",
  "BranchEn",
  "MTCFreq",
  "MTCFreq",
  "MTCFreq",
  "MTCFreq",
  "",
  "CycThresh",
  "CycThresh",
  "CycThresh",
  "CycThresh",
  "",
  "PSBFreq",
  "PSBFreq",
  "PSBFreq",
  "PSBFreq",
  "",
  "",
  "",
  "EventEn",
];
/** Bits 32 and up of IA32_RTIT_CTL. */
export const RTIT_CTL_HIGH_BIT_NAMES: StaticArray<string> = [
  "ADDR0_CFG",
  "ADDR0_CFG",
  "ADDR0_CFG",
  "ADDR0_CFG",
  "ADDR1_CFG",
  "ADDR1_CFG",
  "ADDR1_CFG",
  "ADDR1_CFG",
  "ADDR2_CFG",
  "ADDR2_CFG",
  "ADDR2_CFG",
  "ADDR2_CFG",
  "ADDR3_CFG",
  "ADDR3_CFG",
  "ADDR3_CFG",
  "ADDR3_CFG",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "DisTNT",
  "InjectPsbPmiOnEnable",
];
export const RTIT_CTL_HIGH_FIRST_BIT: i32 = 32;
