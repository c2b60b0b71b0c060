// What each tick of the host's timer brings to the vCPU that runs: the end of its slice, and perhaps of its time.

import { LEVEL_ERROR } from "../console/console";
import { rdtsc } from "../hardware";
import { RESULT_TIME_LIMIT } from "../results";
import { RESUME, YIELD } from "./action";
import { Vcpu } from "./vcpu";
import { WORK_TICK } from "./work";

/** No limit. */
export const NO_DEADLINE: u64 = 0xffffffffffffffff;

/**
 * Work of WORK_TICK. The tick may have come in the guest, in core or in the vmm: wherever a VM spends its time, its slice ends.
 */
export function onTick(vcpu: Vcpu): u32 {
  vcpu.work &= ~WORK_TICK;
  if (rdtsc() >= vcpu.deadline) return endByTimeLimit(vcpu);
  return vcpu.othersWait ? YIELD : RESUME;
}

function endByTimeLimit(vcpu: Vcpu): u32 {
  vcpu
    .say(LEVEL_ERROR)
    .text("the time that it may run is over (boot option ticks, or the guest's own); this VM ends")
    .end();
  return vcpu.stop(RESULT_TIME_LIMIT);
}
