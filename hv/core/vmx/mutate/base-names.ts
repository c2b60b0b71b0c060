// The bases of guest=mutate by number and name; bases.ts makes them.

export const BASE_64_BIT: u32 = 0;
export const BASE_RESTRICTED: u32 = 1;
export const BASE_32_BIT: u32 = 2;
export const BASE_PAE: u32 = 3;
export const BASE_PAE_IN_MEMORY: u32 = 4;
export const BASE_VIRTUAL_8086: u32 = 5;
export const BASE_REAL: u32 = 6;
export const BASE_FEATURES: u32 = 7;
export const BASE_X2APIC: u32 = 8;
export const BASE_TPR: u32 = 9;
export const BASE_MSR_AREAS: u32 = 10;
export const BASE_LINKED: u32 = 11;
export const BASE_SHADOW: u32 = 12;
export const BASE_INTERRUPT: u32 = 13;
export const BASE_NMI: u32 = 14;
export const BASE_EXCEPTION: u32 = 15;
export const BASE_ERROR_CODE: u32 = 16;
export const BASE_SOFTWARE: u32 = 17;
export const BASE_TRAP_FLAG: u32 = 18;
export const BASE_REAL_EVENT: u32 = 19;
export const BASE_HALTED: u32 = 20;
export const BASE_SHUTDOWN: u32 = 21;
export const BASE_BLOCKED: u32 = 22;
export const BASE_STEPPING: u32 = 23;

export const BASE_NAMES: StaticArray<string> = [
  "64-bit",
  "restricted",
  "32-bit",
  "pae",
  "pae-memory",
  "virtual-8086",
  "real",
  "features",
  "x2apic",
  "tpr",
  "msr-areas",
  "linked",
  "shadow",
  "interrupt",
  "nmi",
  "exception",
  "error-code",
  "software",
  "trap-flag",
  "real-event",
  "halted",
  "shutdown",
  "blocked",
  "stepping",
];
