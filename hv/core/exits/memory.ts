// Accesses of a guest to guest-physical memory that is no RAM: the vmm carries them out.

import { EXIT_MEMORY } from "../../shared/vcpu-page";
import { RESULT_EVENT_BEYOND_RAM } from "../results";
import { actOnAnswer, askVmm, stopAtExit } from "../vcpu/answers";
import { Vcpu } from "../vcpu/vcpu";

/**
 * Has the vmm carry out the instruction at RIP, which accessed `gpa`: `access` of ACCESS_*, `linear` valid with
 * ACCESS_HAS_LINEAR. A guest whose IDT, TSS or stack lies there is stopped: no instruction made the access.
 */
export function onMemory(vcpu: Vcpu, access: u64, gpa: u64, linear: u64): u32 {
  if (vcpu.events.recognised != 0) {
    return stopAtExit(vcpu, "an event is delivered through memory that is no RAM: ", RESULT_EVENT_BEYOND_RAM);
  }
  const shared = vcpu.shared;
  shared.gpa = gpa;
  shared.linearAddress = linear;
  shared.instructionLength = 0;
  vcpu.saveState();
  return actOnAnswer(vcpu, askVmm(vcpu, EXIT_MEMORY, access));
}
