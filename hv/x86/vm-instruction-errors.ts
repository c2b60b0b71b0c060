// The VM-instruction error numbers that VMfailValid leaves in the VMCS (SDM 3C 31.4).

// 14, 21 and 27 are not assigned.
export const VM_INSTRUCTION_ERROR_VMCALL_IN_VMX_ROOT_OPERATION: u32 = 1;
export const VM_INSTRUCTION_ERROR_VMCLEAR_INVALID_PHYSICAL_ADDRESS: u32 = 2;
export const VM_INSTRUCTION_ERROR_VMCLEAR_VMXON_POINTER: u32 = 3;
export const VM_INSTRUCTION_ERROR_VMLAUNCH_NON_CLEAR_VMCS: u32 = 4;
export const VM_INSTRUCTION_ERROR_VMRESUME_NON_LAUNCHED_VMCS: u32 = 5;
export const VM_INSTRUCTION_ERROR_VMRESUME_AFTER_VMXOFF: u32 = 6;
export const VM_INSTRUCTION_ERROR_ENTRY_INVALID_CONTROL_FIELDS: u32 = 7;
export const VM_INSTRUCTION_ERROR_ENTRY_INVALID_HOST_STATE_FIELDS: u32 = 8;
export const VM_INSTRUCTION_ERROR_VMPTRLD_INVALID_PHYSICAL_ADDRESS: u32 = 9;
export const VM_INSTRUCTION_ERROR_VMPTRLD_VMXON_POINTER: u32 = 10;
export const VM_INSTRUCTION_ERROR_VMPTRLD_INCORRECT_REVISION_IDENTIFIER: u32 = 11;
export const VM_INSTRUCTION_ERROR_UNSUPPORTED_VMCS_COMPONENT: u32 = 12;
export const VM_INSTRUCTION_ERROR_VMWRITE_READ_ONLY_COMPONENT: u32 = 13;
export const VM_INSTRUCTION_ERROR_VMXON_IN_VMX_ROOT_OPERATION: u32 = 15;
export const VM_INSTRUCTION_ERROR_ENTRY_INVALID_EXECUTIVE_VMCS_POINTER: u32 = 16;
export const VM_INSTRUCTION_ERROR_ENTRY_NON_LAUNCHED_EXECUTIVE_VMCS: u32 = 17;
export const VM_INSTRUCTION_ERROR_ENTRY_EXECUTIVE_VMCS_POINTER_NOT_VMXON_POINTER: u32 = 18;
export const VM_INSTRUCTION_ERROR_VMCALL_NON_CLEAR_VMCS: u32 = 19;
export const VM_INSTRUCTION_ERROR_VMCALL_INVALID_VM_EXIT_CONTROL_FIELDS: u32 = 20;
export const VM_INSTRUCTION_ERROR_VMCALL_INCORRECT_MSEG_REVISION_IDENTIFIER: u32 = 22;
export const VM_INSTRUCTION_ERROR_VMXOFF_UNDER_DUAL_MONITOR_TREATMENT: u32 = 23;
export const VM_INSTRUCTION_ERROR_VMCALL_INVALID_SMM_MONITOR_FEATURES: u32 = 24;
export const VM_INSTRUCTION_ERROR_ENTRY_INVALID_EXECUTION_CONTROLS_IN_EXECUTIVE_VMCS: u32 = 25;
export const VM_INSTRUCTION_ERROR_ENTRY_EVENTS_BLOCKED_BY_MOV_SS: u32 = 26;
export const VM_INSTRUCTION_ERROR_INVALID_OPERAND_TO_INVEPT_OR_INVVPID: u32 = 28;

/** Number of rows in VM_INSTRUCTION_ERROR_NAMES: one more than the highest error number. */
export const VM_INSTRUCTION_ERROR_COUNT: u32 = 29;

/** Names by error number; "" where the number is not assigned. */
export const VM_INSTRUCTION_ERROR_NAMES: StaticArray<string> = [
  "",
  "VMCALL executed in VMX root operation",
  "VMCLEAR with invalid physical address",
  "VMCLEAR with VMXON pointer",
  "VMLAUNCH with non-clear VMCS",
  "VMRESUME with non-launched VMCS",
  "VMRESUME after VMXOFF",
  "VM entry with invalid control field(s)",
  "VM entry with invalid host-state field(s)",
  "VMPTRLD with invalid physical address",
  "VMPTRLD with VMXON pointer",
  "VMPTRLD with incorrect VMCS revision identifier",
  "VMREAD or VMWRITE from or to unsupported VMCS component",
  "VMWRITE to read-only VMCS component",
  "",
  "VMXON executed in VMX root operation",
  "VM entry with invalid executive-VMCS pointer",
  "VM entry with non-launched executive VMCS",
  "VM entry with executive-VMCS pointer not VMXON pointer",
  "VMCALL with non-clear VMCS",
  "VMCALL with invalid VM-exit control fields",
  "",
  "VMCALL with incorrect MSEG revision identifier",
  "VMXOFF under dual-monitor treatment of SMIs and SMM",
  "VMCALL with invalid SMM-monitor features",
  "VM entry with invalid VM-execution control fields in executive VMCS",
  "VM entry with events blocked by MOV SS",
  "",
  "Invalid operand to INVEPT/INVVPID",
];

/**
 * Returns the SDM's name of a VM-instruction error number, 1 to 28 (SDM 3C 31.4).
 * A number that the manual does not assign is "unknown VM-instruction error".
 */
export function vmInstructionErrorName(n: u32): string {
  const name = n < VM_INSTRUCTION_ERROR_COUNT ? VM_INSTRUCTION_ERROR_NAMES[n] : "";
  return name.length > 0 ? name : "unknown VM-instruction error";
}
