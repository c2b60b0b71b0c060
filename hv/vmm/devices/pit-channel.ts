// How software reaches one counter of the 8254 (data sheet 231164, "Programming the 8254"): a byte at a time, with
// latches.

import { StateTable } from "../state";
import { PitCounter } from "./pit-counter";

// Which bytes of the count are written and read: bits 5:4 of the control word.
const ACCESS_LOW: u32 = 1;
const ACCESS_HIGH: u32 = 2;

const STATUS_OUT: u32 = 0x80;
const STATUS_NULL_COUNT: u32 = 0x40;

export class PitChannel {
  readonly counter: PitCounter = new PitCounter();
  private isHighNext: bool = false;
  private isHighNextInRead: bool = false;
  private lowByte: u32 = 0;
  private hasLatchedCount: bool = false;
  private latchedCount: u32 = 0;
  private hasLatchedStatus: bool = false;
  private latchedStatus: u32 = 0;

  reset(): void {
    this.setControl(0x30);
  }

  setControl(control: u32): void {
    this.counter.setControl(control);
    this.isHighNext = false;
    this.isHighNextInRead = false;
    this.hasLatchedCount = false;
    this.hasLatchedStatus = false;
  }

  /** A latched count stays until it has been read. */
  latchCount(tick: i64): void {
    if (this.hasLatchedCount) return;
    this.hasLatchedCount = true;
    this.latchedCount = this.counter.countAt(tick);
  }

  latchStatus(tick: i64): void {
    if (this.hasLatchedStatus) return;
    this.hasLatchedStatus = true;
    const out: u32 = this.counter.outAt(tick) ? STATUS_OUT : 0;
    const nullCount: u32 = this.counter.hasNullCount(tick) ? STATUS_NULL_COUNT : 0;
    this.latchedStatus = out | nullCount | this.counter.control;
  }

  /** The status if that is latched, else a byte of the latched count, or of the count as it is. */
  read(tick: i64): u32 {
    if (this.hasLatchedStatus) {
      this.hasLatchedStatus = false;
      return this.latchedStatus;
    }
    const count = this.hasLatchedCount ? this.latchedCount : this.counter.countAt(tick);
    const access = this.access;
    const isHigh = access == ACCESS_HIGH || (access != ACCESS_LOW && this.isHighNextInRead);
    const isBoth = access != ACCESS_HIGH && access != ACCESS_LOW;
    if (isBoth) this.isHighNextInRead = !isHigh;
    if (!isBoth || isHigh) this.hasLatchedCount = false;
    return isHigh ? count >> 8 : count & 0xff;
  }

  write(value: u32, tick: i64): void {
    const access = this.access;
    if (access == ACCESS_LOW) this.counter.load(value, tick);
    else if (access == ACCESS_HIGH) this.counter.load(value << 8, tick);
    else if (this.isHighNext) {
      this.isHighNext = false;
      this.counter.load((value << 8) | this.lowByte, tick);
    } else {
      this.isHighNext = true;
      this.lowByte = value;
      this.counter.stop(tick);
    }
  }

  visit(table: StateTable, tick: i64): void {
    this.counter.visit(table, tick);
    this.isHighNext = table.flag(this.isHighNext);
    this.isHighNextInRead = table.flag(this.isHighNextInRead);
    this.lowByte = <u32>table.atMost(this.lowByte, 0xff);
    this.hasLatchedCount = table.flag(this.hasLatchedCount);
    this.latchedCount = <u32>table.atMost(this.latchedCount, 0xffff);
    this.hasLatchedStatus = table.flag(this.hasLatchedStatus);
    this.latchedStatus = <u32>table.atMost(this.latchedStatus, 0xff);
  }

  private get access(): u32 {
    return (this.counter.control >> 4) & 3;
  }
}
