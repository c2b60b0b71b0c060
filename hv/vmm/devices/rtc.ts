// The PC's real-time clock: Motorola's MC146818 (data sheet, "Registers") at ports 0x70 and 0x71, and the CMOS memory
// in it.

import { Device } from "../bus";
import { InterruptLine } from "../interrupts";
import { StateTable } from "../state";
import { Alarm, Alarms, Clock, NEVER } from "../time";
import { CMOS_BYTES, fillCmos } from "./cmos";
import { RTC_HAS_24_HOURS, RtcTime } from "./rtc-time";

export const RTC_START: u32 = 0x70;
export const RTC_PORTS: u32 = 2;

const INDEX: u32 = 0;
/** Bit 7 of the index masks NMIs, of which there are none. */
const INDEX_MASK: u32 = CMOS_BYTES - 1;

const REGISTER_A: u32 = 0x0a;
const REGISTER_B: u32 = 0x0b;
const REGISTER_C: u32 = 0x0c;
const REGISTER_D: u32 = 0x0d;

const A_UPDATE_IN_PROGRESS: u8 = 0x80;
/** Both bits of the divider: it is held in reset. */
const A_DIVIDER_RESET: u8 = 0x60;
const A_RATE: u8 = 0x0f;
/** As firmware leaves it: a quartz of 32,768 Hz, and 1,024 periodic interrupts a second. */
const A_AT_START: u8 = 0x26;

const B_SET: u8 = 0x80;
/** The enables have the places of their flags in register C. */
const B_ENABLES: u8 = 0x70;
const B_SQUARE_WAVE: u8 = 0x08;

const C_REQUEST: u8 = 0x80;
const C_PERIODIC: u8 = 0x40;
const C_ALARM: u8 = 0x20;
const C_UPDATE_ENDED: u8 = 0x10;

const D_RAM_IS_VALID: u8 = 0x80;

/** The divider chain's input. */
const DIVIDER_HERTZ: u32 = 32768;
const DIVIDER_BITS: u64 = 15;
const DIVIDER_MASK: u64 = 0x7fff;
/** The first update comes half a second behind the end of the divider's reset. */
const HALF_A_SECOND: u64 = 16384;
/** UIP is set 244 microseconds before an update cycle, which takes 1,984: 2,228 microseconds. */
const UPDATE_PERIODS: u64 = 73;

/** "RTC " */
const TAG: u32 = 0x52544320;
const VERSION: u32 = 2;
/** A divider that has counted longer is none. */
const LATEST_DIVIDER: u64 = 1 << 56;

class RtcAlarm extends Alarm {
  constructor(private readonly rtc: Rtc) {
    super();
  }

  ring(_now: u64): void {
    this.rtc.onAlarm();
  }
}

/**
 * The flags of register C are worked out when somebody looks at them. An alarm is set only for what will raise the
 * line, so that software which does not read register C gets one interrupt, as the chip gives.
 */
export class Rtc extends Device {
  private readonly registers: StaticArray<u8> = new StaticArray<u8>(CMOS_BYTES);
  private readonly time: RtcTime = new RtcTime(this.registers);
  private readonly alarm!: Alarm;
  private index: u32 = 0;
  /** The divider has counted `base` at `origin` of the clock; while it is held in reset, always `base`. */
  private origin: u64;
  private base: u64 = 0;
  /** Seconds since 1970 less the divider's seconds, while the time runs; else the registers are the time. */
  private offset: i64;
  /** How far the divider was when the flags were worked out. */
  private seen: u64 = 0;

  /**
   * It is `startTime`, in seconds since 1970, now. `line` is input 8. `ramBytes` of guest RAM from 0 on are told in the
   * CMOS memory.
   */
  constructor(
    private readonly clock: Clock,
    private readonly alarms: Alarms,
    private readonly line: InterruptLine,
    startTime: u64,
    ramBytes: u64,
  ) {
    super();
    this.origin = clock.now;
    this.offset = startTime;
    this.alarm = new RtcAlarm(this);
    alarms.add(this.alarm);
    fillCmos(this.registers, ramBytes);
    this.registers[REGISTER_A] = A_AT_START;
    this.registers[REGISTER_B] = RTC_HAS_24_HOURS;
    this.registers[REGISTER_D] = D_RAM_IS_VALID;
  }

  /** The chip's RESET pin: no interrupts. The time goes on, and the memory stays. */
  reset(): void {
    this.index = 0;
    this.registers[REGISTER_B] &= ~(B_ENABLES | B_SQUARE_WAVE);
    this.workOut();
    this.registers[REGISTER_C] = 0;
    this.follow();
  }

  /** Seconds since 1970, as the guest has set them. */
  get seconds(): i64 {
    return this.isRunning ? this.secondsAt(this.divider) : this.time.load(this.registers[REGISTER_B]);
  }

  /** The index cannot be read. */
  read(offset: u32, _bytes: u32): u64 {
    return offset == INDEX ? 0xff : this.readRegister(this.index);
  }

  write(offset: u32, _bytes: u32, value: u64): void {
    if (offset == INDEX) this.index = (<u32>value) & INDEX_MASK;
    else this.writeRegister(this.index, <u8>value);
  }

  onAlarm(): void {
    this.workOut();
    this.follow();
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.onAlarm();
    // The part of a tick that is over is kept, too.
    const now = this.clock.now;
    this.base = table.atMost(this.base, LATEST_DIVIDER);
    this.origin = now - table.atMost(now - this.origin, LATEST_DIVIDER);
    if (this.divider > LATEST_DIVIDER) this.base = 0;
    this.seen = table.number(this.seen);
    this.index = <u32>table.atMost(this.index, INDEX_MASK);
    this.offset = table.number(this.offset);
    this.time.weekdayOffset = <u32>table.atMost(this.time.weekdayOffset, 6);
    table.bytes(this.registers);
    this.seen = min(this.seen, this.divider);
    this.follow();
  }

  private get isDividerReset(): bool {
    return (this.registers[REGISTER_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
  }

  /** The registers follow the divider. */
  private get isRunning(): bool {
    return !(this.registers[REGISTER_B] & B_SET) && !this.isDividerReset;
  }

  /** Periods of the quartz that the divider has counted. */
  private get divider(): u64 {
    if (this.isDividerReset) return this.base;
    return this.base + this.clock.countOf(this.clock.now - this.origin, DIVIDER_HERTZ);
  }

  private secondsAt(divider: u64): i64 {
    return this.offset + <i64>(divider >> DIVIDER_BITS);
  }

  /** Periods of the quartz between two periodic interrupts, as a power of 2; 0 where there are none. */
  private get rate(): u64 {
    const select = <u64>(this.registers[REGISTER_A] & A_RATE);
    if (select == 0) return 0;
    // The first two repeat two of the later ones.
    return select <= 2 ? select + 6 : select - 1;
  }

  private readRegister(index: u32): u8 {
    if (this.time.isTime(index)) this.refresh();
    else if (index == REGISTER_A) return this.registers[REGISTER_A] | this.updateInProgress;
    else if (index == REGISTER_C) return this.takeFlags();
    return this.registers[index];
  }

  private writeRegister(index: u32, value: u8): void {
    this.workOut();
    if (this.time.isTime(index)) this.writeTime(index, value);
    else if (index == REGISTER_A) this.writeA(value & ~A_UPDATE_IN_PROGRESS);
    else if (index == REGISTER_B) this.writeB(value);
    else if (index != REGISTER_C && index != REGISTER_D) this.registers[index] = value;
    this.follow();
  }

  /** Registers C's flags are gone once they are read, and the line falls. */
  private takeFlags(): u8 {
    this.workOut();
    const flags = this.registers[REGISTER_C];
    this.registers[REGISTER_C] = 0;
    this.follow();
    return flags;
  }

  private writeTime(index: u32, value: u8): void {
    this.refresh();
    this.registers[index] = value;
    if (this.isRunning) this.startTime();
  }

  private writeA(value: u8): void {
    const wasReset = this.isDividerReset;
    const wasRunning = this.isRunning;
    const divider = this.divider;
    this.refresh();
    this.registers[REGISTER_A] = value;
    if (wasReset == this.isDividerReset) return;
    this.base = wasReset ? (divider & ~DIVIDER_MASK) + HALF_A_SECOND : divider;
    this.origin = this.clock.now;
    this.seen = this.base;
    if (!wasRunning && this.isRunning) this.startTime();
  }

  private writeB(value: u8): void {
    const wasRunning = this.isRunning;
    this.refresh();
    this.registers[REGISTER_B] = value & B_SET ? value & ~C_UPDATE_ENDED : value;
    if (!wasRunning && this.isRunning) this.startTime();
  }

  /** The time goes on from what the registers tell. */
  private startTime(): void {
    const seconds = this.time.load(this.registers[REGISTER_B]);
    this.offset = seconds - <i64>(this.divider >> DIVIDER_BITS);
  }

  /** Brings the time registers up to date. */
  private refresh(): void {
    if (this.isRunning) this.time.store(this.secondsAt(this.divider), this.registers[REGISTER_B]);
  }

  private get updateInProgress(): u8 {
    const isUpdating = (this.divider & DIVIDER_MASK) >= DIVIDER_MASK + 1 - UPDATE_PERIODS;
    return isUpdating && this.isRunning ? A_UPDATE_IN_PROGRESS : 0;
  }

  /** Works out which flags have been set since it was last called. */
  private workOut(): void {
    const divider = this.divider;
    const seen = this.seen;
    this.seen = divider;
    const rate = this.rate;
    let flags: u8 = 0;
    if (rate != 0 && divider >> rate != seen >> rate) flags |= C_PERIODIC;
    if (this.isRunning && divider >> DIVIDER_BITS != seen >> DIVIDER_BITS) {
      flags |= C_UPDATE_ENDED;
      const alarm = this.time.nextAlarm(this.secondsAt(seen), this.registers[REGISTER_B]);
      if (alarm <= this.secondsAt(divider)) flags |= C_ALARM;
    }
    this.registers[REGISTER_C] |= flags;
  }

  /** Sets IRQF, the line, and the alarm for the next flag that would raise the line. */
  private follow(): void {
    const enables = this.registers[REGISTER_B] & B_ENABLES;
    const flags = this.registers[REGISTER_C] & ~C_REQUEST;
    const isRequesting = (flags & enables) != 0;
    this.registers[REGISTER_C] = isRequesting ? flags | C_REQUEST : flags;
    this.line.level = isRequesting;
    const next = isRequesting || enables == 0 ? NEVER : this.nextRequest(enables);
    this.alarms.set(this.alarm, next == NEVER ? NEVER : this.clockAt(next));
  }

  /** How far the divider is when the next flag comes that is enabled, or NEVER. */
  private nextRequest(enables: u8): u64 {
    if (this.isDividerReset) return NEVER;
    const seen = this.seen;
    const rate = this.rate;
    let next = NEVER;
    if (enables & C_PERIODIC && rate != 0) next = ((seen >> rate) + 1) << rate;
    if (!this.isRunning) return next;
    if (enables & C_UPDATE_ENDED) next = min(next, ((seen >> DIVIDER_BITS) + 1) << DIVIDER_BITS);
    if (!(enables & C_ALARM)) return next;
    const alarm = this.time.nextAlarm(this.secondsAt(seen), this.registers[REGISTER_B]);
    return alarm == i64.MAX_VALUE ? next : min(next, (<u64>(alarm - this.offset)) << DIVIDER_BITS);
  }

  private clockAt(divider: u64): u64 {
    return this.origin + this.clock.ticksOf(divider - this.base, DIVIDER_HERTZ);
  }
}
