// Task switches, which VMX leaves to software (SDM 3C 26.4.2 and table 28-3).

import {
  TASK_BY_INTERRUPT,
  TASK_ERROR_CODE_SHIFT,
  TASK_HAS_ERROR_CODE,
  TASK_IS_EXTERNAL,
  TASK_SELECTOR_MASK,
  TASK_SOURCE_MASK,
  TASK_SOURCE_SHIFT,
} from "../../shared/task-switch";
import {
  INTERRUPTION_HAS_ERROR_CODE,
  INTERRUPTION_TYPE_MASK,
  INTERRUPTION_TYPE_SOFTWARE_INTERRUPT,
} from "../../x86/exceptions";
import { EXIT_QUALIFICATION, VM_EXIT_INSTRUCTION_LENGTH } from "../../x86/vmcs-fields";
import { onTaskSwitch } from "../exits/task-switch";
import { vmread } from "../hardware";
import { keepInterruptedEvent } from "./vectoring";
import { VmxVcpu } from "./vmx-vcpu";

/** Tells what switches, and by how much the old task's RIP moves on: not at all where hardware switched. */
export function onTaskSwitchExit(vcpu: VmxVcpu): u32 {
  keepInterruptedEvent(vcpu, false);
  const qualification = vmread(EXIT_QUALIFICATION);
  let access = qualification & (TASK_SELECTOR_MASK | (TASK_SOURCE_MASK << TASK_SOURCE_SHIFT));
  const event = vcpu.events.recognised;
  const isByInterrupt = ((qualification >> TASK_SOURCE_SHIFT) & TASK_SOURCE_MASK) == TASK_BY_INTERRUPT;
  const isBySoftware = (event & INTERRUPTION_TYPE_MASK) >= INTERRUPTION_TYPE_SOFTWARE_INTERRUPT;
  const isExternal = isByInterrupt && !isBySoftware;
  if (isExternal) access |= TASK_IS_EXTERNAL;
  if (isExternal && event & INTERRUPTION_HAS_ERROR_CODE) {
    access |= TASK_HAS_ERROR_CODE | ((<u64>vcpu.events.errorCode) << TASK_ERROR_CODE_SHIFT);
  }
  return onTaskSwitch(vcpu, access, isExternal ? 0 : <u32>vmread(VM_EXIT_INSTRUCTION_LENGTH));
}
