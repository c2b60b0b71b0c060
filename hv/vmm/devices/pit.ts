// The PC's timer: Intel's 8254 (data sheet 231164) at ports 0x40 to 0x43, of which counter 0 drives IRQ 0.

import { Device } from "../bus";
import { InterruptLine } from "../interrupts";
import { StateTable } from "../state";
import { Alarm, Alarms, Clock, NEVER } from "../time";
import { PitChannel } from "./pit-channel";
import { NEVER_RISES } from "./pit-counter";

export const PIT_START: u32 = 0x40;
export const PIT_PORTS: u32 = 4;
/** The clock of all three counters. */
export const PIT_HERTZ: u32 = 1193182;

/** The port behind those of the channels is the control word's. */
const CHANNELS: u32 = 3;
/** "PIT " */
const TAG: u32 = 0x50495420;
const VERSION: u32 = 2;
/** A clock that has run longer is none. */
const LATEST_TICK: u64 = 1 << 58;

// The control word's bits: which counter, or the read-back command, and what is done with it.
const SELECT_SHIFT: u32 = 6;
const ACCESS_BITS: u32 = 0x30;
// Of the read-back command; 0 is what latches.
const READ_BACK_NO_COUNT: u32 = 0x20;
const READ_BACK_NO_STATUS: u32 = 0x10;

class PitAlarm extends Alarm {
  constructor(private readonly pit: Pit) {
    super();
  }

  ring(_now: u64): void {
    this.pit.onRise();
  }
}

/**
 * The line follows OUT of counter 0 in its rising edges, each of which is one alarm; it falls late, just before it
 * rises again or when the counter is programmed. Edges whose time is over by more than a period become one; the later
 * ones are in time.
 */
export class Pit extends Device {
  private readonly channels: StaticArray<PitChannel> = new StaticArray<PitChannel>(CHANNELS);
  private readonly alarm!: Alarm;
  /** The clock's value at tick `base`. */
  private origin: u64;
  private base: u64 = 0;

  /** `line` is input 0. */
  constructor(
    private readonly clock: Clock,
    private readonly alarms: Alarms,
    private readonly line: InterruptLine,
  ) {
    super();
    for (let i: u32 = 0; i < CHANNELS; i++) this.channels[i] = new PitChannel();
    this.origin = clock.now;
    this.alarm = new PitAlarm(this);
    alarms.add(this.alarm);
    this.reset();
  }

  reset(): void {
    for (let i: u32 = 0; i < CHANNELS; i++) this.channels[i].reset();
    this.gate2 = false;
    this.follow();
  }

  /** Ticks of the PIT's clock. */
  get tick(): i64 {
    return this.base + this.clock.countOf(this.clock.now - this.origin, PIT_HERTZ);
  }

  /** The gate of counter 2, which port 0x61 drives. Those of the others are high. */
  get gate2(): bool {
    return this.channels[2].counter.gate;
  }

  set gate2(isHigh: bool) {
    this.channels[2].counter.setGate(isHigh, this.tick);
  }

  get out2(): bool {
    return this.channels[2].counter.outAt(this.tick);
  }

  /** The control word cannot be read. */
  read(offset: u32, _bytes: u32): u64 {
    return offset < CHANNELS ? this.channels[offset].read(this.tick) : 0xff;
  }

  write(offset: u32, _bytes: u32, value: u64): void {
    const tick = this.tick;
    const byte = (<u32>value) & 0xff;
    const channel = offset < CHANNELS ? offset : byte >> SELECT_SHIFT;
    // Only what programs counter 0 can change its OUT.
    const programs = channel == 0 && (offset == 0 || (byte & ACCESS_BITS) != 0);
    if (programs) this.settle(tick);
    if (offset < CHANNELS) this.channels[offset].write(byte, tick);
    else this.command(byte, tick);
    if (programs) this.follow();
  }

  /** OUT of counter 0 has risen. */
  onRise(): void {
    this.line.level = false;
    this.line.level = true;
    this.schedule();
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    if (this.alarm.deadline <= this.clock.now) this.onRise();
    // The part of a tick that is over is kept, too.
    const now = this.clock.now;
    this.base = table.atMost(this.base, LATEST_TICK);
    this.origin = now - table.atMost(now - this.origin, LATEST_TICK);
    if (<u64>this.tick > LATEST_TICK) this.base = 0;
    const tick = this.tick;
    for (let i: u32 = 0; i < CHANNELS; i++) this.channels[i].visit(table, tick);
    this.line.level = table.flag(this.line.level);
    this.schedule();
  }

  private command(value: u32, tick: i64): void {
    const channel = value >> SELECT_SHIFT;
    if (channel == CHANNELS) this.readBack(value, tick);
    else if ((value & ACCESS_BITS) == 0) this.channels[channel].latchCount(tick);
    else this.channels[channel].setControl(value);
  }

  private readBack(value: u32, tick: i64): void {
    for (let i: u32 = 0; i < CHANNELS; i++) {
      if (!(value & (2 << i))) continue;
      if (!(value & READ_BACK_NO_COUNT)) this.channels[i].latchCount(tick);
      if (!(value & READ_BACK_NO_STATUS)) this.channels[i].latchStatus(tick);
    }
  }

  /** Before counter 0 is programmed: an edge that has been comes first, and then the line is what OUT is. */
  private settle(tick: i64): void {
    if (this.alarm.deadline <= this.clock.now) this.onRise();
    this.line.level = this.channels[0].counter.outAt(tick);
  }

  private follow(): void {
    this.line.level = this.channels[0].counter.outAt(this.tick);
    this.schedule();
  }

  private schedule(): void {
    const rise = this.channels[0].counter.nextRise(this.tick);
    const ticks = <u64>max<i64>(0, rise - this.base);
    const isRising = rise != NEVER_RISES;
    this.alarms.set(this.alarm, isRising ? this.origin + this.clock.ticksOf(ticks, PIT_HERTZ) : NEVER);
  }
}
