// The 8042 as drivers find it: no keyboard, no auxiliary port, and a reset line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PcDevices, SIGNAL_RESET, StateNumbers } from "./pc-devices.ts";

const DATA = 0x60;
const STATUS = 0x64;
const IRQ_1 = 1;
const OUTPUT_FULL = 0x01;
const INPUT_FULL = 0x02;
const AUXILIARY_DATA = 0x20;
const TIMEOUT = 0x40;
const COMMAND_BYTE = 0x65;

/** Gives a command and its data, and reads what it answers; undefined where it answers nothing. */
function command(pc: PcDevices, code: number, ...data: number[]): number | undefined {
  pc.out(STATUS, code);
  for (const byte of data) {
    assert.equal(pc.in(STATUS) & INPUT_FULL, 0);
    pc.out(DATA, byte);
  }
  return pc.in(STATUS) & OUTPUT_FULL ? pc.in(DATA) : undefined;
}

test("at the start the output buffer is empty, the self test has passed and the keyboard is not locked", () => {
  const pc = new PcDevices();
  assert.equal(pc.in(STATUS), 0x14);
  assert.equal(command(pc, 0x20), COMMAND_BYTE);
});

test("the tests pass for the controller and the keyboard's interface, and fail for the auxiliary one", () => {
  const pc = new PcDevices();
  assert.deepEqual(
    [0xaa, 0xab, 0xa9].map((code) => command(pc, code)),
    [0x55, 0x00, 0x01],
  );
});

test("the status tells whether a command or data was written last", () => {
  const pc = new PcDevices();
  pc.out(STATUS, 0x60);
  assert.equal(pc.in(STATUS) & 0x08, 0x08);
  pc.out(DATA, 0x45);
  assert.equal(pc.in(STATUS) & 0x08, 0);
});

test("all 32 bytes of the controller's RAM are read and written; the auxiliary device stays disabled", () => {
  const pc = new PcDevices();
  for (let at = 0; at < 32; at++) assert.equal(command(pc, 0x60 + at, (at * 7) & 0xdf), undefined);
  for (let at = 1; at < 32; at++) assert.equal(command(pc, 0x20 + at), (at * 7) & 0xdf);
  assert.equal(command(pc, 0x20), 0x20);
});

test("the keyboard is disabled and enabled in the command byte, and enabled by a byte for it", () => {
  const pc = new PcDevices();
  command(pc, 0xad);
  assert.equal(command(pc, 0x20), COMMAND_BYTE | 0x10);
  command(pc, 0xae);
  assert.equal(command(pc, 0x20), COMMAND_BYTE);
  command(pc, 0xad);
  pc.out(DATA, 0xff);
  pc.in(DATA);
  assert.equal(command(pc, 0x20), COMMAND_BYTE);
});

test("a byte for the keyboard is answered at once with a timeout and an interrupt", () => {
  const pc = new PcDevices();
  pc.out(DATA, 0xf2);
  assert.equal(pc.level(IRQ_1), true);
  assert.equal(pc.in(STATUS) & (OUTPUT_FULL | TIMEOUT | AUXILIARY_DATA), OUTPUT_FULL | TIMEOUT);
  assert.equal(pc.in(DATA), 0xfe);
  assert.equal(pc.level(IRQ_1), false);
  assert.equal(pc.in(STATUS) & (OUTPUT_FULL | TIMEOUT), 0);
  command(pc, 0x60, 0x64);
  pc.out(DATA, 0xf2);
  assert.equal(pc.level(IRQ_1), false, "the command byte disables the interrupt");
});

test("answers of the controller itself do not interrupt", () => {
  const pc = new PcDevices();
  for (const code of [0x20, 0xaa, 0xab, 0xa9, 0xc0, 0xd0, 0xe0]) {
    pc.out(STATUS, code);
    assert.equal(pc.in(STATUS) & OUTPUT_FULL, OUTPUT_FULL);
    pc.in(DATA);
  }
  assert.equal(pc.rises(IRQ_1), 0);
});

test("what Linux's driver asks for an auxiliary port finds none, and waits for nothing", () => {
  const pc = new PcDevices();
  // The loopback's answer is not marked as the auxiliary device's, and the driver leaves it unread.
  pc.out(STATUS, 0xd3);
  pc.out(DATA, 0x5a);
  assert.equal(pc.in(STATUS) & (OUTPUT_FULL | AUXILIARY_DATA), OUTPUT_FULL);
  const found = command(pc, 0xa9);
  assert.ok(found !== undefined && ![0, 0xfa, 0xff].includes(found));
});

test("only what lowers the reset line resets the machine", () => {
  const pc = new PcDevices();
  for (let code = 0xf0; code < 0x100; code++) {
    pc.out(STATUS, code);
    assert.equal(pc.signals & SIGNAL_RESET, code & 1 ? 0 : SIGNAL_RESET, code.toString(16));
  }
  for (let value = 0; value < 0x100; value++) {
    command(pc, 0xd1, value);
    assert.equal(pc.signals & SIGNAL_RESET, value & 1 ? 0 : SIGNAL_RESET, value.toString(16));
    assert.equal(command(pc, 0xd0), value);
  }
});

test("a command that waits for data, and the output buffer, are saved; a reset forgets them", () => {
  const pc = new PcDevices();
  pc.out(DATA, 0xf2);
  pc.out(STATUS, 0x65);
  const table = new StateNumbers();
  assert.equal(pc.save(table), 0);
  const other = new PcDevices();
  assert.equal(other.restore(table), 0);
  assert.equal(other.level(IRQ_1), true);
  other.out(DATA, 0x77);
  assert.equal(other.in(DATA), 0xfe);
  assert.equal(command(other, 0x25), 0x77);
  pc.reset();
  assert.equal(pc.level(IRQ_1), false);
  assert.equal(pc.in(STATUS), 0x14);
  pc.out(DATA, 0x33);
  pc.in(DATA);
  assert.equal(command(pc, 0x25), 0);
});

test("every command with every byte of data leaves a controller that answers", () => {
  const pc = new PcDevices();
  for (let code = 0; code < 0x100; code++) {
    for (let data = 0; data < 0x100; data++) {
      pc.out(STATUS, code);
      pc.out(DATA, data);
    }
    if (pc.in(STATUS) & OUTPUT_FULL) pc.in(DATA);
    assert.equal(command(pc, 0xaa), 0x55, code.toString(16));
  }
});
