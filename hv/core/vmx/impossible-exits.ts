// Why the exit reasons without a handler cannot come, with the controls that Basalt sets (SDM 3C 26.1 and 28.2).

const NOT_ENABLED: string = "the control that makes it exit is off";
const ENTRY_FAILURE: string = "it comes as a failed VM entry only, with bit 31";
const SMM: string = "it comes from system-management mode or its monitor, which Basalt has not set up";
const NO_APIC_VIRTUALIZATION: string = "no APIC is virtualized by the processor";
const NOT_DEFINED: string = "the SDM does not define this reason";
const NEWER: string = "the control that makes it exit is of a newer processor, and is off";

/** Indexed by the basic exit reason; empty where dispatch.ts has a handler. */
// prettier-ignore
export const WHY_IMPOSSIBLE: StaticArray<string> = [
  /* 0 */ "", "", "",
  /* 3 INIT */ "Basalt runs on one processor, and nothing that it knows of sends INIT",
  /* 4 SIPI */ "no guest is put into the wait-for-SIPI state",
  /* 5 I/O SMI, 6 other SMI */ SMM, SMM,
  /* 7 */ "", "", "", "",
  /* 11 GETSEC */ "",
  /* 12 */ "", "",
  /* 14 INVLPG */ NOT_ENABLED,
  /* 15 */ "", "",
  /* 17 RSM */ SMM,
  /* 18 */ "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
  /* 33, 34 */ ENTRY_FAILURE, ENTRY_FAILURE,
  /* 35 */ NOT_DEFINED,
  /* 36, 37 */ "", "",
  /* 38 */ NOT_DEFINED,
  /* 39 */ "", "",
  /* 41 */ ENTRY_FAILURE,
  /* 42 */ NOT_DEFINED,
  /* 43 TPR to 45 EOI */ NO_APIC_VIRTUALIZATION, NO_APIC_VIRTUALIZATION, NO_APIC_VIRTUALIZATION,
  /* 46 GDTR or IDTR, 47 LDTR or TR */ NOT_ENABLED, NOT_ENABLED,
  /* 48 */ "", "", "", "",
  /* 52 preemption timer */ "",
  /* 53 */ "", "", "",
  /* 56 */ NO_APIC_VIRTUALIZATION,
  /* 57 RDRAND */ NOT_ENABLED,
  /* 58 INVPCID */ "it follows INVLPG exiting, which is off",
  /* 59 VMFUNC */ "VM functions are off: it is #UD",
  /* 60 */ "",
  /* 61 RDSEED, 62 PML */ NOT_ENABLED, NOT_ENABLED,
  /* 63 XSAVES, 64 XRSTORS */ NOT_ENABLED, NOT_ENABLED,
  /* 65 PCONFIG, 66 SPP */ NOT_ENABLED, NOT_ENABLED,
  /* 67 UMWAIT, 68 TPAUSE */ "RDTSC exiting and user wait are off: they are #UD",
  "RDTSC exiting and user wait are off: they are #UD",
  /* 69 LOADIWKEY */ NOT_ENABLED,
  /* 70 */ "",
  /* 71 */ NOT_DEFINED,
  /* 72 to 75 */ NEWER, NEWER, NEWER, NEWER,
  /* 76 SEAMCALL, 77 TDCALL */ "they are #UD outside SEAM",
  "they are #UD outside SEAM",
  /* 78 RDMSRLIST to 81 UWRMSR */ NEWER, NEWER, NEWER, NEWER,
  /* 82, 83 */ NOT_DEFINED, NOT_DEFINED,
  /* 84, 85 */ NEWER, NEWER,
];
