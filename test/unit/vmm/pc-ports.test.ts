// The ports that reset a PC, and those that nothing answers and nobody complains about.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PcDevices, SIGNAL_NO_DEVICE, SIGNAL_RESET, StateNumbers } from "./pc-devices.ts";

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
