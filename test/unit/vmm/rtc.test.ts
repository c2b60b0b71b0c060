// The MC146818 and the CMOS memory behind it, held against the data sheet and JavaScript's Date.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NEVER, PcDevices, StateNumbers, numbersFrom, time } from "./pc-devices.ts";

const IRQ_8 = 8;
const KILOHERTZ = 1_000_000;
const SECOND = BigInt(KILOHERTZ) * 1000n;
const [A, B, C, D] = [0x0a, 0x0b, 0x0c, 0x0d] as const;
const [SET, PIE, AIE, UIE, BINARY, HOURS_24] = [0x80, 0x40, 0x20, 0x10, 0x04, 0x02] as const;
/** Seconds, minutes, hours, weekday, day, month, year, century. */
const TIME = [0, 2, 4, 6, 7, 8, 9, 0x32] as const;

class Clock {
  readonly pc: PcDevices;

  constructor(startTime: number, ramBytes = 512n << 20n) {
    this.pc = new PcDevices({ kilohertz: KILOHERTZ, startTime: BigInt(startTime), ramBytes });
  }

  get(index: number): number {
    this.pc.out(0x70, index);
    return this.pc.in(0x71);
  }

  set(index: number, value: number): void {
    this.pc.out(0x70, index);
    this.pc.out(0x71, value);
  }

  /** Lets time pass, alarms and all; how many rang. */
  pass(ticks: bigint): number {
    return this.pc.passUntil(time.now + ticks);
  }

  get time(): number[] {
    return TIME.map((index) => this.get(index));
  }
}

const bcd = (value: number): number => Number.parseInt(String(value), 16);

/** What the time registers hold at a time, by JavaScript's calendar. */
function registersOf(seconds: number, format: number): number[] {
  const date = new Date(seconds * 1000);
  const form = (value: number): number => (format & BINARY ? value : bcd(value));
  const hour = date.getUTCHours();
  const half = form(hour % 12 === 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0);
  const year = date.getUTCFullYear();
  return [
    form(date.getUTCSeconds()),
    form(date.getUTCMinutes()),
    format & HOURS_24 ? form(hour) : half,
    form(date.getUTCDay() + 1),
    form(date.getUTCDate()),
    form(date.getUTCMonth() + 1),
    form(year % 100),
    form(Math.floor(year / 100)),
  ];
}

const FORMATS = [0, BINARY, HOURS_24, BINARY | HOURS_24];
const at = (text: string): number => Date.parse(text) / 1000;
const EDGES = [
  "1970-01-01T00:00:00Z",
  "1999-12-31T23:59:59Z",
  "2000-02-28T23:59:59Z",
  "2000-02-29T12:00:00Z",
  "2024-02-29T23:59:59Z",
  "2038-01-19T03:14:07Z",
  "2100-02-28T23:59:59Z",
  "9999-12-29T00:00:00Z",
].map(at);

test("the registers tell thousands of times as JavaScript's Date does, in each of the four forms", () => {
  const next = numbersFrom(1);
  const clock = new Clock(0);
  const times = [...EDGES, ...Array.from({ length: 4000 }, () => next(0x7fffffff) * 100)];
  for (const [i, seconds] of times.entries()) {
    const format = FORMATS[i % 4]!;
    clock.set(B, SET | BINARY | HOURS_24);
    for (const [place, value] of registersOf(seconds, BINARY | HOURS_24).entries()) clock.set(TIME[place]!, value);
    clock.set(B, BINARY | HOURS_24);
    clock.set(B, format);
    assert.deepEqual(clock.time, registersOf(seconds, format), new Date(seconds * 1000).toISOString());
    assert.equal(clock.pc.seconds, seconds);
  }
});

test("what software sets in any form, the clock goes on from", () => {
  const next = numbersFrom(2);
  const clock = new Clock(0);
  for (let round = 0; round < 2000; round++) {
    const seconds = [...EDGES, next(0x7fffffff) * 100][next(EDGES.length + 1)]!;
    const format = FORMATS[next(4)]!;
    clock.set(B, SET | format);
    for (const [place, value] of registersOf(seconds, format).entries()) clock.set(TIME[place]!, value);
    clock.pass(SECOND * BigInt(next(100)));
    assert.deepEqual(clock.time, registersOf(seconds, format), "it stands still meanwhile");
    clock.set(B, format);
    const passed = next(100_000);
    clock.pass(SECOND * BigInt(passed));
    assert.equal(clock.pc.seconds, seconds + passed);
    assert.deepEqual(clock.time, registersOf(seconds + passed, format));
  }
});

test("it is the start time when the machine starts, and a day later a day later", () => {
  const start = at("2026-11-21T13:45:59Z");
  const clock = new Clock(start);
  assert.deepEqual(clock.time, registersOf(start, HOURS_24));
  clock.pass(86_400n * SECOND);
  assert.deepEqual(clock.time, registersOf(start + 86_400, HOURS_24));
  clock.pc.reset();
  assert.deepEqual(clock.time, registersOf(start + 86_400, HOURS_24), "a reset leaves the time alone");
});

test("one register that is set while the clock runs changes that part of the time", () => {
  const start = at("2026-11-21T13:45:59Z");
  const clock = new Clock(start);
  clock.set(4, 0x07);
  assert.equal(clock.pc.seconds, start - 6 * 3600);
  clock.set(9, 0x30);
  assert.equal(clock.pc.seconds, at("2030-11-21T07:45:59Z"));
  assert.equal(clock.get(6), 7, "the day of the week is what it was: it is a counter of its own");
});

test("an update is in progress for the last 2,228 microseconds of each second, and then the time has changed", () => {
  const clock = new Clock(0);
  const start = time.now;
  for (let second = 0n; second < 5n; second++) {
    time.now = start + (second + 1n) * SECOND - 2_229_000n;
    assert.equal(clock.get(A), 0x26);
    time.now = start + (second + 1n) * SECOND - 2_227_000n;
    assert.equal(clock.get(A), 0xa6);
    time.now = start + (second + 1n) * SECOND - 1_000n;
    assert.equal(clock.get(A), 0xa6);
    assert.equal(clock.get(0), Number(second));
    time.now = start + (second + 1n) * SECOND;
    assert.equal(clock.get(A), 0x26);
    assert.equal(clock.get(0), Number(second) + 1);
  }
  clock.set(B, SET | HOURS_24);
  time.now += SECOND - 1_000_000n;
  assert.equal(clock.get(A), 0x26, "with SET there is no update");
});

test("the first update comes half a second after the divider's reset has ended, as Linux sets the time", () => {
  const clock = new Clock(0);
  clock.pass(SECOND / 3n);
  clock.set(B, SET | HOURS_24);
  clock.set(A, 0x76);
  for (const [place, value] of registersOf(1_000_000, HOURS_24).entries()) clock.set(TIME[place]!, value);
  clock.pass(7n * SECOND);
  clock.set(B, HOURS_24);
  clock.set(A, 0x26);
  assert.equal(clock.pc.seconds, 1_000_000);
  clock.pass(SECOND / 2n - 1n);
  assert.equal(clock.pc.seconds, 1_000_000);
  clock.pass(1n);
  assert.equal(clock.pc.seconds, 1_000_001);
});

test("the update-ended interrupt comes each second, once register C has been read", () => {
  const clock = new Clock(0);
  clock.get(C);
  clock.set(B, UIE | HOURS_24);
  for (let second = 1; second <= 5; second++) {
    assert.equal(clock.pass(SECOND - 1n), 0);
    assert.equal(clock.pc.level(IRQ_8), false);
    assert.equal(clock.pass(1n), 1);
    assert.equal(clock.pc.rises(IRQ_8), second);
    assert.equal(clock.get(C), 0xd0);
    assert.equal(clock.pc.level(IRQ_8), false);
    assert.equal(clock.get(C), 0);
  }
  assert.equal(clock.pass(10n * SECOND), 1, "nobody reads register C: one interrupt, and no alarm behind it");
  assert.equal(clock.pc.nextAlarm, NEVER);
});

test("the periodic interrupt has the data sheet's rate for each of the fifteen selections", () => {
  const rates = [256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2];
  for (const [i, hertz] of rates.entries()) {
    const clock = new Clock(0);
    clock.set(A, 0x20 | (i + 1));
    clock.set(B, PIE | HOURS_24);
    const end = time.now + SECOND;
    let count = 0;
    while (clock.pc.nextAlarm <= end) {
      clock.pc.passUntil(clock.pc.nextAlarm);
      assert.equal(clock.get(C) & 0xc0, 0xc0);
      count++;
    }
    assert.equal(count, hertz);
  }
  const clock = new Clock(0);
  clock.set(A, 0x20);
  clock.set(B, PIE | HOURS_24);
  assert.equal(clock.pc.nextAlarm, NEVER);
});

test("periods that nobody saw are one interrupt, and the next one is in phase", () => {
  const clock = new Clock(0);
  const start = time.now;
  clock.set(A, 0x2f);
  clock.set(B, PIE | HOURS_24);
  time.now = start + 10n * SECOND + 1n;
  clock.pc.ring();
  clock.get(C);
  assert.equal(clock.pc.rises(IRQ_8), 1);
  assert.equal(clock.pc.nextAlarm, start + 10n * SECOND + SECOND / 2n);
});

test("without interrupts enabled the flags are there all the same, and no alarm is", () => {
  const clock = new Clock(0);
  assert.equal(clock.get(C), 0);
  clock.pass(SECOND);
  assert.equal(clock.pc.nextAlarm, NEVER);
  assert.equal(clock.get(C), 0x50);
  assert.equal(clock.get(C), 0);
});

test("to enable an interrupt whose flag is set interrupts at once", () => {
  const clock = new Clock(0);
  clock.pass(SECOND);
  clock.set(B, UIE | HOURS_24);
  assert.equal(clock.pc.level(IRQ_8), true);
  clock.set(B, HOURS_24);
  assert.equal(clock.pc.level(IRQ_8), false);
});

/** Whether an alarm's byte fits a register's. */
const fits = (alarm: number, value: number): boolean => (alarm & 0xc0) === 0xc0 || alarm === value;

test("the alarm comes in the first second whose registers its bytes fit, as a search second by second finds it", () => {
  const next = numbersFrom(3);
  for (let round = 0; round < 250; round++) {
    const start = next(86_400) + 86_400 * next(20_000);
    const clock = new Clock(start);
    const format = FORMATS[next(4)]!;
    clock.set(B, format);
    // As a rule one that comes soon, as each second until then is tried.
    const soon = registersOf(start + 1 + next([5, 100, 4000, 86_400][next(4)]!), format);
    const alarm = soon.slice(0, 3).map((value) => (next(3) === 0 ? 0xc0 | next(64) : value));
    for (const [i, value] of alarm.entries()) clock.set(1 + 2 * i, value);
    let expected = start + 1;
    while (
      registersOf(expected, format)
        .slice(0, 3)
        .some((value, i) => !fits(alarm[i]!, value))
    )
      expected++;
    clock.set(B, AIE | format);
    const from = time.now;
    assert.equal(clock.pc.nextAlarm, from + BigInt(expected - start) * SECOND, `${alarm.join()} from ${start}`);
    clock.pc.passUntil(clock.pc.nextAlarm);
    assert.equal(clock.pc.rises(IRQ_8), 1);
    assert.equal(clock.get(C) & 0xa0, 0xa0);
  }
});

test("an alarm at a time that does not exist never comes", () => {
  const clock = new Clock(0);
  for (const [index, value] of [
    [1, 0x60],
    [3, 0x75],
    [5, 0x24],
  ] as const) {
    for (const other of [1, 3, 5]) clock.set(other, 0);
    clock.set(index, value);
    clock.set(B, AIE | HOURS_24);
    assert.equal(clock.pc.nextAlarm, NEVER, `${index}`);
    clock.set(B, HOURS_24);
  }
});

test("SET clears the enable of the update-ended interrupt, and the registers C and D cannot be written", () => {
  const clock = new Clock(0);
  clock.set(B, SET | UIE | AIE | HOURS_24);
  assert.equal(clock.get(B), SET | AIE | HOURS_24);
  clock.set(C, 0xff);
  clock.set(D, 0);
  assert.deepEqual([clock.get(C), clock.get(D)], [0, 0x80]);
  clock.set(A, 0xff);
  assert.equal(clock.get(A), 0x7f);
  clock.pc.reset();
  assert.equal(clock.get(B), SET | HOURS_24, "a reset disables the interrupts");
});

test("the CMOS memory tells the sizes of memory, and keeps what is written", () => {
  for (const [mebibytes, extended, above16] of [
    [8n, 7 * 1024, 0],
    [64n, 63 * 1024, 48 * 16],
    [512n, 0xffff, 496 * 16],
    [3072n, 0xffff, 3056 * 16],
  ] as const) {
    const clock = new Clock(0, mebibytes << 20n);
    const word = (index: number): number => clock.get(index) | (clock.get(index + 1) << 8);
    assert.deepEqual([0x15, 0x17, 0x30, 0x34].map(word), [640, extended, extended, above16]);
    let sum = 0;
    for (let index = 0x10; index <= 0x2d; index++) sum += clock.get(index);
    assert.equal((clock.get(0x2e) << 8) | clock.get(0x2f), sum);
    for (let index = 0x0e; index < 0x80; index++) {
      if (index === 0x32) continue;
      clock.set(0x80 | index, index ^ 0xa5);
      assert.equal(clock.get(index), index ^ 0xa5, "bit 7 of the index is no part of it");
    }
  }
});

test("a saved clock goes on in another machine where it was", () => {
  const next = numbersFrom(5);
  for (let round = 0; round < 200; round++) {
    const clock = new Clock(next(0x7fffffff));
    clock.set(A, 0x20 | next(16));
    for (const index of [1, 3, 5]) clock.set(index, 0xff);
    const enables = [0, PIE, AIE, UIE, PIE | AIE | UIE][next(5)]!;
    clock.set(B, (next(4) === 0 ? SET : 0) | enables | FORMATS[next(4)]!);
    clock.pass((BigInt(next(1_000_000)) * SECOND) / 32_768n);
    const table = new StateNumbers();
    assert.equal(clock.pc.save(table), 0);
    const other = new Clock(0);
    assert.equal(other.pc.restore(table), 0);
    const again = new StateNumbers();
    assert.equal(other.pc.save(again), 0);
    assert.deepEqual(again.numbers, table.numbers);
    assert.equal(other.pc.level(IRQ_8), clock.pc.level(IRQ_8));
    const late = other.pc.nextAlarm - clock.pc.nextAlarm;
    assert.ok(late >= 0n && late < SECOND / 32_768n + 2n, `round ${round}: ${late}`);
    time.now += 100n * SECOND;
    assert.equal(other.pc.seconds, clock.pc.seconds);
  }
});
