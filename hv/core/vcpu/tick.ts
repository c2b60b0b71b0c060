// What interrupts of the host bring to the vCPU that runs: a tick of the timer the end of its slice, and perhaps of its time;
// mail of another CPU a pause, in which it is served.

import { LEVEL_ERROR } from "../console/console";
import { rdtsc } from "../hardware";
import { RESULT_TIME_LIMIT } from "../results";
import { RESUME, YIELD } from "./action";
import { Vcpu } from "./vcpu";
import { WORK_MAIL, WORK_TICK } from "./work";

/** No limit. */
export const NO_DEADLINE: u64 = 0xffffffffffffffff;

/**
 * Work of WORK_OF_INTERRUPTS. Mail is no more than a YIELD here: it is served where core is in the middle of nothing, by who
 * called `run`.
 */
export function onInterrupts(vcpu: Vcpu): u32 {
  const bits = vcpu.work;
  vcpu.work = bits & ~WORK_MAIL;
  const action = bits & WORK_TICK ? onTick(vcpu) : RESUME;
  return action == RESUME && bits & WORK_MAIL ? YIELD : action;
}

/**
 * Work of WORK_TICK. The tick may have come in the guest, in core or in the vmm: wherever a VM spends its time, its slice ends.
 */
function onTick(vcpu: Vcpu): u32 {
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
