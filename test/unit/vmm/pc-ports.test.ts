// The ports that reset a PC, and those that nothing answers and nobody complains about.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PcDevices, SIGNAL_NO_DEVICE, SIGNAL_RESET, StateNumbers, numbersFrom, time } from "./pc-devices.ts";

const RESET_CONTROL = 0xcf9;
const PORT_A = 0x92;

test("port 0xcf9 resets when the processor's bit changes from 0 to 1", () => {
  const pc = new PcDevices();
  for (const [value, isReset] of [
    [0x02, false],
    [0x06, true],
    [0x06, false],
    [0x02, false],
    [0x0e, true],
    [0x00, false],
    [0x04, true],
    [0xfb, false],
  ] as const) {
    pc.out(RESET_CONTROL, value);
    assert.equal(pc.signals & SIGNAL_RESET, isReset ? SIGNAL_RESET : 0, value.toString(16));
    assert.equal(pc.in(RESET_CONTROL), value & 0x0e);
  }
});

test("around port 0xcf9 is nothing, and a word that holds it reaches it", () => {
  const pc = new PcDevices();
  for (const port of [0xcf8, 0xcfa, 0xcfb]) {
    pc.out(port, 0x06);
    assert.equal(pc.in(port), 0xff);
  }
  assert.equal(pc.in(RESET_CONTROL), 0);
  assert.equal(pc.signals, 0);
  pc.out(0xcf8, 0x0206, 2);
  assert.equal(pc.signals, 0);
  assert.equal(pc.in(0xcf8, 2) & 0xffff, 0x02ff);
  pc.out(RESET_CONTROL, 0xff06, 2);
  assert.equal(pc.signals, SIGNAL_RESET);
  assert.equal(pc.in(RESET_CONTROL, 2) & 0xffff, 0xff06);
});

test("port 0x92 resets when bit 0 changes from 0 to 1, and keeps the A20 bit", () => {
  const pc = new PcDevices();
  assert.equal(pc.in(PORT_A), 0x02);
  for (const [value, isReset] of [
    [0x00, false],
    [0x02, false],
    [0x03, true],
    [0x01, false],
    [0x00, false],
    [0x01, true],
  ] as const) {
    pc.out(PORT_A, value);
    assert.equal(pc.signals & SIGNAL_RESET, isReset ? SIGNAL_RESET : 0, value.toString(16));
    assert.equal(pc.in(PORT_A), value);
  }
});

test("a saved bit is not an edge in another machine, and a reset forgets it", () => {
  const pc = new PcDevices();
  pc.out(RESET_CONTROL, 0x04);
  pc.out(PORT_A, 0x01);
  const table = new StateNumbers();
  assert.equal(pc.save(table), 0);
  const other = new PcDevices();
  assert.equal(other.restore(table), 0);
  other.out(RESET_CONTROL, 0x04);
  other.out(PORT_A, 0x01);
  assert.equal(other.signals, 0);
  other.reset();
  assert.deepEqual([other.in(RESET_CONTROL), other.in(PORT_A)], [0, 2]);
});

test("quiet ports read all ones, swallow what is written, and are not told of", () => {
  const pc = new PcDevices();
  for (const [first, last] of [
    [0x00, 0x1f],
    [0x80, 0x8f],
    [0xc0, 0xdf],
    [0xed, 0xed],
  ] as const) {
    for (let port = first; port <= last; port++) {
      pc.out(port, 0);
      assert.equal(pc.in(port), 0xff);
    }
  }
  assert.equal(pc.signals, 0);
  pc.in(0xee);
  assert.equal(pc.signals, SIGNAL_NO_DEVICE, "others are");
});

test("a hundred thousand random accesses at random times end in nothing, and each alarm is ahead once it has rung", () => {
  const next = numbersFrom(1);
  const pc = new PcDevices();
  const ports = [
    0x40,
    0x42,
    0x43,
    0x60,
    0x61,
    0x64,
    0x70,
    0x71,
    0x71,
    0x92,
    0x600,
    0x602,
    0x604,
    0x608,
    0x80,
    RESET_CONTROL,
  ];
  for (let i = 0; i < 100_000; i++) {
    const port = ports[next(ports.length)]! + next(2) * next(4);
    const bytes = [1, 1, 2, 4][next(4)]!;
    if (next(2) === 0) pc.in(port, bytes);
    else pc.out(port, next(0x7fffffff), bytes);
    time.now += BigInt(next(1 << next(31)));
    pc.ring();
    assert.ok(pc.nextAlarm > time.now, `access ${i}`);
    if (next(1000) === 0) pc.reset();
  }
});
