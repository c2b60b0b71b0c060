// Time as devices see it: the host's time-stamp counter, whose frequency core tells, and alarms at values of it.

import { clock } from "./host";
import { SIGNAL_EVENT, Signals } from "./signals";

/** No alarm is set. */
export const NEVER: u64 = 0xffffffffffffffff;

/** The largest operands of `scale`: a product of a TSC difference and a frequency does not fit 64 bits. */
const LOW_32: u64 = 0xffffffff;

/** `value` x `numerator` / `denominator`, rounded down, exact where the result fits 64 bits. `denominator` is not 0. */
export function scale(value: u64, numerator: u32, denominator: u32): u64 {
  const high = (value >> 32) * numerator;
  const low = (value & LOW_32) * numerator;
  const rest = ((high % denominator) << 32) + low;
  return ((high / denominator) << 32) + rest / denominator;
}

/** The host's time-stamp counter: it never runs backwards, and does not stop while the guest does not run. */
export class Clock {
  /** `kilohertz` of the counter, at least 1. */
  constructor(readonly kilohertz: u32) {
    assert(kilohertz != 0, "the time-stamp counter has no frequency");
  }

  get now(): u64 {
    return clock();
  }

  /** How many ticks of the counter `count` periods of `hertz` take, rounded up: no alarm comes too early. */
  ticksOf(count: u64, hertz: u32): u64 {
    // In two steps, as kilohertz x 1,000 may not fit 32 bits.
    const ticks = scale(count * 1000, this.kilohertz, hertz);
    return scale(ticks, hertz, this.kilohertz) < count * 1000 ? ticks + 1 : ticks;
  }

  /** How many whole periods of `hertz` are over after `ticks` of the counter. */
  countOf(ticks: u64, hertz: u32): u64 {
    return scale(ticks, hertz, this.kilohertz) / 1000;
  }

  /** Nanoseconds that `ticks` of the counter take, rounded down. */
  nanosecondsOf(ticks: u64): u64 {
    return scale(ticks, 1000000, this.kilohertz);
  }
}

/** Something that is to happen at a value of the counter. */
export abstract class Alarm {
  /** NEVER, or the value of the counter from which on `ring` is to be called. Changed by `Alarms.set` only. */
  deadline: u64 = NEVER;

  /** It is `now`, at or behind the deadline, which is NEVER by now: a periodic alarm sets it anew. */
  abstract ring(now: u64): void;
}

/** All alarms of a machine. */
export class Alarms {
  private readonly alarms: Array<Alarm> = [];
  /** The earliest deadline, or NEVER. */
  next: u64 = NEVER;

  /** A change of `next` is told by SIGNAL_EVENT. */
  constructor(private readonly signals: Signals = new Signals()) {}

  /** Adds an alarm. While the machine is put together only. */
  add(alarm: Alarm): void {
    this.alarms.push(alarm);
  }

  /** Sets when `alarm` is to ring; NEVER switches it off. */
  set(alarm: Alarm, deadline: u64): void {
    const was = alarm.deadline;
    alarm.deadline = deadline;
    if (deadline <= this.next) this.next = deadline;
    else if (was == this.next) this.findNext();
    this.signals.raised |= SIGNAL_EVENT;
  }

  /** Rings each alarm whose time has come, once: what is set anew to a time that is over rings at the next call. */
  ring(now: u64): void {
    if (now < this.next) return;
    for (let i = 0; i < this.alarms.length; i++) {
      const alarm = this.alarms[i];
      if (alarm.deadline > now) continue;
      alarm.deadline = NEVER;
      alarm.ring(now);
    }
    this.findNext();
  }

  private findNext(): void {
    let next = NEVER;
    for (let i = 0; i < this.alarms.length; i++) next = min(next, this.alarms[i].deadline);
    this.next = next;
  }
}
