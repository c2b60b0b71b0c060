// The control fields of the current VMCS (SDM 3C 25.6 to 25.8).

import { VECTOR_MACHINE_CHECK } from "../../x86/exceptions";
import {
  CR3_TARGET_COUNT,
  EPT_POINTER,
  ENCLS_EXITING_BITMAP,
  ENCLV_EXITING_BITMAP,
  EXCEPTION_BITMAP,
  MSR_BITMAPS_ADDRESS,
  PAGE_FAULT_ERROR_CODE_MASK,
  PAGE_FAULT_ERROR_CODE_MATCH,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VIRTUAL_PROCESSOR_IDENTIFIER,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_STORE_COUNT,
  VMX_PREEMPTION_TIMER_VALUE,
} from "../../x86/vmcs-fields";
import {
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_USE_MSR_BITMAPS,
  SECONDARY_ENABLE_ENCLS_EXITING,
  SECONDARY_ENABLE_ENCLV_EXITING,
} from "../../x86/vmx-controls";
import { vmwrite } from "../hardware";
import { ExecutionControls } from "./execution-controls";

/** TSC ticks that a guest may run without an exit. */
const PREEMPTION_TICKS: u64 = 1 << 23;
/** Every function of ENCLS and ENCLV exits. */
const ALL_FUNCTIONS: u64 = 0xffffffffffffffff;

/**
 * Writes them, EPTP and VPID only where those are enabled; `eptp` has been checked by hv/core/vmx/ept/ept-format.ts, `vpid`
 * is not 0 where VPIDs are enabled, and `msrBitmap` is the address of a page where MSR bitmaps are used.
 */
export function writeControlFields(controls: ExecutionControls, eptp: u64, vpid: u32, msrBitmap: u64): void {
  vmwrite(PIN_BASED_VM_EXECUTION_CONTROLS, controls.pin.value);
  if (controls.pin.has(PIN_ACTIVATE_VMX_PREEMPTION_TIMER)) {
    // It is not saved at exits, so that each entry starts it anew (SDM 3C 26.5.1).
    vmwrite(VMX_PREEMPTION_TIMER_VALUE, PREEMPTION_TICKS >> controls.preemptionTimerRate);
  }
  vmwrite(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, controls.primary.value);
  if (controls.primary.has(PRIMARY_ACTIVATE_SECONDARY_CONTROLS))
    vmwrite(SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, controls.secondary.value);
  vmwrite(PRIMARY_VM_EXIT_CONTROLS, controls.exit.value);
  vmwrite(VM_ENTRY_CONTROLS, controls.entry.value);
  if (controls.hasEpt) vmwrite(EPT_POINTER, eptp);
  if (controls.hasVpid) vmwrite(VIRTUAL_PROCESSOR_IDENTIFIER, vpid);
  if (controls.primary.has(PRIMARY_USE_MSR_BITMAPS)) vmwrite(MSR_BITMAPS_ADDRESS, msrBitmap);
  if (controls.secondary.has(SECONDARY_ENABLE_ENCLS_EXITING)) vmwrite(ENCLS_EXITING_BITMAP, ALL_FUNCTIONS);
  if (controls.secondary.has(SECONDARY_ENABLE_ENCLV_EXITING)) vmwrite(ENCLV_EXITING_BITMAP, ALL_FUNCTIONS);
  // A guest's exceptions are the guest's, but for the machine check, which would else go through its IDT.
  vmwrite(EXCEPTION_BITMAP, 1 << VECTOR_MACHINE_CHECK);
  vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
  vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
  vmwrite(CR3_TARGET_COUNT, 0);
  vmwrite(VM_EXIT_MSR_STORE_COUNT, 0);
  vmwrite(VM_EXIT_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, 0);
}
