// One counter of Intel's 8254 (data sheet 231164, "Mode Definitions"): its count and its OUT at a tick of its clock.
// Nothing counts: both are computed from the tick at which the counter started.

import { StateTable } from "../state";

/** OUT does not rise any more. */
export const NEVER_RISES: i64 = i64.MAX_VALUE;

const BINARY_COUNTS: i64 = 0x10000;
const DECIMAL_COUNTS: i64 = 10000;
/** The largest number that four digits of 4 bits can mean, valid or not, is below it. */
const LARGEST_COUNT: u64 = 0x10000;

/** Bits of a control word that a counter keeps: access, mode and BCD. */
const CONTROL_BITS: u32 = 0x3f;
const CONTROL_BCD: u32 = 0x01;

const INTERRUPT_ON_TERMINAL_COUNT: u32 = 0;
const HARDWARE_ONE_SHOT: u32 = 1;
const RATE_GENERATOR: u32 = 2;
const SQUARE_WAVE: u32 = 3;
const SOFTWARE_STROBE: u32 = 4;
const HARDWARE_STROBE: u32 = 5;

/** Further back than a clock runs: keeps the sums of a damaged table from overflowing. */
const OLDEST: u64 = 1 << 60;

function fromDigits(digits: i64): i64 {
  return (digits & 15) + 10 * ((digits >> 4) & 15) + 100 * ((digits >> 8) & 15) + 1000 * ((digits >> 12) & 15);
}

function toDigits(count: i64): i64 {
  return (count % 10) | (((count / 10) % 10) << 4) | (((count / 100) % 10) << 8) | (((count / 1000) % 10) << 12);
}

/** All ticks are those of the PIT's clock, since whenever. They never run backwards from one call to the next. */
export class PitCounter {
  /** The control word's bits for this counter, as status tells them. */
  control: u32 = 0;
  /** The count that is counted down from, at least 1. */
  private initial: i64 = BINARY_COUNTS;
  /** A count has been written since the control word. */
  private hasCount: bool = false;
  /** While it counts, `start` is when the count was `initial`; while it does not, `elapsed` is how far it is. */
  private isCounting: bool = false;
  private start: i64 = 0;
  private elapsed: i64 = 0;
  /** A count that is to be loaded at `pendingAt`, or with the next trigger if that is 0; 0 where there is none. */
  private pending: i64 = 0;
  private pendingAt: i64 = 0;
  private isGateHigh: bool = true;

  get mode(): u32 {
    const mode = (this.control >> 1) & 7;
    // Bit 2 does not count in modes 2 and 3.
    return mode > HARDWARE_STROBE ? mode & 3 : mode;
  }

  get gate(): bool {
    return this.isGateHigh;
  }

  /** As it is before software has said anything: it does not count. The gate stays. */
  reset(): void {
    this.setControl(0);
  }

  setControl(control: u32): void {
    this.control = control & CONTROL_BITS;
    this.hasCount = false;
    this.isCounting = false;
    this.elapsed = 0;
    this.pending = 0;
    this.initial = this.counts;
  }

  /** The first of two bytes of a count is written: mode 0 waits for the second. */
  stop(tick: i64): void {
    if (this.mode != INTERRUPT_ON_TERMINAL_COUNT || !this.hasCount) return;
    this.elapsed = this.elapsedAt(tick);
    this.hasCount = false;
    this.isCounting = false;
  }

  /** A count of 16 bits is written as a whole; 0 is the largest. It counts from the next tick on. */
  load(value: u32, tick: i64): void {
    this.settle(tick);
    const digits: i64 = value;
    let count = this.control & CONTROL_BCD ? fromDigits(digits) : digits;
    if (count == 0) count = this.counts;
    const mode = this.mode;
    const waitsForTrigger = mode == HARDWARE_ONE_SHOT || mode == HARDWARE_STROBE;
    const isPeriodic = mode == RATE_GENERATOR || mode == SQUARE_WAVE;
    if (waitsForTrigger || (isPeriodic && this.hasCount)) {
      this.pending = count;
      this.pendingAt = isPeriodic && this.isCounting ? this.endOfCycle(tick) : 0;
      this.hasCount = true;
      return;
    }
    this.hasCount = true;
    this.initial = count;
    this.begin(tick, this.isGateHigh);
  }

  setGate(isHigh: bool, tick: i64): void {
    if (isHigh == this.isGateHigh) return;
    this.settle(tick);
    this.isGateHigh = isHigh;
    const mode = this.mode;
    if (mode == HARDWARE_ONE_SHOT || mode == HARDWARE_STROBE) {
      if (isHigh) this.trigger(tick);
    } else if (!isHigh) {
      this.elapsed = this.elapsedAt(tick);
      this.isCounting = false;
      this.pendingAt = 0;
    } else if (mode == RATE_GENERATOR || mode == SQUARE_WAVE) this.trigger(tick);
    else if (this.hasCount) {
      this.start = tick - this.elapsed;
      this.isCounting = true;
    }
  }

  /** OUT is high. */
  outAt(tick: i64): bool {
    this.settle(tick);
    const elapsed = this.elapsedAt(tick);
    const mode = this.mode;
    if (mode == INTERRUPT_ON_TERMINAL_COUNT) return this.hasCount && elapsed >= this.initial;
    if (mode == SOFTWARE_STROBE) return !this.hasCount || elapsed != this.initial;
    if (!this.isCounting) return true;
    if (mode == HARDWARE_ONE_SHOT) return elapsed >= this.initial;
    if (mode == HARDWARE_STROBE) return elapsed != this.initial;
    const inCycle = elapsed % this.initial;
    if (mode == RATE_GENERATOR) return this.initial == 1 || inCycle != this.initial - 1;
    return inCycle < this.highHalf(this.initial);
  }

  /** The counting element's 16 bits, in BCD if it counts so. */
  countAt(tick: i64): u32 {
    this.settle(tick);
    const elapsed = this.elapsedAt(tick);
    const mode = this.mode;
    let count = this.initial - elapsed;
    if (mode == RATE_GENERATOR) count = this.initial - (elapsed % this.initial);
    else if (mode == SQUARE_WAVE) count = this.squareWaveCount(elapsed % this.initial);
    const counts = this.counts;
    count %= counts;
    if (count < 0) count += counts;
    return <u32>(this.control & CONTROL_BCD ? toDigits(count) : count);
  }

  /** A count has been written that is not counted yet. */
  hasNullCount(tick: i64): bool {
    this.settle(tick);
    return !this.hasCount || this.pending != 0;
  }

  /** The first tick behind `tick` at which OUT rises, or NEVER_RISES. */
  nextRise(tick: i64): i64 {
    this.settle(tick);
    if (!this.isCounting) return NEVER_RISES;
    const elapsed = this.elapsedAt(tick);
    const mode = this.mode;
    if (mode == INTERRUPT_ON_TERMINAL_COUNT || mode == HARDWARE_ONE_SHOT) {
      return elapsed < this.initial ? this.start + this.initial : NEVER_RISES;
    }
    if (mode != RATE_GENERATOR && mode != SQUARE_WAVE) {
      return elapsed <= this.initial ? this.start + this.initial + 1 : NEVER_RISES;
    }
    const end = this.start + (elapsed / this.initial + 1) * this.initial;
    if (this.pending != 0 && mode == SQUARE_WAVE && this.pendingAt < end) {
      // The low half is the new count's already.
      const lowHalf = this.pending - this.highHalf(this.pending);
      return lowHalf == 0 ? NEVER_RISES : this.pendingAt + lowHalf;
    }
    return this.initial == 1 ? NEVER_RISES : end;
  }

  /** `tick` is now, before and behind the visit: all that is kept is told relative to it. */
  visit(table: StateTable, tick: i64): void {
    this.settle(tick);
    this.control = <u32>table.atMost(this.control, CONTROL_BITS);
    this.initial = max<i64>(1, table.atMost(this.initial, LARGEST_COUNT));
    this.hasCount = table.flag(this.hasCount);
    this.isCounting = table.flag(this.isCounting);
    // It may start with the next tick.
    this.start = tick + 1 - <i64>table.atMost(this.isCounting ? tick + 1 - this.start : 0, OLDEST);
    this.elapsed = table.atMost(this.isCounting ? 0 : this.elapsed, OLDEST);
    this.pending = table.atMost(this.pending, LARGEST_COUNT);
    const distance = table.atMost(this.pendingAt > tick ? this.pendingAt - tick : 0, LARGEST_COUNT);
    this.pendingAt = distance == 0 ? 0 : tick + <i64>distance;
    this.isGateHigh = table.flag(this.isGateHigh);
  }

  private get counts(): i64 {
    return this.control & CONTROL_BCD ? DECIMAL_COUNTS : BINARY_COUNTS;
  }

  private elapsedAt(tick: i64): i64 {
    // The tick at which a count is loaded has not come yet when it is 0 ticks ago.
    return this.isCounting ? max<i64>(0, tick - this.start) : this.elapsed;
  }

  private begin(tick: i64, isCounting: bool): void {
    this.start = tick + 1;
    this.elapsed = 0;
    this.pending = 0;
    this.isCounting = isCounting;
  }

  private trigger(tick: i64): void {
    if (!this.hasCount) return;
    if (this.pending != 0) this.initial = this.pending;
    this.begin(tick, true);
  }

  /** How long OUT is high in a square wave. */
  private highHalf(count: i64): i64 {
    return (count + 1) >> 1;
  }

  /** It counts down by two in each half, from the even number. */
  private squareWaveCount(inCycle: i64): i64 {
    const high = this.highHalf(this.initial);
    const inHalf = inCycle < high ? inCycle : inCycle - high;
    return (this.initial & ~1) - 2 * inHalf;
  }

  /** When a new count takes over from one that is counted: with the half of a square wave, else with the cycle. */
  private endOfCycle(tick: i64): i64 {
    const elapsed = this.elapsedAt(tick);
    const cycle = this.start + (elapsed / this.initial) * this.initial;
    const half = cycle + this.highHalf(this.initial);
    return this.mode == SQUARE_WAVE && tick < half ? half : cycle + this.initial;
  }

  /** Loads the pending count if its time has come. */
  private settle(tick: i64): void {
    if (this.pending == 0 || this.pendingAt == 0 || tick < this.pendingAt) return;
    const isInLowHalf = this.mode == SQUARE_WAVE && (this.pendingAt - this.start) % this.initial != 0;
    this.start = isInLowHalf ? this.pendingAt - this.highHalf(this.pending) : this.pendingAt;
    this.initial = this.pending;
    this.pending = 0;
  }
}
