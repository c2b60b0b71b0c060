// The 8254 at its ports, held against its data sheet (Intel 231164) and a model of it that counts clock by clock.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NEVER, PcDevices, StateNumbers, numbersFrom, time } from "./pc-devices.ts";
import { CounterModel } from "./pit-model.ts";

const CONTROL = 0x43;
const PORT_B = 0x61;
const HERTZ = 1_193_182n;
const IRQ_0 = 0;
const READ_BACK = 0xc0;
const NO_COUNT = 0x20;
const NO_STATUS = 0x10;

/** A PIT, and time in ticks of its clock. */
class Timer {
  readonly pc: PcDevices;
  tick = 0n;
  readonly kilohertz: number;
  private readonly origin = time.now;
  private risesAtStart = 0;

  constructor(kilohertz = 1_000_000) {
    this.kilohertz = kilohertz;
    this.pc = new PcDevices({ kilohertz });
  }

  clockAt(tick: bigint): bigint {
    return this.origin + (tick * BigInt(this.kilohertz) * 1000n + HERTZ - 1n) / HERTZ;
  }

  /** Lets ticks pass; how many alarms rang. */
  pass(ticks: number | bigint): number {
    this.tick += BigInt(ticks);
    return this.pc.passUntil(this.clockAt(this.tick));
  }

  start(channel: number, mode: number, count: number, isBcd = false): void {
    this.pc.out(CONTROL, (channel << 6) | 0x30 | (mode << 1) | Number(isBcd));
    this.risesAtStart = this.pc.rises(IRQ_0);
    this.write(channel, count);
  }

  /** How often IRQ 0 has risen since counter 0 was started: its OUT may have risen with the control word. */
  get rises(): number {
    return this.pc.rises(IRQ_0) - this.risesAtStart;
  }

  write(channel: number, count: number): void {
    this.pc.out(0x40 + channel, count & 0xff);
    this.pc.out(0x40 + channel, count >> 8);
  }

  read(channel: number): number {
    const low = this.pc.in(0x40 + channel);
    return low | (this.pc.in(0x40 + channel) << 8);
  }

  status(channel: number): number {
    this.pc.out(CONTROL, READ_BACK | NO_COUNT | (2 << channel));
    return this.pc.in(0x40 + channel);
  }
}

const toBcd = (value: number): number => parseInt(String(value), 16);

describe("against a model that counts clock by clock", () => {
  for (const mode of [0, 1, 2, 3, 4, 5]) {
    test(`counter 2 in mode ${mode} has the same count, OUT and null count, whatever its gate does`, () => {
      const next = numbersFrom(mode + 1);
      for (let round = 0; round < 60; round++) {
        const timer = new Timer(1000 * (1 + next(4_000)));
        const model = new CounterModel();
        const isBcd = next(3) === 0;
        const most = [12, 60, isBcd ? 10000 : 0x10000][next(3)]!;
        const gate = (isHigh: boolean): void => {
          timer.pc.out(PORT_B, isHigh ? 1 : 0);
          model.setGate(isHigh);
        };
        model.gate = false;
        gate(next(2) === 0);
        timer.pc.out(CONTROL, 0xb0 | (mode << 1) | Number(isBcd));
        model.setMode(mode, isBcd);
        const write = (): void => {
          const count = 2 + next(most - 1);
          const written = isBcd ? toBcd(count % 10000) : count % 0x10000;
          timer.write(2, written);
          model.writeCount(count);
        };
        write();
        for (let step = 0; step < 60; step++) {
          const ticks = 1 + next([3, 20, most][next(3)]!);
          timer.pass(ticks);
          for (let i = 0; i < ticks; i++) model.clock();
          const where = `round ${round}, step ${step}, tick ${timer.tick}`;
          if (model.isLoaded) assert.equal(timer.read(2), isBcd ? toBcd(model.value) : model.value, where);
          const status = timer.status(2);
          assert.equal((status & 0x80) !== 0, model.out, `OUT in ${where}`);
          assert.equal((timer.pc.in(PORT_B) & 0x20) !== 0, model.out, `OUT at port 0x61 in ${where}`);
          assert.equal((status & 0x40) !== 0, model.isNull, `null count in ${where}`);
          const event = next(6);
          if (event === 0) write();
          else if (event === 1) gate(!model.gate);
        }
      }
    });
  }

  test("IRQ 0 rises exactly as often as OUT of counter 0, whatever is programmed", () => {
    const next = numbersFrom(7);
    const timer = new Timer();
    const model = new CounterModel();
    model.setMode(0, false);
    for (let step = 0; step < 3000; step++) {
      const event = next(8);
      if (event < 2) {
        const mode = next(6);
        timer.pc.out(CONTROL, 0x30 | (mode << 1));
        model.setMode(mode, false);
      } else if (event < 5) {
        const count = 2 + next(300);
        timer.write(0, count);
        model.writeCount(count);
      }
      const ticks = 1 + next(200);
      timer.pass(ticks);
      for (let i = 0; i < ticks; i++) model.clock();
      assert.equal(timer.pc.rises(IRQ_0), model.rises, `step ${step}, tick ${timer.tick}`);
    }
    assert.ok(model.rises > 500);
  });
});

test("after a reset no counter counts, and no alarm is set", () => {
  const timer = new Timer();
  timer.start(0, 2, 1000);
  assert.notEqual(timer.pc.nextAlarm, NEVER);
  timer.pc.reset();
  assert.equal(timer.pc.nextAlarm, NEVER);
  assert.equal(timer.pass(100_000), 0);
});

test("mode 0 interrupts once, one tick behind its count", () => {
  const timer = new Timer();
  timer.start(0, 0, 1000);
  assert.equal(timer.pass(1000), 0);
  assert.equal(timer.pass(1), 1);
  assert.equal(timer.rises, 1);
  assert.equal(timer.pass(1_000_000), 0);
});

for (const mode of [2, 3]) {
  test(`mode ${mode} takes one alarm an interrupt, and after an hour it has drifted by nothing`, () => {
    const timer = new Timer(2_599_999);
    timer.start(0, mode, 11932);
    const periods = (HERTZ * 3600n) / 11932n;
    assert.equal(timer.pass(periods * 11932n), Number(periods) - 1);
    assert.equal(timer.pass(1), 1, "the last one, as the count is loaded one tick behind the write");
    assert.equal(timer.rises, Number(periods));
  });

  test(`in mode ${mode} edges that nobody saw become one, and the next is in time`, () => {
    const timer = new Timer();
    timer.start(0, mode, 1000);
    timer.tick += 10_501n;
    time.now = timer.clockAt(timer.tick);
    timer.pc.ring();
    timer.pc.ring();
    assert.equal(timer.rises, 1);
    assert.equal(timer.pc.nextAlarm, timer.clockAt(11_001n));
  });
}

test("an alarm that is late is not lost where the counter is programmed anew before it rings", () => {
  const timer = new Timer();
  timer.start(0, 2, 1000);
  timer.tick = 1500n;
  time.now = timer.clockAt(timer.tick);
  timer.pc.out(CONTROL, 0x30);
  assert.equal(timer.rises, 1);
});

test("a count is read and written by its low byte, its high byte or both", () => {
  const timer = new Timer();
  for (const [access, bytes, count] of [
    [1, [0x34], 0x0034],
    [2, [0x12], 0x1200],
    [3, [0x34, 0x12], 0x1234],
  ] as const) {
    timer.pc.out(CONTROL, 0x80 | (access << 4));
    for (const byte of bytes) timer.pc.out(0x42, byte);
    // The gate is low: the count stays.
    for (let i = 0; i < 3; i++) for (const byte of bytes) assert.equal(timer.pc.in(0x42), byte, `${count}`);
  }
});

test("a latched count stays until it is read, and a second latch does nothing", () => {
  const timer = new Timer();
  timer.pc.out(PORT_B, 1);
  timer.start(2, 0, 10_000);
  timer.pass(101);
  timer.pc.out(CONTROL, 0x80);
  timer.pass(50);
  timer.pc.out(CONTROL, 0x80);
  assert.equal(timer.read(2), 9900);
  assert.equal(timer.read(2), 9850);
});

test("the read-back command latches count and status of any counters, and the status is read first", () => {
  const timer = new Timer();
  timer.pc.out(PORT_B, 1);
  timer.start(0, 2, 1000);
  timer.start(2, 3, 2000);
  timer.pass(1);
  timer.pc.out(CONTROL, READ_BACK | 0x0a);
  timer.pass(7);
  assert.equal(timer.pc.in(0x40), 0xb4);
  assert.equal(timer.read(0), 1000);
  assert.equal(timer.pc.in(0x42), 0xb6);
  assert.equal(timer.read(2), 2000);
  timer.pc.out(CONTROL, READ_BACK | NO_STATUS | NO_COUNT | 0x0e);
  assert.equal(timer.read(0), 993, "nothing was latched");
});

test("the status tells the control word as it was written", () => {
  const timer = new Timer();
  for (let control = 0x10; control < 0x40; control++) {
    timer.pc.out(CONTROL, 0x80 | control);
    assert.equal(timer.status(2) & 0x3f, control);
  }
});

test("the first byte of a count stops mode 0 and lowers OUT", () => {
  const timer = new Timer();
  timer.pc.out(PORT_B, 1);
  timer.start(2, 0, 10);
  timer.pass(11);
  assert.equal(timer.status(2) & 0x80, 0x80);
  timer.pc.out(0x42, 100);
  timer.pass(1000);
  assert.equal(timer.status(2) & 0x80, 0);
  timer.pc.out(0x42, 0);
  timer.pass(101);
  assert.equal(timer.status(2) & 0x80, 0x80);
});

test("port 0x61 keeps its switches, and its refresh bit toggles every 15 microseconds", () => {
  const timer = new Timer();
  timer.pc.out(PORT_B, 0xff);
  assert.equal(timer.pc.in(PORT_B) & 0xcf, 0x0f);
  let toggles = 0;
  let before = timer.pc.in(PORT_B) & 0x10;
  for (let i = 0; i < 11_932; i++) {
    timer.pass(1);
    const now = timer.pc.in(PORT_B) & 0x10;
    if (now !== before) toggles++;
    before = now;
  }
  assert.equal(toggles, 662);
});

test("a saved timer goes on in another machine where it was", () => {
  const next = numbersFrom(9);
  for (let round = 0; round < 300; round++) {
    const timer = new Timer();
    const channel = 2 * next(2);
    timer.pc.out(PORT_B, 1);
    timer.start(channel, next(6), 2 + next(5000));
    timer.pass(next(9000));
    if (next(3) === 0) timer.write(channel, 2 + next(5000));
    timer.pass(1 + next(500));
    const table = new StateNumbers();
    assert.equal(timer.pc.save(table), 0);
    const steps = Array.from({ length: 8 }, () => next(3000));
    const observe = (copy: Timer): number[][] => {
      const before = copy.pc.rises(IRQ_0);
      return steps.map((ticks) => {
        copy.pass(ticks);
        return [copy.read(channel), copy.status(channel), copy.pc.in(PORT_B), copy.pc.rises(IRQ_0) - before];
      });
    };
    const seen = observe(timer);
    time.now += BigInt(next(1 << 30));
    const other = new Timer();
    assert.equal(other.pc.restore(table), 0);
    assert.deepEqual(observe(other), seen, `round ${round}`);
  }
});

test("no state table, however damaged, ends the machine or has an alarm ring without end", () => {
  const next = numbersFrom(11);
  const values = [0n, 1n, 2n, 0xffffn, 0x10000n, 1n << 31n, 1n << 58n, 1n << 60n, 1n << 63n, NEVER];
  const table = new StateNumbers();
  for (let round = 0; round < 2000; round++) {
    const source = new Timer();
    source.start(0, next(6), next(0x10000));
    source.pc.save(table);
    for (let i = 0; i < 3; i++) table.set(next(table.length), values[next(values.length)]!);
    const pc = new PcDevices();
    pc.restore(table);
    for (let i = 0; i < 5; i++) {
      time.now += BigInt(next(1 << 30));
      pc.ring();
      for (const port of [0x40, 0x42, 0x61, 0x71, 0x60, 0x64]) pc.in(port);
      pc.in(0x600, 4);
      pc.out(0x40, next(256));
      pc.out(0x71, next(256));
    }
  }
});
