// Task switches: the vmm carries them out.

import { EXIT_TASK_SWITCH } from "../../shared/vcpu-page";
import { actOnAnswer, askVmm } from "../vcpu/answers";
import { Vcpu } from "../vcpu/vcpu";

/** Has the vmm switch tasks: `access` in the form of hv/shared/task-switch.ts, `length` bytes are skipped in the old task. */
export function onTaskSwitch(vcpu: Vcpu, access: u64, length: u32): u32 {
  vcpu.saveState();
  vcpu.shared.instructionLength = length;
  return actOnAnswer(vcpu, askVmm(vcpu, EXIT_TASK_SWITCH, access));
}
