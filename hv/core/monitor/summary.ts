// The summary of a vCPU that has ended: entries, exit reasons with counts and ticks, final RIP.

import { EXIT_REASON_COUNT, exitReasonName } from "../../x86/exit-reasons";
import { GUEST_RIP } from "../../x86/vmcs-fields";
import { LEVEL_INFO } from "../console/console";
import { vmread } from "../hardware";
import { resultName } from "../results";
import { Vcpu } from "../vmx/vcpu";

/** Prints it; the vCPU's VMCS is current. */
export function printSummary(vcpu: Vcpu): void {
  let exits: u64 = 0;
  for (let reason: u32 = 0; reason < EXIT_REASON_COUNT; reason++) exits += vcpu.exitCounters[2 * reason];
  vcpu
    .say(LEVEL_INFO)
    .text("ended: ")
    .text(resultName(vcpu.result))
    .text(", ")
    .decimal(exits)
    .text(" VM entries, final RIP ");
  vcpu.console.hex(vmread(GUEST_RIP), 16).end();
  for (let reason: u32 = 0; reason < EXIT_REASON_COUNT; reason++) {
    const count = vcpu.exitCounters[2 * reason];
    const ticks = vcpu.exitCounters[2 * reason + 1];
    if (count == 0) continue;
    vcpu.say(LEVEL_INFO).text("exit ").decimal(reason).text(" ").text(exitReasonName(reason)).text(": ").decimal(count);
    vcpu.console.text(" exits, ").decimal(ticks).text(" ticks, ");
    vcpu.console
      .decimal(ticks / count)
      .text(" each")
      .end();
  }
}
