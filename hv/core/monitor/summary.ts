// The summary of a vCPU that has ended: entries, final RIP, ticks, exit reasons with counts and ticks.

import { EXIT_REASON_COUNT, exitReasonName } from "../../x86/exit-reasons";
import { GUEST_RIP } from "../../x86/vmcs-fields";
import { LEVEL_INFO } from "../console/console";
import { vmread } from "../hardware";
import { resultName } from "../results";
import { Vcpu } from "../vmx/vcpu";

/** Prints it; the vCPU's VMCS is current. It ran `ticks`, from before the first entry to after the last exit. */
export function printSummary(vcpu: Vcpu, ticks: u64): void {
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
  vcpu.say(LEVEL_INFO).text("ran ").decimal(ticks).text(" ticks from the first entry to the last exit").end();
  for (let reason: u32 = 0; reason < EXIT_REASON_COUNT; reason++) {
    const count = vcpu.exitCounters[2 * reason];
    const handled = vcpu.exitCounters[2 * reason + 1];
    if (count == 0) continue;
    vcpu.say(LEVEL_INFO).text("exit ").decimal(reason).text(" ").text(exitReasonName(reason)).text(": ").decimal(count);
    vcpu.console.text(" exits, ").decimal(handled).text(" ticks, ");
    vcpu.console
      .decimal(handled / count)
      .text(" each")
      .end();
  }
}
