// HLT of a guest.

import { RFLAGS_IF, RFLAGS_TF } from "../../x86/control-registers";
import { ANSWER_GUEST_ENDED, ANSWER_RESUME, EXIT_HALT } from "../../shared/vcpu-page";
import { LEVEL_INFO } from "../console/console";
import { rdtsc } from "../hardware";
import { RESULT_OK } from "../results";
import { NEXT_INSTRUCTION, RESUME, YIELD } from "../vcpu/action";
import { actOnAnswer, askVmm } from "../vcpu/answers";
import { STATE_RFLAGS } from "../vcpu/state";
import { ringAlarm } from "../vcpu/tick";
import { Vcpu } from "../vcpu/vcpu";

/** Goes on behind the HLT, until the guest has used up the number that its start gave it; without a number it waits. */
export function onHalt(vcpu: Vcpu): u32 {
  const left = vcpu.haltsLeft;
  if (left == 0) return waitForEvent(vcpu);
  vcpu.haltsLeft = left - 1;
  if (left != 1) return NEXT_INSTRUCTION;
  vcpu.advance();
  vcpu.isHalted = true;
  return vcpu.stop(RESULT_OK);
}

/** Behind the HLT if something wakes the guest; else the vmm says whether anything will. */
function waitForEvent(vcpu: Vcpu): u32 {
  if (isAwake(vcpu)) return NEXT_INSTRUCTION;
  const answer = askVmm(vcpu, EXIT_HALT, vcpu.read(STATE_RFLAGS) & RFLAGS_IF);
  if (answer == ANSWER_GUEST_ENDED) tellEnd(vcpu);
  vcpu.takeEventRequest();
  if (answer != ANSWER_RESUME) return actOnAnswer(vcpu, answer);
  if (isAwake(vcpu)) return NEXT_INSTRUCTION;
  vcpu.waitsForEvent = true;
  return YIELD;
}

/** A guest that waits in HLT may have been woken: RESUME where it goes on, behind the HLT; YIELD where it waits on. */
export function wake(vcpu: Vcpu): u32 {
  const action = vcpu.shared.wakeAt <= rdtsc() ? ringAlarm(vcpu) : RESUME;
  if (action != RESUME) return action;
  vcpu.takeEventRequest();
  if (!isAwake(vcpu)) return YIELD;
  vcpu.waitsForEvent = false;
  vcpu.advance();
  return RESUME;
}

/** Whether an event ends the wait at once (SDM 2A "HLT"). A single step ends it, too. */
function isAwake(vcpu: Vcpu): bool {
  const events = vcpu.events;
  const flags = vcpu.read(STATE_RFLAGS);
  if (flags & RFLAGS_TF) return true;
  return (events.hasInterrupt && (flags & RFLAGS_IF) != 0) || (events.hasNmi && !vcpu.isBlockedByNmi);
}

/** No device will interrupt the guest: it would wait for ever. */
function tellEnd(vcpu: Vcpu): void {
  const takesInterrupts = (vcpu.read(STATE_RFLAGS) & RFLAGS_IF) != 0;
  vcpu.advance();
  const line = vcpu
    .say(LEVEL_INFO)
    .text("halted with interrupts ")
    .text(takesInterrupts ? "enabled" : "disabled");
  line
    .text(takesInterrupts ? ", of which no device sends one" : "")
    .text(": it waits for ever, so it has ended")
    .end();
}
