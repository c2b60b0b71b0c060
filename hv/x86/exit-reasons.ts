// The basic exit reasons and the flag bits of the exit-reason field (SDM 3D appendix C, SDM 3C 25.9.1).

// 35, 38, 42, 71, 82 and 83 are not assigned.
export const EXIT_REASON_EXCEPTION_OR_NMI: u32 = 0;
export const EXIT_REASON_EXTERNAL_INTERRUPT: u32 = 1;
export const EXIT_REASON_TRIPLE_FAULT: u32 = 2;
export const EXIT_REASON_INIT_SIGNAL: u32 = 3;
export const EXIT_REASON_STARTUP_IPI: u32 = 4;
export const EXIT_REASON_IO_SMI: u32 = 5;
export const EXIT_REASON_OTHER_SMI: u32 = 6;
export const EXIT_REASON_INTERRUPT_WINDOW: u32 = 7;
export const EXIT_REASON_NMI_WINDOW: u32 = 8;
export const EXIT_REASON_TASK_SWITCH: u32 = 9;
export const EXIT_REASON_CPUID: u32 = 10;
export const EXIT_REASON_GETSEC: u32 = 11;
export const EXIT_REASON_HLT: u32 = 12;
export const EXIT_REASON_INVD: u32 = 13;
export const EXIT_REASON_INVLPG: u32 = 14;
export const EXIT_REASON_RDPMC: u32 = 15;
export const EXIT_REASON_RDTSC: u32 = 16;
export const EXIT_REASON_RSM: u32 = 17;
export const EXIT_REASON_VMCALL: u32 = 18;
export const EXIT_REASON_VMCLEAR: u32 = 19;
export const EXIT_REASON_VMLAUNCH: u32 = 20;
export const EXIT_REASON_VMPTRLD: u32 = 21;
export const EXIT_REASON_VMPTRST: u32 = 22;
export const EXIT_REASON_VMREAD: u32 = 23;
export const EXIT_REASON_VMRESUME: u32 = 24;
export const EXIT_REASON_VMWRITE: u32 = 25;
export const EXIT_REASON_VMXOFF: u32 = 26;
export const EXIT_REASON_VMXON: u32 = 27;
export const EXIT_REASON_CONTROL_REGISTER_ACCESS: u32 = 28;
export const EXIT_REASON_MOV_DR: u32 = 29;
export const EXIT_REASON_IO_INSTRUCTION: u32 = 30;
export const EXIT_REASON_RDMSR: u32 = 31;
export const EXIT_REASON_WRMSR: u32 = 32;
export const EXIT_REASON_INVALID_GUEST_STATE: u32 = 33;
export const EXIT_REASON_MSR_LOADING: u32 = 34;
export const EXIT_REASON_MWAIT: u32 = 36;
export const EXIT_REASON_MONITOR_TRAP_FLAG: u32 = 37;
export const EXIT_REASON_MONITOR: u32 = 39;
export const EXIT_REASON_PAUSE: u32 = 40;
export const EXIT_REASON_MACHINE_CHECK_DURING_ENTRY: u32 = 41;
export const EXIT_REASON_TPR_BELOW_THRESHOLD: u32 = 43;
export const EXIT_REASON_APIC_ACCESS: u32 = 44;
export const EXIT_REASON_VIRTUALIZED_EOI: u32 = 45;
export const EXIT_REASON_GDTR_OR_IDTR_ACCESS: u32 = 46;
export const EXIT_REASON_LDTR_OR_TR_ACCESS: u32 = 47;
export const EXIT_REASON_EPT_VIOLATION: u32 = 48;
export const EXIT_REASON_EPT_MISCONFIGURATION: u32 = 49;
export const EXIT_REASON_INVEPT: u32 = 50;
export const EXIT_REASON_RDTSCP: u32 = 51;
export const EXIT_REASON_VMX_PREEMPTION_TIMER_EXPIRED: u32 = 52;
export const EXIT_REASON_INVVPID: u32 = 53;
export const EXIT_REASON_WBINVD: u32 = 54;
export const EXIT_REASON_XSETBV: u32 = 55;
export const EXIT_REASON_APIC_WRITE: u32 = 56;
export const EXIT_REASON_RDRAND: u32 = 57;
export const EXIT_REASON_INVPCID: u32 = 58;
export const EXIT_REASON_VMFUNC: u32 = 59;
export const EXIT_REASON_ENCLS: u32 = 60;
export const EXIT_REASON_RDSEED: u32 = 61;
export const EXIT_REASON_PAGE_MODIFICATION_LOG_FULL: u32 = 62;
export const EXIT_REASON_XSAVES: u32 = 63;
export const EXIT_REASON_XRSTORS: u32 = 64;
export const EXIT_REASON_PCONFIG: u32 = 65;
export const EXIT_REASON_SPP_RELATED_EVENT: u32 = 66;
export const EXIT_REASON_UMWAIT: u32 = 67;
export const EXIT_REASON_TPAUSE: u32 = 68;
export const EXIT_REASON_LOADIWKEY: u32 = 69;
export const EXIT_REASON_ENCLV: u32 = 70;
export const EXIT_REASON_ENQCMD_PASID_TRANSLATION_FAILURE: u32 = 72;
export const EXIT_REASON_ENQCMDS_PASID_TRANSLATION_FAILURE: u32 = 73;
export const EXIT_REASON_BUS_LOCK: u32 = 74;
export const EXIT_REASON_INSTRUCTION_TIMEOUT: u32 = 75;
export const EXIT_REASON_SEAMCALL: u32 = 76;
export const EXIT_REASON_TDCALL: u32 = 77;
export const EXIT_REASON_RDMSRLIST: u32 = 78;
export const EXIT_REASON_WRMSRLIST: u32 = 79;
export const EXIT_REASON_URDMSR: u32 = 80;
export const EXIT_REASON_UWRMSR: u32 = 81;
export const EXIT_REASON_RDMSR_IMMEDIATE: u32 = 84;
export const EXIT_REASON_WRMSRNS_IMMEDIATE: u32 = 85;

/** Number of rows in EXIT_REASON_NAMES: one more than the highest basic exit reason. */
export const EXIT_REASON_COUNT: u32 = 86;

// SDM 3C 25.9.1, format of the exit reason.
/** Bits 15:0 hold the basic exit reason. */
export const EXIT_REASON_BASIC_MASK: u32 = 0xffff;
/** The exit caused a shadow stack to become prematurely busy. */
export const EXIT_REASON_SHADOW_STACK_BUSY: u32 = 0x02000000;
/** A bus lock was asserted while VMM bus-lock detection was on. */
export const EXIT_REASON_BUS_LOCK_ASSERTED: u32 = 0x04000000;
/** The exit was incident to enclave mode. */
export const EXIT_REASON_ENCLAVE_MODE: u32 = 0x08000000;
/** An MTF VM exit is pending. */
export const EXIT_REASON_PENDING_MTF: u32 = 0x10000000;
/** The exit came from VMX root operation: only an SMM VM exit. */
export const EXIT_REASON_FROM_VMX_ROOT: u32 = 0x20000000;
/** VM entry failed; no guest instruction ran. */
export const EXIT_REASON_ENTRY_FAILURE: u32 = 0x80000000;

/** Names by basic exit reason; "" where the number is not assigned. */
export const EXIT_REASON_NAMES: StaticArray<string> = [
  "Exception or non-maskable interrupt (NMI)",
  "External interrupt",
  "Triple fault",
  "INIT signal",
  "Start-up IPI (SIPI)",
  "I/O system-management interrupt (SMI)",
  "Other SMI",
  "Interrupt window",
  "NMI window",
  "Task switch",
  "CPUID",
  "GETSEC",
  "HLT",
  "INVD",
  "INVLPG",
  "RDPMC",
  "RDTSC",
  "RSM",
  "VMCALL",
  "VMCLEAR",
  "VMLAUNCH",
  "VMPTRLD",
  "VMPTRST",
  "VMREAD",
  "VMRESUME",
  "VMWRITE",
  "VMXOFF",
  "VMXON",
  "Control-register access",
  "MOV DR",
  "I/O instruction",
  "RDMSR",
  "WRMSR",
  "VM-entry failure due to invalid guest state",
  "VM-entry failure due to MSR loading",
  "",
  "MWAIT",
  "Monitor trap flag",
  "",
  "MONITOR",
  "PAUSE",
  "VM-entry failure due to machine-check event",
  "",
  "TPR below threshold",
  "APIC access",
  "Virtualized EOI",
  "Access to GDTR or IDTR",
  "Access to LDTR or TR",
  "EPT violation",
  "EPT misconfiguration",
  "INVEPT",
  "RDTSCP",
  "VMX-preemption timer expired",
  "INVVPID",
  "WBINVD or WBNOINVD",
  "XSETBV",
  "APIC write",
  "RDRAND",
  "INVPCID",
  "VMFUNC",
  "ENCLS",
  "RDSEED",
  "Page-modification log full",
  "XSAVES",
  "XRSTORS",
  "PCONFIG",
  "SPP-related event",
  "UMWAIT",
  "TPAUSE",
  "LOADIWKEY",
  "ENCLV",
  "",
  "ENQCMD PASID translation failure",
  "ENQCMDS PASID translation failure",
  "Bus lock",
  "Instruction timeout",
  "SEAMCALL",
  "TDCALL",
  "RDMSRLIST",
  "WRMSRLIST",
  "URDMSR",
  "UWRMSR",
  "",
  "",
  "RDMSR with immediate operand",
  "WRMSRNS with immediate operand",
];

/**
 * Returns the SDM's name of a basic exit reason: bits 15:0 of the exit-reason field, flag bits masked off.
 * A number that appendix C does not assign is "unknown exit reason".
 */
export function exitReasonName(basic: u32): string {
  const name = basic < EXIT_REASON_COUNT ? EXIT_REASON_NAMES[basic] : "";
  return name.length > 0 ? name : "unknown exit reason";
}
