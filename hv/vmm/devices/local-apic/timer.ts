// The local APIC's timer (SDM 3A 11.5.4). Its input clock is the time-stamp counter: at divide 1 a tick is a count.

import { TIMER_PERIODIC } from "../../../x86/apic";
import { StateTable } from "../../state";
import { Alarm, Alarms, Clock, NEVER } from "../../time";
import { GuestTsc } from "../guest-tsc";
import { LocalInterrupts, LVT_TIMER } from "./local-interrupts";

/** The mode's high bit, LVT[18]. The reserved mode 3 is taken for TSC-deadline mode. */
const TIMER_TSC_DEADLINE: u32 = 1 << 18;
const DIVIDE_BITS: u32 = 0xb;
/**
 * A periodic timer interrupts no more often than this many times a millisecond, so that a period of some ticks leaves the
 * guest time to run: what comes in between counts as one, as it does where interrupts are late.
 */
const PERIODS_PER_MILLISECOND: u32 = 100;

export class ApicTimer extends Alarm {
  /** The initial count, 0 while the timer has not been started. */
  initialCount: u32 = 0;
  /** The divide configuration as it was written. */
  divide: u32 = 0;
  /** The host's counter when the count gets to 0, or gets there next; NEVER while the timer does not run. */
  private end: u64 = NEVER;
  /** IA32_TSC_DEADLINE: a value of the guest's counter; 0 while none is set. */
  private target: u64 = 0;
  private readonly shortestPeriod: u64;

  constructor(
    private readonly clock: Clock,
    private readonly alarms: Alarms,
    private readonly tsc: GuestTsc,
    private readonly local: LocalInterrupts,
  ) {
    super();
    this.shortestPeriod = clock.kilohertz / PERIODS_PER_MILLISECOND;
    alarms.add(this);
  }

  ring(now: u64): void {
    if (this.end <= now) this.advance(now);
    else this.arm(now);
  }

  /** Writes the initial count, which starts the timer, or with 0 stops it. Ignored in TSC-deadline mode. */
  start(count: u32): void {
    if (this.isDeadline) return;
    const now = this.clock.now;
    this.advance(now);
    this.initialCount = count;
    this.end = count == 0 ? NEVER : now + ((<u64>count) << this.shift);
    this.arm(now);
  }

  get currentCount(): u32 {
    if (this.isDeadline) return 0;
    const now = this.clock.now;
    this.advance(now);
    return this.countAt(now);
  }

  /** Writes the divide configuration (SDM 3A figure 11-10): a running timer goes on from its count. */
  setDivide(value: u32): void {
    const now = this.clock.now;
    this.advance(now);
    const count = this.isDeadline ? 0 : this.countAt(now);
    this.divide = value & DIVIDE_BITS;
    if (count == 0) return;
    this.end = now + ((<u64>count) << this.shift);
    this.arm(now);
  }

  /** IA32_TSC_DEADLINE (SDM 3A 11.5.4.1): 0 outside its mode, and where no deadline is to come. */
  get tscDeadline(): u64 {
    if (!this.isDeadline) return 0;
    this.advance(this.clock.now);
    return this.target;
  }

  set tscDeadline(value: u64) {
    if (!this.isDeadline) return;
    const now = this.clock.now;
    this.advance(now);
    this.target = value;
    this.aim(now);
  }

  /** The guest's counter is another one from now on. */
  onTscOffsetChange(): void {
    const now = this.clock.now;
    this.advance(now);
    if (this.target != 0) this.aim(now);
  }

  /** Writes the timer's entry of the local vector table: a change from or to TSC-deadline mode stops the timer. */
  configure(value: u32, isSoftwareEnabled: bool): void {
    const now = this.clock.now;
    this.advance(now);
    const wasDeadline = this.isDeadline;
    this.local.write(LVT_TIMER, value, isSoftwareEnabled);
    if (this.isDeadline != wasDeadline) this.stop();
    this.arm(now);
  }

  /** What is over before the timer's entry is masked by something else still interrupts. */
  settle(): void {
    this.advance(this.clock.now);
  }

  /** The timer's entry may have been masked. */
  onMask(): void {
    this.arm(this.clock.now);
  }

  /** An interrupt is to come. */
  get isArmed(): bool {
    return this.deadline != NEVER;
  }

  reset(): void {
    this.stop();
    this.divide = 0;
    this.arm(0);
  }

  /** Behind what it is pending in. The time to the end is kept, not the end: another host has another counter. */
  visit(table: StateTable): void {
    const now = this.clock.now;
    this.initialCount = table.u32(this.initialCount);
    this.divide = table.u8(<u8>this.divide) & DIVIDE_BITS;
    this.target = table.number(this.target);
    const isRunning = table.flag(this.end != NEVER);
    const left = table.number(this.end > now ? this.end - now : 0);
    const isCount = isRunning && this.initialCount != 0 && left <= this.longest;
    this.end = isCount && !this.isDeadline ? now + left : NEVER;
    if (this.isDeadline) this.aim(now);
    else if (this.end <= now) this.advance(now);
    else this.arm(now);
  }

  /** No count takes longer: 32 bits at divide 128. */
  private get longest(): u64 {
    return (<u64>u32.MAX_VALUE) << 7;
  }

  private get isDeadline(): bool {
    return (this.local.read(LVT_TIMER) & TIMER_TSC_DEADLINE) != 0;
  }

  /** 0 in the other modes. */
  private get period(): u64 {
    return this.local.read(LVT_TIMER) & TIMER_PERIODIC ? (<u64>this.initialCount) << this.shift : 0;
  }

  /** The divisor as a power of two: 000 is 2, 110 is 128, 111 is 1. */
  private get shift(): u64 {
    return (((this.divide >> 1) & 4) + (this.divide & 3) + 1) & 7;
  }

  /** The count at `now`, before which the timer has been advanced. */
  private countAt(now: u64): u32 {
    if (this.end == NEVER) return 0;
    const shift = this.shift;
    return <u32>((this.end - now + ((<u64>1) << shift) - 1) >> shift);
  }

  private stop(): void {
    this.initialCount = 0;
    this.target = 0;
    this.end = NEVER;
  }

  /** Has happen what was to happen by `now`: once, however late it is, and a periodic timer keeps its phase. */
  private advance(now: u64): void {
    if (this.end > now) return;
    const period = this.isDeadline ? 0 : this.period;
    if (period == 0) this.end = NEVER;
    else this.end += period * ((now - this.end) / period + 1);
    this.target = 0;
    this.arm(now);
    this.local.fire(LVT_TIMER, false);
  }

  /** Sets the end to when the guest's counter gets to `target`. */
  private aim(now: u64): void {
    const guestNow = now + this.tsc.offset;
    const left = this.target > guestNow ? this.target - guestNow : 0;
    // A deadline beyond all values of the host's counter stays a deadline.
    this.end = this.target == 0 ? NEVER : left < NEVER - now ? now + left : NEVER - 1;
    if (this.end <= now) this.advance(now);
    else this.arm(now);
  }

  private arm(now: u64): void {
    let alarm = this.local.isMasked(LVT_TIMER) ? NEVER : this.end;
    if (alarm != NEVER && this.period != 0) alarm = max(alarm, now + this.shortestPeriod);
    if (alarm != this.deadline) this.alarms.set(this, alarm);
  }
}
