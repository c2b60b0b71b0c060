// ACPI's fixed hardware, held against ACPI 6.4, 4.8.3.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NEVER, PcDevices, SIGNAL_POWER_OFF, SIGNAL_REPORT, StateNumbers, numbersFrom, time } from "./pc-devices.ts";

const STATUS = 0x600;
const ENABLE = 0x602;
const CONTROL = 0x604;
const TIMER = 0x608;
const SCI = 9;
const SCI_ENABLED = 0x0001;
const SLEEP_ENABLE = 0x2000;
const POWER_BUTTON = 0x0100;
const TIMER_STATUS = 0x0001;
const HERTZ = 3_579_545n;
const HALF = 1n << 31n;

/** The clock's ticks, at 1 GHz, until the timer has counted so far. */
const ticksUntil = (count: bigint): bigint => (count * 1_000_000_000n + HERTZ - 1n) / HERTZ;

test("at the start the machine is in ACPI mode and no event is enabled or pending", () => {
  const pc = new PcDevices();
  assert.deepEqual([pc.in(STATUS, 2), pc.in(ENABLE, 2), pc.in(CONTROL, 2)], [0, 0, SCI_ENABLED]);
});

test("the timer counts 3,579,545 a second in 32 bits", () => {
  const next = numbersFrom(1);
  const pc = new PcDevices();
  const start = time.now;
  let ticks = 0n;
  for (let i = 0; i < 2000; i++) {
    ticks += BigInt(next(1 << 30)) * 8n;
    time.now = start + ticks;
    const count = (ticks * HERTZ) / 1_000_000_000n;
    assert.equal(BigInt(pc.in(TIMER, 4)), BigInt.asUintN(32, count));
  }
  pc.out(TIMER, 0, 4);
  assert.notEqual(pc.in(TIMER, 4), 0, "it is for reading");
});

test("only S5 switches the machine off; other sleep types are reported", () => {
  for (let type = 0; type < 8; type++) {
    const pc = new PcDevices();
    pc.out(CONTROL, type << 10, 2);
    assert.equal(pc.signals, 0, "without SLP_EN it is only kept");
    assert.equal(pc.in(CONTROL, 2), (type << 10) | SCI_ENABLED);
    pc.out(CONTROL, (type << 10) | SLEEP_ENABLE, 2);
    assert.equal(pc.signals, type === 5 ? SIGNAL_POWER_OFF : SIGNAL_REPORT);
    assert.equal(pc.in(CONTROL, 2), (type << 10) | SCI_ENABLED, "SLP_EN reads 0");
    if (type !== 5) assert.match(pc.report, /^power management: /);
  }
});

test("SCI_EN stays 1 whatever is written", () => {
  const pc = new PcDevices();
  for (const value of [0, 0xffff & ~SLEEP_ENABLE]) {
    pc.out(CONTROL, value, 2);
    assert.equal(pc.in(CONTROL, 2) & SCI_ENABLED, SCI_ENABLED);
  }
});

test("bytes reach their half of a register only", () => {
  const pc = new PcDevices();
  pc.out(CONTROL + 1, (5 << 2) | 0x20);
  assert.equal(pc.signals, SIGNAL_POWER_OFF);
  pc.out(ENABLE + 1, 0x01);
  pc.out(ENABLE, 0x20);
  assert.equal(pc.in(ENABLE, 2), 0x0120);
  assert.equal(pc.in(STATUS, 4), 0x0120_0000);
  pc.pressPowerButton();
  pc.out(STATUS, 0xff);
  assert.equal(pc.in(STATUS, 2), POWER_BUTTON);
  assert.equal(pc.in(STATUS + 1), 0x01);
  assert.equal(pc.in(ENABLE, 4), 0x1401_0120, "enable and control in one access");
  pc.out(ENABLE, 0x0c00_0000, 4);
  assert.deepEqual([pc.in(ENABLE, 2), pc.in(CONTROL, 2)], [0, 0x0c01]);
});

test("the SCI is high while an event is both pending and enabled, and a 1 clears an event", () => {
  const pc = new PcDevices();
  pc.pressPowerButton();
  assert.equal(pc.in(STATUS, 2), POWER_BUTTON);
  assert.equal(pc.level(SCI), false);
  pc.out(ENABLE, POWER_BUTTON, 2);
  assert.equal(pc.level(SCI), true);
  pc.out(STATUS, 0, 2);
  assert.equal(pc.level(SCI), true);
  pc.out(ENABLE, 0, 2);
  assert.equal(pc.level(SCI), false);
  pc.out(ENABLE, POWER_BUTTON, 2);
  assert.equal(pc.level(SCI), true);
  pc.out(STATUS, POWER_BUTTON, 2);
  assert.equal(pc.level(SCI), false);
  assert.equal(pc.in(STATUS, 2), 0);
  pc.pressPowerButton();
  assert.equal(pc.level(SCI), true);
  pc.reset();
  assert.equal(pc.level(SCI), false);
});

test("events that there are not cannot be enabled", () => {
  const pc = new PcDevices();
  pc.out(ENABLE, 0xffff, 2);
  assert.equal(pc.in(ENABLE, 2), 0x4721);
});

test("the timer's status is set when its highest bit changes, without an alarm", () => {
  const pc = new PcDevices();
  const start = time.now;
  for (const half of [1n, 2n, 3n]) {
    time.now = start + ticksUntil(half * HALF) - 1n;
    assert.equal(pc.in(STATUS, 2), 0);
    time.now = start + ticksUntil(half * HALF);
    assert.equal(pc.in(STATUS, 2), TIMER_STATUS);
    assert.equal(pc.nextAlarm, NEVER);
    pc.out(STATUS, TIMER_STATUS, 2);
  }
});

test("with the timer's event enabled the SCI rises at the change, by one alarm", () => {
  const pc = new PcDevices();
  const start = time.now;
  pc.out(ENABLE, TIMER_STATUS, 2);
  assert.equal(pc.nextAlarm, start + ticksUntil(HALF));
  assert.equal(pc.passUntil(start + ticksUntil(HALF)), 1);
  assert.equal(pc.level(SCI), true);
  assert.equal(pc.nextAlarm, NEVER, "not before the status is cleared");
  pc.out(STATUS, TIMER_STATUS, 2);
  assert.equal(pc.level(SCI), false);
  assert.equal(pc.nextAlarm, start + ticksUntil(2n * HALF));
});

test("the registers and the timer go on in another machine where they were", () => {
  const pc = new PcDevices();
  pc.out(ENABLE, POWER_BUTTON, 2);
  pc.pressPowerButton();
  pc.out(CONTROL, 3 << 10, 2);
  time.now += 123_456_789_012n;
  const table = new StateNumbers();
  assert.equal(pc.save(table), 0);
  const seen = [pc.in(STATUS, 4), pc.in(CONTROL, 4), pc.in(TIMER, 4)];
  time.now += 1n << 40n;
  const other = new PcDevices();
  assert.equal(other.restore(table), 0);
  assert.deepEqual([other.in(STATUS, 4), other.in(CONTROL, 4), other.in(TIMER, 4)], seen);
  assert.equal(other.level(SCI), true);
});
