// What becomes of an access that nested paging did not allow.

import { LEVEL_ERROR } from "../console/console";
import { NO_MEMORY_LEFT, POPULATED } from "../guest-memory";
import { RESULT_EPT_VIOLATION, RESULT_TOO_LITTLE_MEMORY } from "../results";
import { RESUME } from "../vcpu/action";
import { memoryToVmm } from "../vcpu/answers";
import { MemoryFault } from "../vcpu/memory-fault";
import { STATE_RIP } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";

/** Answers the access that `fault` describes, as far as it is none to RAM that is touched for the first time. */
export function onMemoryFault(vcpu: Vcpu, fault: MemoryFault): u32 {
  const memory = vcpu.memory;
  if (fault.gpa >= memory.ramBytes && memory.ramBytes != 0) return memoryToVmm(vcpu, fault);
  const status = memory.populate(fault.gpa);
  if (status == POPULATED) return RESUME;
  if (status == NO_MEMORY_LEFT) return vcpu.stop(RESULT_TOO_LITTLE_MEMORY);
  return stopAtMemory(vcpu, fault);
}

/** Ends the VM: nothing of Basalt's asked for this fault. */
function stopAtMemory(vcpu: Vcpu, fault: MemoryFault): u32 {
  const line = vcpu.say(LEVEL_ERROR);
  fault.describe(line);
  line.text(", at RIP ").hex(vcpu.read(STATE_RIP), 16).text("; this VM ends").end();
  return vcpu.stop(RESULT_EPT_VIOLATION);
}
