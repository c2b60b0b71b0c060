// What becomes of an access to a guest's RAM that nested paging did not allow.

import { LEVEL_ERROR } from "../console/console";
import { NO_MEMORY_LEFT } from "../guest-memory";
import { RESULT_EPT_VIOLATION, RESULT_TOO_LITTLE_MEMORY } from "../results";
import { MemoryFault } from "../vcpu/memory-fault";
import { STATE_RIP } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";

/** Answers the access that `fault` describes; `status` is what `GuestMemory.populate` said of its address. */
export function onMemoryFault(vcpu: Vcpu, fault: MemoryFault, status: u32): u32 {
  if (status == NO_MEMORY_LEFT) return vcpu.stop(RESULT_TOO_LITTLE_MEMORY);
  const watch = vcpu.watches.find(fault);
  return watch ? vcpu.watches.act(vcpu, watch, fault) : stopAtMemory(vcpu, fault);
}

/** Ends the VM: nothing of Basalt's asked for this fault, or the vmm has no answer to it. */
export function stopAtMemory(vcpu: Vcpu, fault: MemoryFault): u32 {
  const line = vcpu.say(LEVEL_ERROR);
  fault.describe(line);
  line.text(", at RIP ").hex(vcpu.read(STATE_RIP), 16).text("; this VM ends").end();
  return vcpu.stop(RESULT_EPT_VIOLATION);
}
