// A machine check while a guest runs: the machine's matter, not the guest's (SDM 3B 16.3, 3C 26.2 and 27.9).

import { IA32_MCG_STATUS } from "../../x86/msr";
import { LEVEL_ERROR } from "../console/console";
import { tryRdmsr, wrmsr } from "../hardware";
import { RESULT_MACHINE_CHECK_IN_GUEST } from "../results";
import { STATE_RIP } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";

/**
 * Reports a machine check that came `when`, and ends the VM: the state that it leaves is not to be trusted. Allows the next
 * machine check, which would shut the processor down while IA32_MCG_STATUS says that one is in progress. What the banks
 * of IA32_MCi_STATUS hold stays for firmware and the next system to read.
 */
export function endByMachineCheck(vcpu: Vcpu, when: string): u32 {
  const line = vcpu.say(LEVEL_ERROR).text("machine check ").text(when).text(" at RIP ").hex(vcpu.read(STATE_RIP), 16);
  const status = new StaticArray<u64>(1);
  if (tryRdmsr(IA32_MCG_STATUS, changetype<usize>(status))) {
    line.text(", IA32_MCG_STATUS ").hex(status[0]);
    wrmsr(IA32_MCG_STATUS, 0);
  }
  line.text(": the processor, the memory or a bus of this machine failed; this VM ends").end();
  return vcpu.stop(RESULT_MACHINE_CHECK_IN_GUEST);
}
