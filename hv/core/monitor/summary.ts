// The summary of a vCPU that has ended: entries, final RIP, ticks, exit reasons with counts and ticks.

import { LEVEL_INFO } from "../console/console";
import { BLOCK_SHIFT } from "../memory/block-pool";
import { RESULT_GUEST_EXIT, resultName } from "../results";
import { STATE_RIP } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";

/** Prints it; the vCPU is current. It ran `ticks`, from before the first entry to after the last exit. */
export function printSummary(vcpu: Vcpu, ticks: u64): void {
  let exits: u64 = 0;
  for (let reason: u32 = 0; reason < vcpu.exitRows; reason++) exits += vcpu.exitCounters[2 * reason];
  vcpu.say(LEVEL_INFO).text("ended: ").text(resultName(vcpu.result));
  if (vcpu.result == RESULT_GUEST_EXIT) {
    vcpu.console.text(" with the value ").decimal(vcpu.exitValue).text(" (").hex(vcpu.exitValue).text(")");
  }
  vcpu.console.text(", ").decimal(exits).text(" VM entries, final RIP ");
  vcpu.console.hex(vcpu.read(STATE_RIP), 16).end();
  vcpu.say(LEVEL_INFO).text("ran ").decimal(ticks).text(" ticks from the first entry to the last exit").end();
  for (let reason: u32 = 0; reason < vcpu.exitRows; reason++) {
    const count = vcpu.exitCounters[2 * reason];
    const handled = vcpu.exitCounters[2 * reason + 1];
    if (count == 0) continue;
    vcpu.nameExit(reason, vcpu.say(LEVEL_INFO).text("exit "));
    vcpu.console.text(": ").decimal(count).text(" exits, ").decimal(handled).text(" ticks, ");
    vcpu.console
      .decimal(handled / count)
      .text(" each")
      .end();
  }
}

/** Prints how much RAM of a guest was touched, and what it took to zero that. */
export function printMemory(vcpu: Vcpu): void {
  const memory = vcpu.memory;
  if (memory.ramBytes == 0) return;
  const line = vcpu.say(LEVEL_INFO).text("RAM: ").decimal(memory.blocksTaken).text(" of ");
  line
    .decimal(memory.ramBytes >> BLOCK_SHIFT)
    .text(" blocks of 2 MiB were touched; zeroing them took ")
    .decimal(memory.zeroingTicks)
    .text(" ticks")
    .end();
}
