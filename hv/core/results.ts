// Every way in which a run of Basalt ends: a number for callers, a name for the result line.

export const RESULT_OK: u32 = 0;

// 10 to 39: Basalt refused to start.
export const RESULT_NO_LONG_MODE: u32 = 10; // boot/entry.asm
export const RESULT_NO_NX: u32 = 11; // boot/entry.asm
export const RESULT_NO_BOOT_INFORMATION: u32 = 12; // boot/entry.asm
export const RESULT_BAD_BOOT_INFORMATION: u32 = 13;
export const RESULT_BAD_OPTION: u32 = 14;
export const RESULT_TOO_LITTLE_MEMORY: u32 = 15;
/** CPUs of one machine that virtualize differently. */
export const RESULT_PROCESSORS_DIFFER: u32 = 16;
export const RESULT_PROCESSOR_NOT_STARTED: u32 = 17;
export const RESULT_NOT_INTEL: u32 = 20;
export const RESULT_NO_VMX: u32 = 21;
export const RESULT_VMX_DISABLED_BY_FIRMWARE: u32 = 22;
export const RESULT_UNUSABLE_VMX_REGIONS: u32 = 23;
export const RESULT_CR_BITS_UNSUPPORTED: u32 = 24;
export const RESULT_VMXON_FAILED: u32 = 25;
export const RESULT_VMCLEAR_FAILED: u32 = 26;
export const RESULT_VMPTRLD_FAILED: u32 = 27;
export const RESULT_NO_EPT: u32 = 28;
export const RESULT_NO_UNRESTRICTED_GUEST: u32 = 29;
export const RESULT_CONTROL_UNSUPPORTED: u32 = 30;
export const RESULT_INCONSISTENT_CAPABILITIES: u32 = 31;
export const RESULT_EPT_UNUSABLE: u32 = 32;
export const RESULT_VPID_UNUSABLE: u32 = 33;
export const RESULT_NO_SVM: u32 = 34;
/** VM_CR is locked for good. */
export const RESULT_SVM_DISABLED_BY_FIRMWARE: u32 = 35;
/** VM_CR is locked, and has a key. */
export const RESULT_SVM_LOCKED_WITH_KEY: u32 = 36;
export const RESULT_NO_NPT: u32 = 37;
/** The processor has too few ASIDs for a guest. */
export const RESULT_NO_ASID: u32 = 38;

// 40 to 59: a guest or its vmm ended wrongly.
export const RESULT_ENTRY_FAILED: u32 = 40;
export const RESULT_ENTRY_FAILED_BY_STATE: u32 = 41;
export const RESULT_UNEXPECTED_EXIT: u32 = 42;
export const RESULT_TRIPLE_FAULT: u32 = 43;
export const RESULT_EPT_VIOLATION: u32 = 44;
export const RESULT_EPT_MISCONFIGURATION: u32 = 45;
export const RESULT_NOT_HANDLED: u32 = 46;
export const RESULT_MACHINE_CHECK_IN_GUEST: u32 = 47;
export const RESULT_ENTRY_REFUSED_BY_DOCTOR: u32 = 48;
export const RESULT_EVENT_BEYOND_RAM: u32 = 49;
export const RESULT_VMM_STOPPED: u32 = 50;
export const RESULT_VMM_NOT_CREATED: u32 = 51;
export const RESULT_GUEST_NOT_LOADED: u32 = 52;
/** The guest ended itself with a value that is not 0, which the result line tells. */
export const RESULT_GUEST_EXIT: u32 = 53;
/** Somebody at the console ended it. */
export const RESULT_KILLED: u32 = 55;
/** As a watch asked. */
export const RESULT_STOPPED_BY_WATCH: u32 = 58;
/** Its watch waited for the host line in vain. */
export const RESULT_NO_ANSWER: u32 = 59;
export const RESULT_VMM_ANSWER: u32 = 56;
export const RESULT_TIME_LIMIT: u32 = 54;

// 60 to 69: a panic; 60 to 64 are in boot/runtime/runtime.h.
export const RESULT_VMXOFF_FAILED: u32 = 65;
/** With `repeat`: less was free after the last round than after the first one. */
export const RESULT_LEAK: u32 = 66;

const NUMBERS: StaticArray<u32> = [
  RESULT_OK,
  RESULT_BAD_BOOT_INFORMATION,
  RESULT_BAD_OPTION,
  RESULT_TOO_LITTLE_MEMORY,
  RESULT_PROCESSORS_DIFFER,
  RESULT_PROCESSOR_NOT_STARTED,
  RESULT_NOT_INTEL,
  RESULT_NO_VMX,
  RESULT_VMX_DISABLED_BY_FIRMWARE,
  RESULT_UNUSABLE_VMX_REGIONS,
  RESULT_CR_BITS_UNSUPPORTED,
  RESULT_VMXON_FAILED,
  RESULT_VMCLEAR_FAILED,
  RESULT_VMPTRLD_FAILED,
  RESULT_NO_EPT,
  RESULT_NO_UNRESTRICTED_GUEST,
  RESULT_CONTROL_UNSUPPORTED,
  RESULT_INCONSISTENT_CAPABILITIES,
  RESULT_EPT_UNUSABLE,
  RESULT_VPID_UNUSABLE,
  RESULT_NO_SVM,
  RESULT_SVM_DISABLED_BY_FIRMWARE,
  RESULT_SVM_LOCKED_WITH_KEY,
  RESULT_NO_NPT,
  RESULT_NO_ASID,
  RESULT_ENTRY_FAILED,
  RESULT_ENTRY_FAILED_BY_STATE,
  RESULT_UNEXPECTED_EXIT,
  RESULT_TRIPLE_FAULT,
  RESULT_EPT_VIOLATION,
  RESULT_EPT_MISCONFIGURATION,
  RESULT_NOT_HANDLED,
  RESULT_MACHINE_CHECK_IN_GUEST,
  RESULT_ENTRY_REFUSED_BY_DOCTOR,
  RESULT_EVENT_BEYOND_RAM,
  RESULT_VMM_STOPPED,
  RESULT_VMM_NOT_CREATED,
  RESULT_GUEST_NOT_LOADED,
  RESULT_GUEST_EXIT,
  RESULT_KILLED,
  RESULT_VMM_ANSWER,
  RESULT_STOPPED_BY_WATCH,
  RESULT_NO_ANSWER,
  RESULT_TIME_LIMIT,
  RESULT_VMXOFF_FAILED,
  RESULT_LEAK,
];
const NAMES: StaticArray<string> = [
  "ok",
  "bad-boot-information",
  "bad-option",
  "too-little-memory",
  "processors-differ",
  "processor-not-started",
  "not-intel",
  "no-vmx",
  "vmx-disabled-by-firmware",
  "unusable-vmx-regions",
  "cr-bits-unsupported",
  "vmxon-failed",
  "vmclear-failed",
  "vmptrld-failed",
  "no-ept",
  "no-unrestricted-guest",
  "control-unsupported",
  "inconsistent-capabilities",
  "ept-unusable",
  "vpid-unusable",
  "no-svm",
  "svm-disabled-by-firmware",
  "svm-locked-with-key",
  "no-npt",
  "no-asid",
  "entry-failed",
  "entry-failed-by-state",
  "unexpected-exit",
  "triple-fault",
  "ept-violation",
  "ept-misconfiguration",
  "not-handled",
  "machine-check-in-guest",
  "entry-refused-by-doctor",
  "event-beyond-ram",
  "vmm-stopped",
  "vmm-not-created",
  "guest-not-loaded",
  "guest-exit",
  "killed",
  "vmm-answer-not-possible",
  "stopped-by-watch",
  "no-answer-to-watch",
  "time-limit",
  "vmxoff-failed",
  "leak",
];

/** The name of a result for the result line. */
export function resultName(result: u32): string {
  for (let i = 0; i < NUMBERS.length; i++) {
    if (NUMBERS[i] == result) return NAMES[i];
  }
  return "unknown";
}
