// ACPI's fixed hardware (ACPI 6.4, 4.8.3): the PM1a event and control blocks and the PM timer, in ACPI mode from the
// start.

import { Device } from "../bus";
import { InterruptLine } from "../interrupts";
import { SIGNAL_POWER_OFF, Signals } from "../signals";
import { StateTable } from "../state";
import { Alarm, Alarms, Clock, NEVER } from "../time";

/** Where the FADT says that the blocks are. */
export const PM1A_EVENT_BLOCK: u32 = 0x600;
export const PM1A_CONTROL_BLOCK: u32 = 0x604;
export const PM_TIMER_BLOCK: u32 = 0x608;
export const PM_PORTS: u32 = 12;
/** For PortBus.attachWide. */
export const PM_WIDEST: u32 = 4;
/** Of the PM timer, which has 32 bits (TMR_VAL_EXT). */
export const PM_TIMER_HERTZ: u32 = 3579545;
/** The sleep type of the \_S5 object. */
export const SLEEP_TYPE_OFF: u32 = 5;

// The words of 4 bytes.
const EVENTS: u32 = 0;
const CONTROL: u32 = 1;
const TIMER: u32 = 2;

// Events: the same bits in the status and in the enable register.
const EVENT_TIMER: u32 = 0x0001;
const EVENT_POWER_BUTTON: u32 = 0x0100;
/**
 * Timer, bus master (status only), global lock, power button, sleep button, real-time clock, PCI Express wake, wake.
 */
const STATUS_BITS: u32 = 0xc731;
const ENABLE_BITS: u32 = 0x4721;
const ENABLE_SHIFT: u32 = 16;
const STATUS_MASK: u32 = 0xffff;

const SCI_ENABLED: u32 = 0x0001;
const BUS_MASTER_RELOAD: u32 = 0x0002;
const SLEEP_TYPE_SHIFT: u32 = 10;
const SLEEP_TYPE_BITS: u32 = 7 << SLEEP_TYPE_SHIFT;
/** Reads 0. */
const SLEEP_ENABLE: u32 = 0x2000;

/** The timer's status is set when its highest bit changes. */
const TIMER_HALF_BITS: u64 = 31;

/** "PM1A" */
const TAG: u32 = 0x504d3141;
const VERSION: u32 = 2;
/** A timer that has run longer is none. */
const LATEST_TIMER: u64 = 1 << 58;

class PmTimerAlarm extends Alarm {
  constructor(private readonly registers: PowerManagement) {
    super();
  }

  ring(_now: u64): void {
    this.registers.onTimer();
  }
}

export class PowerManagement extends Device {
  private readonly alarm!: Alarm;
  private status: u32 = 0;
  private enable: u32 = 0;
  private control: u32 = SCI_ENABLED;
  /**
   * The timer is at `base` at `origin` of the clock; its status has been worked out for the halves up to `seenHalf`.
   */
  private origin: u64;
  private base: u64 = 0;
  private seenHalf: u64 = 0;

  /** `line` is the SCI, input 9, which is level-triggered. */
  constructor(
    private readonly clock: Clock,
    private readonly alarms: Alarms,
    private readonly line: InterruptLine,
    private readonly signals: Signals,
  ) {
    super();
    this.origin = clock.now;
    this.alarm = new PmTimerAlarm(this);
    alarms.add(this.alarm);
  }

  /** The timer goes on. */
  reset(): void {
    this.status = 0;
    this.enable = 0;
    this.control = SCI_ENABLED;
    this.seenHalf = this.timer >> TIMER_HALF_BITS;
    this.follow();
  }

  pressPowerButton(): void {
    this.status |= EVENT_POWER_BUTTON;
    this.follow();
  }

  read(offset: u32, bytes: u32): u64 {
    const first = offset >> 2;
    const shift = (offset & 3) * 8;
    let value = this.readWord(first) >> shift;
    // An access may lie in two words.
    if ((offset & 3) + bytes > 4) value |= this.readWord(first + 1) << (32 - shift);
    return value & (((<u64>1) << (8 * bytes)) - 1);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    const first = offset >> 2;
    const shift = (offset & 3) * 8;
    const mask: u64 = (((<u64>1) << (8 * bytes)) - 1) << shift;
    const shifted = value << shift;
    this.writeWord(first, <u32>shifted, <u32>mask);
    if (mask >> 32) this.writeWord(first + 1, <u32>(shifted >> 32), <u32>(mask >> 32));
  }

  /** The timer's highest bit may have changed. */
  onTimer(): void {
    const half = this.timer >> TIMER_HALF_BITS;
    if (half != this.seenHalf) this.status |= EVENT_TIMER;
    this.seenHalf = half;
    this.follow();
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.onTimer();
    this.status = <u32>table.atMost(this.status, STATUS_BITS);
    this.enable = <u32>table.atMost(this.enable, ENABLE_BITS);
    this.control = (<u32>table.u16(<u16>this.control)) | SCI_ENABLED;
    // The part of a tick that is over is kept, too.
    const now = this.clock.now;
    this.base = table.atMost(this.base, LATEST_TIMER);
    this.origin = now - table.atMost(now - this.origin, LATEST_TIMER);
    if (this.timer > LATEST_TIMER) this.base = 0;
    this.seenHalf = this.timer >> TIMER_HALF_BITS;
    this.follow();
  }

  private get timer(): u64 {
    return this.base + this.clock.countOf(this.clock.now - this.origin, PM_TIMER_HERTZ);
  }

  private readWord(word: u32): u64 {
    if (word == TIMER) return this.timer & 0xffffffff;
    if (word == CONTROL) return this.control;
    if (word != EVENTS) return 0;
    this.onTimer();
    return this.status | (this.enable << ENABLE_SHIFT);
  }

  /** Writes the bits of `mask`. The timer is for reading. */
  private writeWord(word: u32, value: u32, mask: u32): void {
    if (word == EVENTS) this.writeEvents(value & mask, mask);
    else if (word == CONTROL && mask & STATUS_MASK) this.writeControl((this.control & ~mask) | (value & mask));
  }

  /** A 1 clears a bit of the status. */
  private writeEvents(value: u32, mask: u32): void {
    this.onTimer();
    this.status &= ~(value & STATUS_MASK);
    const enableMask = mask >> ENABLE_SHIFT;
    this.enable = ((this.enable & ~enableMask) | (value >> ENABLE_SHIFT)) & ENABLE_BITS;
    this.follow();
  }

  private writeControl(value: u32): void {
    this.control = (value & (SLEEP_TYPE_BITS | BUS_MASTER_RELOAD)) | SCI_ENABLED;
    if (!(value & SLEEP_ENABLE)) return;
    const sleepType = (value & SLEEP_TYPE_BITS) >> SLEEP_TYPE_SHIFT;
    if (sleepType == SLEEP_TYPE_OFF) this.signals.raised |= SIGNAL_POWER_OFF;
    else this.signals.tell("power management: the guest asked for a sleep state other than S5; ignored");
  }

  /** The SCI, and an alarm for the timer's event if that would raise it. */
  private follow(): void {
    this.line.level = (this.status & this.enable) != 0;
    const isAwaited = (this.enable & EVENT_TIMER) != 0 && (this.status & EVENT_TIMER) == 0;
    this.alarms.set(this.alarm, isAwaited ? this.clockAt((this.seenHalf + 1) << TIMER_HALF_BITS) : NEVER);
  }

  private clockAt(timer: u64): u64 {
    return this.origin + this.clock.ticksOf(timer - this.base, PM_TIMER_HERTZ);
  }
}
