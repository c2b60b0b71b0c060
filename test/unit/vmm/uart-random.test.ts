// COM1 against a second model of a 16550A, over random accesses and typed bytes; and its state, saved, restored and damaged.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../ept/random.ts";
import { loadHarness } from "./harness.ts";
import { DATA, FCR, IER, IIR, LCR, LSR, MCR, MSR, SCR, type UartHarness } from "./uart.ts";

const uart = await loadHarness<UartHarness>("uart-harness.ts");
const STEPS = 200_000;
const STATE_OK = 0;

/** A byte in the receiver, and whether it is a break that the line status has not told. */
interface Received {
  readonly byte: number;
  isBreak: boolean;
}

/** Written from the data sheet's tables as lists and sets of causes, where the device has counters and bits. */
class Model {
  queue: Received[] = [];
  #overrun = false;
  #break = false;
  #isEmptyDue = false;
  #registers = new Map<number, number>([
    [IER, 0],
    [LCR, 0],
    [MCR, 0],
    [SCR, 0],
  ]);
  #fcr = 0;
  #trigger = 0;
  #divisor = [12, 0];
  #seenInputs = 0xb0;
  #changes = new Set<number>();
  sent = 0;

  get #isLoop(): boolean {
    return (this.#of(MCR) & 0x10) !== 0;
  }
  get #hasFifo(): boolean {
    return this.#fcr === 1;
  }
  get #size(): number {
    return this.#hasFifo ? 16 : 1;
  }
  get room(): number {
    return this.#isLoop ? 0 : this.#size - this.queue.length;
  }
  get isPlain(): boolean {
    return !this.#isLatch && !this.#isLoop && (this.#of(IER) & 2) === 0;
  }
  get #isLatch(): boolean {
    return this.#of(LCR) >= 0x80;
  }

  /** The causes that are there and enabled, most urgent first. */
  get #causes(): number[] {
    const level = this.#hasFifo ? [1, 4, 8, 14][this.#trigger]! : 1;
    const count = this.queue.length;
    const rows: [number, boolean, number][] = [
      [4, this.#overrun || this.#break, 0x06],
      [1, count >= level, 0x04],
      [1, count > 0 && count < level, 0x0c],
      [2, this.#isEmptyDue, 0x02],
      [8, this.#changes.size > 0, 0x00],
    ];
    return rows.flatMap(([enable, isThere, id]) => (isThere && (this.#of(IER) & enable) !== 0 ? [id] : []));
  }
  get isHigh(): boolean {
    return (this.#of(MCR) & 0x18) === 0x08 && this.#causes.length > 0;
  }

  receive(byte: number, isBreak: boolean): void {
    const bits = 5 + (this.#of(LCR) & 3);
    if (this.queue.length === this.#size) {
      this.#overrun = true;
      if (this.#hasFifo) return;
      this.queue = [];
    }
    this.queue.push({ byte: byte % 2 ** bits, isBreak });
    this.#reveal();
  }

  read(register: number): number {
    if (register === DATA) return this.#isLatch ? this.#divisor[0]! : this.#take();
    if (register === IER && this.#isLatch) return this.#divisor[1]!;
    if (register === IIR) return this.#identify();
    if (register === LSR) return this.#lineStatus();
    if (register === MSR) {
      const bits = [...this.#changes].reduce((sum, bit) => sum | (1 << bit), 0);
      this.#changes.clear();
      return this.#inputs | bits;
    }
    return this.#of(register);
  }

  write(register: number, value: number): void {
    if (register === DATA && !this.#isLatch) this.#send(value);
    else if (register <= IER && this.#isLatch) this.#divisor[register] = value;
    else if (register === IER) {
      if ((value & 2) !== 0 && (this.#of(IER) & 2) === 0) this.#isEmptyDue = true;
      this.#registers.set(IER, value % 16);
    } else if (register === FCR) this.#control(value);
    else if (register === MCR) {
      this.#registers.set(MCR, value % 32);
      this.#followInputs();
    } else if (register === LCR || register === SCR) this.#registers.set(register, value);
  }

  #of(register: number): number {
    return this.#registers.get(register)!;
  }
  #control(value: number): void {
    const enable = value & 1;
    if (enable !== this.#fcr || (enable === 1 && (value & 2) !== 0)) this.queue = [];
    this.#fcr = enable;
    if (enable === 1) this.#trigger = value >> 6;
  }
  #send(value: number): void {
    if (this.#isLoop) this.receive(value, false);
    else if (value !== 0x0a && value !== 0x0d) this.sent++;
    this.#isEmptyDue = true;
  }
  #take(): number {
    const front = this.queue.shift();
    this.#reveal();
    return front?.byte ?? 0;
  }
  #reveal(): void {
    if (this.queue[0]?.isBreak === true) this.#break = true;
  }
  #identify(): number {
    const id = this.#causes[0] ?? 0x01;
    if (id === 0x02) this.#isEmptyDue = false;
    return id + (this.#hasFifo ? 0xc0 : 0);
  }
  #lineStatus(): number {
    const holds = this.#hasFifo && (this.#break || this.queue.some(({ isBreak }) => isBreak));
    const hadBreak = this.#break;
    // What the line status tells of the byte in front it tells once; what is behind comes with its byte.
    const isLeft = this.queue.slice(1).some(({ isBreak }) => isBreak) || this.queue[0]?.isBreak === true || hadBreak;
    const status = 0x60 | (this.queue.length > 0 ? 1 : 0) | (this.#overrun ? 2 : 0) | (hadBreak ? 0x18 : 0);
    this.#overrun = false;
    this.#break = false;
    if (this.queue[0] !== undefined) this.queue[0].isBreak = false;
    return status | (holds && isLeft ? 0x80 : 0);
  }
  /** In loopback RTS, DTR, OUT1 and OUT2 are CTS, DSR, RI and DCD. */
  get #inputs(): number {
    if (!this.#isLoop) return 0xb0;
    const [dtr, rts, out1, out2] = [1, 2, 4, 8].map((bit) => (this.#of(MCR) & bit) !== 0);
    return [rts, dtr, out1, out2].reduce((sum, isOn, bit) => sum | (isOn ? 0x10 << bit : 0), 0);
  }
  #followInputs(): void {
    const now = this.#inputs;
    for (const bit of [0, 1, 2, 3]) {
      const [was, is] = [this.#seenInputs, now].map((inputs) => (inputs & (0x10 << bit)) !== 0);
      if (bit === 2 ? was && !is : was !== is) this.#changes.add(bit);
    }
    this.#seenInputs = now;
  }
}

/** Values that do something: loopback with OUT2, the FIFOs, the divisor latch, each interrupt. */
const likely: Readonly<Record<number, readonly number[]>> = {
  [IER]: [0x00, 0x01, 0x02, 0x03, 0x05, 0x0f],
  [FCR]: [0x00, 0x01, 0x07, 0x41, 0x81, 0xc1, 0xc7],
  [LCR]: [0x00, 0x03, 0x03, 0x03, 0x83],
  [MCR]: [0x08, 0x0b, 0x0b, 0x18, 0x1f, 0x1b],
};

function step(random: Random, model: Model): void {
  const register = random.below(8);
  const kind = random.below(10);
  if (kind < 4) {
    assert.equal(uart.read(register), model.read(register), `register ${register}`);
  } else if (kind < 7) {
    const values = random.below(4) === 0 ? undefined : likely[register];
    const value = values === undefined ? random.below(256) : values[random.below(values.length)]!;
    uart.write(register, value);
    model.write(register, value);
  } else {
    const byte = random.below(256);
    const isBreak = random.below(8) === 0;
    if (isBreak) uart.receiveBreak();
    else uart.receive(byte);
    model.receive(isBreak ? 0 : byte, isBreak);
  }
}

function assertSame(model: Model): void {
  assert.equal(uart.isHigh() !== 0, model.isHigh);
  assert.equal(uart.room(), model.room);
  assert.equal(uart.isPlain() !== 0, model.isPlain);
}

test(`the UART does as a second model does, over ${STEPS} random accesses, bytes and breaks`, () => {
  const random = new Random(0x16550a);
  uart.reset();
  uart.sent();
  const model = new Model();
  for (let n = 0; n < STEPS; n++) {
    step(random, model);
    assertSame(model);
    if (n % 100 === 0) {
      assert.equal(uart.sent(), countedSent(model));
    }
  }
});

/** Line feeds and carriage returns are no part of a line. */
function countedSent(model: Model): number {
  const { sent } = model;
  model.sent = 0;
  return sent;
}

test("a saved UART reads as the one that was saved, and goes on as it", () => {
  const random = new Random(7);
  uart.reset();
  const model = new Model();
  for (let round = 0; round < 200; round++) {
    for (let n = 0; n < 50; n++) step(random, model);
    const length = uart.save();
    const expected = [...Array(8).keys()].map((register) => uart.readRestored(register, length));
    assert.equal(uart.restore(length), STATE_OK);
    assertSame(model);
    assert.deepEqual(
      [...Array(8).keys()].map((register) => {
        uart.restore(length);
        return uart.read(register);
      }),
      expected,
    );
    uart.restore(length);
  }
});

test("a damaged table is refused, or leads nowhere", () => {
  const random = new Random(99);
  uart.reset();
  const length = uart.save();
  const good = [...Array(length).keys()].map((index) => uart.number(index));
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    good.forEach((value, index) => uart.setNumber(index, value));
    uart.setNumber(random.below(length), BigInt(random.below(2) === 0 ? random.below(300) : 0xffff_ffff));
    if (uart.restore(random.below(20) === 0 ? random.below(length) : length) !== STATE_OK) refused++;
    for (let register = 0; register < 8; register++) uart.read(register);
    uart.receive(0x41);
    uart.reset();
  }
  assert.ok(refused > 1000, `${refused} refused`);
});
