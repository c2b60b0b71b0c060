// COM1's interrupts and its receiver, held against the PC16550D data sheet: 8.4 to 8.8, and the table "Interrupt control
// functions" of 8.6; and what Linux's driver asks of a chip before it takes it for a 16550A.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { loadHarness } from "./harness.ts";
import { DATA, FCR, IER, IIR, LCR, LSR, MCR, MSR, SCR, type UartHarness } from "./uart.ts";

const uart = await loadHarness<UartHarness>("uart-harness.ts");
const OUT2 = 0x08;
const LOOP = 0x10;
const FIFOS = 0xc0;
const NONE = 0x01;

const isHigh = (): boolean => uart.isHigh() !== 0;

/** Eight bits, OUT2, the FIFOs on with trigger level 1, 4, 8 or 14 by its bits, and what is enabled. */
function start(enable: number, trigger = 0): void {
  uart.write(LCR, 0x03);
  uart.write(MCR, OUT2);
  uart.write(FCR, 0x07 | (trigger << 6));
  uart.write(IER, enable);
}

function receive(count: number, from = 0x30): void {
  for (let byte = from; byte < from + count; byte++) uart.receive(byte);
}

beforeEach(() => uart.reset());

describe("received data", () => {
  for (const [bits, level] of [1, 4, 8, 14].entries()) {
    test(`is told as available from the trigger level ${level} on, as a timeout below it, and until all is read`, () => {
      start(0x01, bits);
      for (let count = 1; count <= 16; count++) {
        receive(1, count);
        assert.equal(uart.read(IIR), FIFOS | (count >= level ? 0x04 : 0x0c), `${count} bytes`);
        assert.ok(isHigh());
      }
      for (let count = 15; count >= 0; count--) {
        assert.equal(uart.read(DATA), 16 - count);
        assert.equal(uart.read(IIR), FIFOS | (count >= level ? 0x04 : count > 0 ? 0x0c : NONE));
      }
      assert.ok(!isHigh());
    });
  }

  test("is one byte without the FIFOs, and no timeout", () => {
    uart.write(LCR, 0x03);
    uart.write(MCR, OUT2);
    uart.write(IER, 0x01);
    assert.equal(uart.room(), 1);
    uart.receive(0x41);
    assert.deepEqual([uart.room(), uart.read(IIR), isHigh()], [0, 0x04, true]);
    assert.deepEqual([uart.read(DATA), uart.read(IIR), isHigh()], [0x41, NONE, false]);
  });

  test("that is left below the trigger level by a read gives a new edge", () => {
    start(0x01, 2);
    receive(10);
    const before = uart.rises();
    for (let n = 0; n < 8; n++) uart.read(DATA);
    assert.ok(isHigh());
    assert.ok(uart.rises() > before);
  });

  test("is not told while its interrupt is off, and is as soon as it is on", () => {
    start(0);
    receive(1);
    assert.deepEqual([isHigh(), uart.read(IIR)], [false, FIFOS | NONE]);
    uart.write(IER, 0x01);
    assert.deepEqual([isHigh(), uart.read(IIR)], [true, FIFOS | 0x04]);
  });

  test("is dropped by FCR's bit 1, which ends the interrupt", () => {
    start(0x01);
    receive(3);
    uart.write(FCR, 0x03);
    assert.deepEqual([isHigh(), uart.read(LSR), uart.room()], [false, 0x60, 16]);
  });
});

test("room is what the receiver takes: 16 less what it has, 1 without FIFOs, 0 in loopback", () => {
  start(0);
  for (let count = 0; count <= 16; count++) {
    assert.equal(uart.room(), 16 - count);
    uart.receive(0);
  }
  uart.write(MCR, LOOP);
  uart.write(FCR, 0x07);
  assert.equal(uart.room(), 0);
  uart.write(MCR, 0);
  uart.write(FCR, 0);
  assert.equal(uart.room(), 1);
});

describe("the transmitter holding register", () => {
  test("is empty when its interrupt is enabled, and again behind each byte; reading that, or nothing else, ends it", () => {
    start(0x02);
    for (let round = 0; round < 3; round++) {
      assert.ok(isHigh());
      uart.read(LSR);
      uart.read(DATA);
      assert.ok(isHigh());
      assert.equal(uart.read(IIR), FIFOS | 0x02);
      assert.deepEqual([isHigh(), uart.read(IIR)], [false, FIFOS | NONE]);
      uart.write(DATA, 0x41);
    }
  });

  test("gives an edge a byte, also where the interrupt was not looked at", () => {
    start(0x02);
    const before = uart.rises();
    for (let n = 1; n <= 5; n++) {
      uart.write(DATA, 0x41);
      assert.equal(uart.rises(), before + n);
    }
  });

  test("has its interrupt again when that is switched off and on, and not when it is written as it is", () => {
    start(0x02);
    uart.read(IIR);
    uart.write(IER, 0x03);
    assert.ok(!isHigh());
    uart.write(IER, 0x01);
    uart.write(IER, 0x03);
    assert.ok(isHigh());
  });

  test("sends plainly only without divisor latch, loopback and its interrupt", () => {
    for (let bits = 0; bits < 8; bits++) {
      uart.reset();
      uart.write(LCR, (bits & 1) !== 0 ? 0x83 : 0x03);
      uart.write(MCR, (bits & 2) !== 0 ? LOOP : 0x0b);
      uart.write(LCR, 0x03);
      uart.write(IER, (bits & 4) !== 0 ? 0x02 : 0x0d);
      if ((bits & 1) !== 0) uart.write(LCR, 0x83);
      assert.equal(uart.isPlain() !== 0, bits === 0, String(bits));
    }
  });
});

describe("line status", () => {
  test("tells an overrun at once, with an interrupt, and once", () => {
    start(0x04);
    receive(16);
    assert.ok(!isHigh());
    receive(1);
    assert.deepEqual([isHigh(), uart.read(IIR)], [true, FIFOS | 0x06]);
    assert.equal(uart.read(LSR), 0x63);
    assert.deepEqual([isHigh(), uart.read(LSR), uart.read(DATA)], [false, 0x61, 0x30]);
  });

  test("tells a break when its zero comes to the front, and until then that one is in the FIFO", () => {
    start(0x04);
    receive(1);
    uart.receiveBreak();
    receive(1, 0x39);
    assert.deepEqual([isHigh(), uart.read(LSR)], [false, 0xe1]);
    assert.equal(uart.read(DATA), 0x30);
    assert.deepEqual([isHigh(), uart.read(IIR)], [true, FIFOS | 0x06]);
    assert.deepEqual([uart.read(LSR), uart.read(LSR), isHigh()], [0xf9, 0x61, false]);
    assert.deepEqual([uart.read(DATA), uart.read(DATA), uart.read(LSR)], [0, 0x39, 0x60]);
  });

  test("tells a break without the FIFOs, and no error in a FIFO", () => {
    uart.receiveBreak();
    assert.deepEqual([uart.read(LSR), uart.read(LSR)], [0x79, 0x61]);
  });
});

test("modem status interrupts when a line changes, in loopback without reaching the wire, and is ended by reading it", () => {
  start(0x08);
  uart.write(MCR, LOOP | OUT2);
  assert.deepEqual([isHigh(), uart.read(IIR)], [false, FIFOS | 0x00]);
  uart.write(MCR, OUT2);
  assert.ok(isHigh());
  assert.equal(uart.read(MSR), 0xb0 | 0x03, "CTS and DSR have come back; DCD was OUT2 meanwhile");
  assert.deepEqual([isHigh(), uart.read(IIR)], [false, FIFOS | NONE]);
});

test("interrupts are told by their priorities: line status, received data, transmitter empty, modem status", () => {
  start(0x0f);
  uart.write(MCR, LOOP | OUT2);
  uart.write(MCR, OUT2);
  receive(17);
  assert.equal(uart.read(IIR), FIFOS | 0x06);
  uart.read(LSR);
  assert.equal(uart.read(IIR), FIFOS | 0x04);
  for (let n = 0; n < 16; n++) uart.read(DATA);
  assert.equal(uart.read(IIR), FIFOS | 0x02);
  assert.equal(uart.read(IIR), FIFOS | 0x00);
  assert.ok(isHigh());
  uart.read(MSR);
  assert.deepEqual([uart.read(IIR), isHigh()], [FIFOS | NONE, false]);
});

test("the wire is low while OUT2 is off, and what is due comes when it is on", () => {
  start(0x03);
  receive(1);
  uart.write(MCR, 0x03);
  assert.deepEqual([isHigh(), uart.read(IIR)], [false, FIFOS | 0x04]);
  uart.write(MCR, 0x0b);
  assert.ok(isHigh());
});

test("FCR's bits count only with bit 0", () => {
  start(0x01, 3);
  receive(2);
  assert.equal(uart.read(IIR), FIFOS | 0x0c);
  uart.write(FCR, 0x00);
  assert.equal(uart.read(IIR), NONE);
  uart.write(FCR, 0xc0);
  receive(1);
  assert.equal(uart.read(IIR), 0x04, "the trigger level is for the FIFO");
});

describe("Linux's 8250 driver", () => {
  test("finds a 16550A: by IER, loopback, FIFOs, no EFR, no bank at 0xe0, no UUE, and a FIFO of 16", () => {
    const saved = uart.read(IER);
    uart.write(IER, 0);
    assert.equal(uart.read(IER) & 0x0f, 0);
    uart.write(IER, 0x0f);
    assert.equal(uart.read(IER) & 0x0f, 0x0f);
    uart.write(IER, saved);
    uart.write(MCR, LOOP | 0x0a);
    assert.equal(uart.read(MSR) & 0xf0, 0x90);
    uart.write(MCR, 0);
    uart.write(SCR, 0xa5);
    assert.equal(uart.read(SCR), 0xa5);
    uart.write(LCR, 0);
    uart.write(FCR, 0x01);
    assert.equal(uart.read(IIR) >> 6, 3);
    // An EFR would read as 0 behind LCR 0xbf.
    uart.write(LCR, 0xbf);
    assert.notEqual(uart.read(IIR), 0);
    // National's other chips have EXCR1 behind LCR 0xe0, which follows the loopback bit.
    const banked = [0, LOOP].map((control) => {
      uart.write(LCR, 0);
      uart.write(MCR, control);
      uart.write(LCR, 0xe0);
      return uart.read(IIR) & LOOP;
    });
    assert.equal(banked[0], banked[1]);
    uart.write(LCR, 0);
    uart.write(MCR, 0);
    uart.write(IER, 0x40);
    assert.equal(uart.read(IER), 0);
    // The size of the FIFO, by a byte more than there can be.
    uart.write(FCR, 0x07);
    uart.write(MCR, LOOP);
    uart.write(LCR, 0x83);
    uart.write(DATA, 1);
    uart.write(LCR, 0x03);
    for (let byte = 0; byte < 256; byte++) uart.write(DATA, byte);
    let count = 0;
    while ((uart.read(LSR) & 1) !== 0) {
      assert.equal(uart.read(DATA), count);
      count++;
    }
    assert.equal(count, 16);
  });

  test("finds that THRE interrupts again each time it is enabled, and that LSR and IIR agree", () => {
    start(0);
    for (let n = 0; n < 3; n++) {
      uart.write(IER, 0x02);
      assert.equal(uart.read(LSR) & 0x60, 0x60);
      assert.equal(uart.read(IIR) & NONE, 0);
      uart.write(IER, 0);
    }
  });
});
