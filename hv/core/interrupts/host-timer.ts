// The host's timer, the local APIC's: its ticks come when something is due, and at the latest after a slice.

import { setTimerCount } from "../hardware";
import { ClockRates } from "./clock-rates";
import { TIMER_PERIOD } from "./local-apic";

/** Not sooner, in counts: the timer is periodic, so that a vmm that outlives its time is still seen, and handlers take time. */
const LEAST_COUNT: u64 = 1024;

export class HostTimer {
  /** A slice, in ticks of the time-stamp counter: the longest time between two ticks. */
  readonly slice: u64;

  constructor(private readonly rates: ClockRates) {
    this.slice = ((<u64>TIMER_PERIOD) << 32) / max(rates.timerRate, 1);
  }

  get tscKilohertz(): u32 {
    return this.rates.tscKilohertz;
  }

  /** Has the next tick come at the value `at` of the time-stamp counter, which reads `now`, or soon behind it. */
  arm(now: u64, at: u64): void {
    const ticks = at > now ? at - now : 0;
    const count = ticks >= this.slice ? <u64>TIMER_PERIOD : ((ticks * this.rates.timerRate) >> 32) + 1;
    setTimerCount(<u32>max(LEAST_COUNT, min(count, <u64>TIMER_PERIOD)));
  }
}
