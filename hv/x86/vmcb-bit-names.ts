// The names of the bits of VMCB fields that have formats of their own, by bit; "" is a reserved bit (APM volume 2, appendix B).

/** EFER as AMD has it (APM 2 3.1.7). */
// prettier-ignore
export const VMCB_EFER_BIT_NAMES: StaticArray<string> = [
  "SCE", "", "", "", "", "", "", "", "LME", "", "LMA", "NXE", "SVME", "LMSLE", "FFXSR", "TCE",
  "", "MCOMMIT", "INTWB", "", "UAIE", "AIBRSE",
];

/** VMCB_INTERCEPT_MISC1. */
// prettier-ignore
export const INTERCEPTS_1_BIT_NAMES: StaticArray<string> = [
  "INTR", "NMI", "SMI", "INIT", "VINTR", "selective CR0 writes", "IDTR reads", "GDTR reads", "LDTR reads", "TR reads",
  "IDTR writes", "GDTR writes", "LDTR writes", "TR writes", "RDTSC", "RDPMC", "PUSHF", "POPF", "CPUID", "RSM", "IRET",
  "INTn", "INVD", "PAUSE", "HLT", "INVLPG", "INVLPGA", "IOIO_PROT", "MSR_PROT", "task switches", "FERR_FREEZE",
  "shutdown",
];

/** VMCB_INTERCEPT_MISC2. */
// prettier-ignore
export const INTERCEPTS_2_BIT_NAMES: StaticArray<string> = [
  "VMRUN", "VMMCALL", "VMLOAD", "VMSAVE", "STGI", "CLGI", "SKINIT", "RDTSCP", "ICEBP", "WBINVD", "MONITOR", "MWAIT",
  "armed MWAIT", "XSETBV", "RDPRU", "EFER write trap",
];

/** VMCB_VINTR (APM 2 15.21, 15.29, 15.33). */
// prettier-ignore
export const VINTR_BIT_NAMES: StaticArray<string> = [
  "V_TPR", "V_TPR", "V_TPR", "V_TPR", "V_TPR", "V_TPR", "V_TPR", "V_TPR", "V_IRQ", "VGIF", "", "V_NMI", "V_NMI_MASK",
  "", "", "", "V_INTR_PRIO", "V_INTR_PRIO", "V_INTR_PRIO", "V_INTR_PRIO", "V_IGN_TPR", "", "", "", "V_INTR_MASKING",
  "VGIF enable", "V_NMI_ENABLE", "", "", "", "x2AVIC enable", "AVIC enable",
];

/** VMCB_NESTED_CONTROL. */
export const NESTED_CONTROL_BIT_NAMES: StaticArray<string> = ["NP_ENABLE", "SEV", "SEV-ES"];

/** EVENTINJ and EXITINTINFO (APM 2 15.20). */
// prettier-ignore
export const EVENT_BIT_NAMES: StaticArray<string> = [
  "vector", "vector", "vector", "vector", "vector", "vector", "vector", "vector", "type", "type", "type", "EV",
];

/** Attributes of a segment (APM 2 15.5.1). */
// prettier-ignore
export const ATTRIBUTE_BIT_NAMES: StaticArray<string> = [
  "type", "type", "type", "type", "S", "DPL", "DPL", "P", "AVL", "L", "D/B", "G",
];
