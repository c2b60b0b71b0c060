// The exit codes of #VMEXIT (APM volume 2, appendix C): their numbers, and their names there without "VMEXIT_".

/** Codes below this have a row of their own in Basalt's counters; so do those from SVM_EXIT_NPF on. */
export const SVM_EXIT_LOW_CODES: u32 = 0xa7;

// CR0 to CR15 and DR0 to DR15 have a code each for reads and for writes, exceptions one a vector.
export const SVM_EXIT_CR_READ: u32 = 0x00;
export const SVM_EXIT_CR_WRITE: u32 = 0x10;
export const SVM_EXIT_DR_READ: u32 = 0x20;
export const SVM_EXIT_DR_WRITE: u32 = 0x30;
export const SVM_EXIT_EXCEPTION: u32 = 0x40;
export const SVM_EXIT_INTR: u32 = 0x60;
export const SVM_EXIT_NMI: u32 = 0x61;
export const SVM_EXIT_SMI: u32 = 0x62;
export const SVM_EXIT_INIT: u32 = 0x63;
export const SVM_EXIT_VINTR: u32 = 0x64;
export const SVM_EXIT_CR0_SELECTIVE_WRITE: u32 = 0x65;
export const SVM_EXIT_IDTR_READ: u32 = 0x66;
export const SVM_EXIT_GDTR_READ: u32 = 0x67;
export const SVM_EXIT_LDTR_READ: u32 = 0x68;
export const SVM_EXIT_TR_READ: u32 = 0x69;
export const SVM_EXIT_IDTR_WRITE: u32 = 0x6a;
export const SVM_EXIT_GDTR_WRITE: u32 = 0x6b;
export const SVM_EXIT_LDTR_WRITE: u32 = 0x6c;
export const SVM_EXIT_TR_WRITE: u32 = 0x6d;
export const SVM_EXIT_RDTSC: u32 = 0x6e;
export const SVM_EXIT_RDPMC: u32 = 0x6f;
export const SVM_EXIT_PUSHF: u32 = 0x70;
export const SVM_EXIT_POPF: u32 = 0x71;
export const SVM_EXIT_CPUID: u32 = 0x72;
export const SVM_EXIT_RSM: u32 = 0x73;
export const SVM_EXIT_IRET: u32 = 0x74;
export const SVM_EXIT_SOFTWARE_INTERRUPT: u32 = 0x75;
export const SVM_EXIT_INVD: u32 = 0x76;
export const SVM_EXIT_PAUSE: u32 = 0x77;
export const SVM_EXIT_HLT: u32 = 0x78;
export const SVM_EXIT_INVLPG: u32 = 0x79;
export const SVM_EXIT_INVLPGA: u32 = 0x7a;
export const SVM_EXIT_IOIO: u32 = 0x7b;
export const SVM_EXIT_MSR: u32 = 0x7c;
export const SVM_EXIT_TASK_SWITCH: u32 = 0x7d;
export const SVM_EXIT_FERR_FREEZE: u32 = 0x7e;
export const SVM_EXIT_SHUTDOWN: u32 = 0x7f;
export const SVM_EXIT_VMRUN: u32 = 0x80;
export const SVM_EXIT_VMMCALL: u32 = 0x81;
export const SVM_EXIT_VMLOAD: u32 = 0x82;
export const SVM_EXIT_VMSAVE: u32 = 0x83;
export const SVM_EXIT_STGI: u32 = 0x84;
export const SVM_EXIT_CLGI: u32 = 0x85;
export const SVM_EXIT_SKINIT: u32 = 0x86;
export const SVM_EXIT_RDTSCP: u32 = 0x87;
export const SVM_EXIT_ICEBP: u32 = 0x88;
export const SVM_EXIT_WBINVD: u32 = 0x89;
export const SVM_EXIT_MONITOR: u32 = 0x8a;
export const SVM_EXIT_MWAIT: u32 = 0x8b;
export const SVM_EXIT_MWAIT_ARMED: u32 = 0x8c;
export const SVM_EXIT_XSETBV: u32 = 0x8d;
export const SVM_EXIT_RDPRU: u32 = 0x8e;
export const SVM_EXIT_EFER_WRITE_TRAP: u32 = 0x8f;
export const SVM_EXIT_CR_WRITE_TRAP: u32 = 0x90;
export const SVM_EXIT_INVLPGB: u32 = 0xa0;
export const SVM_EXIT_INVLPGB_ILLEGAL: u32 = 0xa1;
export const SVM_EXIT_INVPCID: u32 = 0xa2;
export const SVM_EXIT_MCOMMIT: u32 = 0xa3;
export const SVM_EXIT_TLBSYNC: u32 = 0xa4;
export const SVM_EXIT_BUSLOCK: u32 = 0xa5;
export const SVM_EXIT_IDLE_HLT: u32 = 0xa6;
export const SVM_EXIT_NPF: u32 = 0x400;
export const SVM_EXIT_AVIC_INCOMPLETE_IPI: u32 = 0x401;
export const SVM_EXIT_AVIC_NO_ACCELERATION: u32 = 0x402;
export const SVM_EXIT_VMGEXIT: u32 = 0x403;
/** -1; emulators leave its upper half 0 (measured: QEMU 7.2), so that only the low half is to be compared. */
export const SVM_EXIT_INVALID: u32 = 0xffffffff;

const SINGLE_FIRST: u32 = SVM_EXIT_INTR;

/** Of the codes from SVM_EXIT_INTR to SVM_EXIT_EFER_WRITE_TRAP. */
// prettier-ignore
const SINGLE_NAMES: StaticArray<string> = [
  "INTR", "NMI", "SMI", "INIT", "VINTR", "CR0_SEL_WRITE", "IDTR_READ", "GDTR_READ", "LDTR_READ", "TR_READ",
  "IDTR_WRITE", "GDTR_WRITE", "LDTR_WRITE", "TR_WRITE", "RDTSC", "RDPMC", "PUSHF", "POPF", "CPUID", "RSM", "IRET",
  "SWINT", "INVD", "PAUSE", "HLT", "INVLPG", "INVLPGA", "IOIO", "MSR", "TASK_SWITCH", "FERR_FREEZE", "SHUTDOWN",
  "VMRUN", "VMMCALL", "VMLOAD", "VMSAVE", "STGI", "CLGI", "SKINIT", "RDTSCP", "ICEBP", "WBINVD", "MONITOR", "MWAIT",
  "MWAIT_CONDITIONAL", "XSETBV", "RDPRU", "EFER_WRITE_TRAP",
];
const INVLPGB_NAMES: StaticArray<string> = [
  "INVLPGB",
  "INVLPGB_ILLEGAL",
  "INVPCID",
  "MCOMMIT",
  "TLBSYNC",
  "BUSLOCK",
  "IDLE_HLT",
];
const HIGH_NAMES: StaticArray<string> = ["NPF", "AVIC_INCOMPLETE_IPI", "AVIC_NOACCEL", "VMGEXIT"];

/** The name of an exit code, "not defined" for one that is none. */
export function svmExitName(code: u32): string {
  if (code < SVM_EXIT_CR_WRITE) return "CR" + code.toString() + "_READ";
  if (code < SVM_EXIT_DR_READ) return "CR" + (code - SVM_EXIT_CR_WRITE).toString() + "_WRITE";
  if (code < SVM_EXIT_DR_WRITE) return "DR" + (code - SVM_EXIT_DR_READ).toString() + "_READ";
  if (code < SVM_EXIT_EXCEPTION) return "DR" + (code - SVM_EXIT_DR_WRITE).toString() + "_WRITE";
  if (code < SVM_EXIT_INTR) return "EXCP" + (code - SVM_EXIT_EXCEPTION).toString();
  if (code < SVM_EXIT_CR_WRITE_TRAP) return SINGLE_NAMES[code - SINGLE_FIRST];
  if (code < SVM_EXIT_INVLPGB) return "CR" + (code - SVM_EXIT_CR_WRITE_TRAP).toString() + "_WRITE_TRAP";
  if (code < SVM_EXIT_LOW_CODES) return INVLPGB_NAMES[code - SVM_EXIT_INVLPGB];
  if (code >= SVM_EXIT_NPF && code <= SVM_EXIT_VMGEXIT) return HIGH_NAMES[code - SVM_EXIT_NPF];
  return code == SVM_EXIT_INVALID ? "INVALID" : "not defined";
}
