// What interrupts of the host bring to the vCPU that runs: a tick of the timer the end of its slice, and perhaps of its time;
// mail of another CPU a pause, in which it is served.

import { LEVEL_ERROR } from "../console/console";
import { rdtsc } from "../hardware";
import { RESULT_TIME_LIMIT, RESULT_VMM_STOPPED } from "../results";
import { ANSWER_NEXT_INSTRUCTION, ANSWER_RESUME, EXIT_ALARM } from "../../shared/vcpu-page";
import { RESUME, YIELD } from "./action";
import { actOnAnswer, askVmm, stopUnanswered } from "./answers";
import { Vcpu } from "./vcpu";
import { WORK_MAIL, WORK_TICK } from "./work";

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
  if (vcpu.hasStoppedVmm) return vcpu.stop(RESULT_VMM_STOPPED);
  const now = rdtsc();
  if (now >= vcpu.deadline) return endByTimeLimit(vcpu);
  if (now >= vcpu.shared.wakeAt) {
    const action = ringAlarm(vcpu);
    if (action != RESUME) return action;
  }
  if (now >= vcpu.sliceEnd) return YIELD;
  vcpu.armTimer(now);
  return RESUME;
}

/** The time is over that the vmm wanted to be called at: its alarms ring. An action. */
export function ringAlarm(vcpu: Vcpu): u32 {
  const answer = askVmm(vcpu, EXIT_ALARM, 0);
  if (answer == ANSWER_RESUME) return RESUME;
  // No instruction has exited that could be over.
  return answer == ANSWER_NEXT_INSTRUCTION ? stopUnanswered(vcpu, answer) : actOnAnswer(vcpu, answer);
}

function endByTimeLimit(vcpu: Vcpu): u32 {
  vcpu
    .say(LEVEL_ERROR)
    .text("the time that it may run is over (boot option ticks, or the guest's own); this VM ends")
    .end();
  return vcpu.stop(RESULT_TIME_LIMIT);
}
