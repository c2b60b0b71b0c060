// COM1's registers, held against the PC16550D data sheet, section 8.0 "Registers".
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PortGuest } from "./ports.ts";

const BASE = 0x3f8;
const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7].map((offset) => BASE + offset) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];
const LOOP = 0x10;

test("after a reset no interrupt is enabled or pending, the transmitter is empty and the line idle", () => {
  const guest = new PortGuest();
  assert.deepEqual(
    [IER, IIR, LCR, MCR, LSR].map((port) => guest.in(port)),
    [0, 1, 0, 0, 0x60],
  );
});

test("the scratch register keeps every value", () => {
  const guest = new PortGuest();
  for (let value = 0; value < 256; value++) {
    guest.out(SCR, value);
    assert.equal(guest.in(SCR), value);
  }
});

test("the divisor and what lies behind it are told apart by the divisor latch access bit", () => {
  const guest = new PortGuest();
  guest.out(IER, 0x05);
  guest.out(LCR, 0x83);
  guest.out(DATA, 0x34);
  guest.out(IER, 0x12);
  assert.deepEqual([guest.in(DATA), guest.in(IER)], [0x34, 0x12]);
  guest.out(LCR, 0x03);
  assert.deepEqual([guest.in(DATA), guest.in(IER), guest.in(LCR)], [0, 0x05, 0x03]);
  guest.out(LCR, 0x83);
  assert.deepEqual([guest.in(DATA), guest.in(IER)], [0x34, 0x12]);
});

test("a byte for the divisor is not printed", () => {
  const guest = new PortGuest();
  guest.out(LCR, 0x80);
  guest.out(DATA, 0x41);
  guest.out(LCR, 0x03);
  guest.out(DATA, 0x0a);
  assert.equal(guest.line, "");
});

test("bits that no register has read 0", () => {
  const guest = new PortGuest();
  guest.out(IER, 0xff);
  guest.out(MCR, 0xff);
  assert.deepEqual([guest.in(IER), guest.in(MCR)], [0x0f, 0x1f]);
});

test("the line status and the modem status cannot be written", () => {
  const guest = new PortGuest();
  guest.out(LSR, 0);
  guest.out(MSR, 0xff);
  assert.deepEqual([guest.in(LSR), guest.in(MSR)], [0x60, 0xb0]);
});

test("the identification tells whether the FIFOs are on", () => {
  const guest = new PortGuest();
  for (const [control, identification] of [
    [0x01, 0xc1],
    [0xc7, 0xc1],
    [0x00, 0x01],
    [0xc6, 0x01],
  ] as const) {
    guest.out(IIR, control);
    assert.equal(guest.in(IIR), identification);
  }
});

test("a wide access goes to one register after the other", () => {
  const guest = new PortGuest();
  guest.out(LCR, 0x0000_1b80 & 0xffff, 2);
  assert.deepEqual([guest.in(LCR), guest.in(MCR)], [0x80, 0x1b]);
  guest.out(DATA, 0x1234, 2);
  assert.equal(guest.in(DATA, 2), 0x1234);
  guest.out(SCR, 0xab_77, 2);
  assert.equal(guest.in(SCR, 4), 0xffff_ff77, "behind the last register is no device");
});

describe("in loopback", () => {
  test("a byte that is sent is received, and not printed", () => {
    const guest = new PortGuest();
    guest.out(LCR, 0x03);
    guest.out(MCR, LOOP | 0x0e);
    guest.out(DATA, 0xae);
    assert.equal(guest.in(LSR), 0x61);
    assert.equal(guest.in(DATA), 0xae);
    assert.equal(guest.in(LSR), 0x60);
    guest.out(MCR, 0);
    guest.out(DATA, 0x0a);
    assert.equal(guest.line, "", "the line is empty: the byte of before is not on it");
  });

  test("a byte has as many bits as the line control says", () => {
    const guest = new PortGuest();
    guest.out(MCR, LOOP);
    for (const [length, received] of [
      [0, 0x1f],
      [1, 0x3f],
      [2, 0x7f],
      [3, 0xff],
    ] as const) {
      guest.out(LCR, length);
      guest.out(DATA, 0xff);
      assert.equal(guest.in(DATA), received);
    }
  });

  test("without FIFOs a second byte replaces the first, which the overrun bit tells once", () => {
    const guest = new PortGuest();
    guest.out(LCR, 0x03);
    guest.out(MCR, LOOP);
    guest.out(DATA, 1);
    guest.out(DATA, 2);
    assert.equal(guest.in(LSR), 0x63);
    assert.equal(guest.in(LSR), 0x61);
    assert.equal(guest.in(DATA), 2);
    assert.equal(guest.in(DATA), 0);
  });

  test("the FIFO holds sixteen bytes in order, and drops what comes then", () => {
    const guest = new PortGuest();
    guest.out(LCR, 0x03);
    guest.out(IIR, 0x07);
    guest.out(MCR, LOOP);
    for (let round = 0; round < 3; round++) {
      for (let byte = 0; byte < 17; byte++) guest.out(DATA, 100 * round + byte);
      assert.equal(guest.in(LSR), 0x63);
      for (let byte = 0; byte < 16; byte++) assert.equal(guest.in(DATA), (100 * round + byte) & 0xff);
      assert.equal(guest.in(LSR), 0x60);
    }
  });

  test("the FIFO control empties the receiver, and so does a switch between the modes", () => {
    const guest = new PortGuest();
    guest.out(MCR, LOOP);
    for (const [before, control] of [
      [0x01, 0x03],
      [0x01, 0x00],
      [0x00, 0x01],
    ] as const) {
      guest.out(IIR, before);
      guest.out(DATA, 1);
      assert.equal(guest.in(LSR), 0x61);
      guest.out(IIR, control);
      assert.equal(guest.in(LSR), 0x60);
    }
  });

  test("the modem control's outputs are the modem status's inputs", () => {
    const guest = new PortGuest();
    // RTS, DTR, OUT1, OUT2 arrive as CTS, DSR, RI, DCD.
    for (const [output, input] of [
      [0x02, 0x10],
      [0x01, 0x20],
      [0x04, 0x40],
      [0x08, 0x80],
      [0x0f, 0xf0],
      [0x00, 0x00],
    ] as const) {
      guest.out(MCR, LOOP | output);
      assert.equal(guest.in(MSR) & 0xf0, input);
    }
  });
});

test("a change of the modem's lines is told once; of ring only the end", () => {
  const guest = new PortGuest();
  assert.equal(guest.in(MSR), 0xb0);
  guest.out(MCR, LOOP);
  assert.equal(guest.in(MSR), 0x0b, "CTS, DSR and DCD have gone");
  assert.equal(guest.in(MSR), 0x00);
  guest.out(MCR, LOOP | 0x04);
  assert.equal(guest.in(MSR), 0x40, "ring has begun");
  guest.out(MCR, LOOP);
  assert.equal(guest.in(MSR), 0x04, "ring has ended");
  guest.out(MCR, LOOP | 0x02);
  guest.out(MCR, LOOP);
  assert.equal(guest.in(MSR), 0x01, "CTS came and went");
});
