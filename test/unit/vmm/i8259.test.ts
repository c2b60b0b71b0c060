// The two 8259As, held against the Intel 8259A data sheet and against a second model.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../ept/random.ts";
import { loadHarness } from "./harness.ts";
import { I8259Model } from "./i8259-model.ts";

interface Harness {
  create(): number;
  createTable(): number;
  reset(machine: number): void;
  setLevel(machine: number, irq: number, isHigh: boolean): void;
  read(machine: number, port: number): number;
  write(machine: number, port: number, value: number): void;
  isWaiting(machine: number): number;
  nextVector(machine: number): number;
  endsAutomatically(machine: number): number;
  acknowledge(machine: number): void;
  timesTold(machine: number): number;
  save(machine: number, table: number): number;
  restore(machine: number, table: number): number;
  setNumber(table: number, at: number, value: bigint): void;
  length(table: number): number;
}

const harness = await loadHarness<Harness>("i8259-harness.ts");
const MASTER = 0x20;
const SLAVE = 0xa0;
const TRIGGERS = 0x4d0;
const PORTS = [MASTER, MASTER + 1, SLAVE, SLAVE + 1, TRIGGERS, TRIGGERS + 1];
const EOI = 0x20;
const READ_REQUESTS = 0x0a;
const READ_IN_SERVICE = 0x0b;
const POLL = 0x0c;

class Pair {
  readonly machine = harness.create();

  set(irq: number, isHigh: boolean): void {
    harness.setLevel(this.machine, irq, isHigh);
  }

  /** A pulse of the line that ends high. */
  raise(...irqs: number[]): void {
    for (const irq of irqs) {
      this.set(irq, false);
      this.set(irq, true);
    }
  }

  out(port: number, ...values: number[]): void {
    for (const value of values) harness.write(this.machine, port, value);
  }

  in(port: number): number {
    return harness.read(this.machine, port);
  }

  /** What is acknowledged, in order, until nothing waits. */
  takeAll(): number[] {
    const vectors = [];
    while (harness.isWaiting(this.machine)) vectors.push(this.take());
    return vectors;
  }

  take(): number {
    assert.equal(harness.isWaiting(this.machine), 1);
    const vector = harness.nextVector(this.machine);
    harness.acknowledge(this.machine);
    return vector;
  }

  get isWaiting(): boolean {
    return harness.isWaiting(this.machine) !== 0;
  }

  /** The request and the in-service registers of both, the slave's above. */
  get registers(): [number, number] {
    const read = (command: number): number => {
      this.out(MASTER, command);
      this.out(SLAVE, command);
      return this.in(MASTER) | (this.in(SLAVE) << 8);
    };
    return [read(READ_REQUESTS), read(READ_IN_SERVICE)];
  }
}

/** As Linux sets the two up: vectors from 0x30 on, nothing masked. */
function started(icw4 = 1): Pair {
  const pair = new Pair();
  pair.out(MASTER, 0x11);
  pair.out(MASTER + 1, 0x30, 0x04, icw4, 0);
  pair.out(SLAVE, 0x11);
  pair.out(SLAVE + 1, 0x38, 0x02, icw4, 0);
  return pair;
}

test("before a guest has initialized it no interrupt waits, and the mask is all ones and can be written", () => {
  const pair = new Pair();
  harness.reset(pair.machine);
  pair.raise(0, 9);
  assert.equal(pair.isWaiting, false);
  assert.equal(pair.in(MASTER + 1), 0xff);
  pair.out(MASTER + 1, 0xfb);
  assert.equal(pair.in(MASTER + 1), 0xfb);
});

test("each input has the vector of ICW2, whose low three bits are not taken", () => {
  for (let irq = 0; irq < 16; irq++) {
    const pair = started();
    pair.raise(irq);
    assert.deepEqual(pair.takeAll(), irq === 2 ? [] : [0x30 + irq]);
  }
  const pair = started();
  pair.out(MASTER, 0x13);
  pair.out(MASTER + 1, 0x57, 0x01, 0);
  pair.raise(3);
  assert.deepEqual(pair.takeAll(), [0x53]);
});

test("requests are served by priority, and one in service keeps those of its level and below waiting until its end", () => {
  const pair = started();
  pair.raise(6, 3, 1);
  assert.deepEqual(pair.takeAll(), [0x31]);
  assert.deepEqual(pair.registers, [0x48, 0x02]);
  pair.raise(1);
  assert.equal(pair.isWaiting, false);
  pair.raise(0);
  assert.deepEqual(pair.takeAll(), [0x30]);
  pair.out(MASTER, EOI);
  assert.equal(pair.isWaiting, false, "the non-specific EOI ended IRQ 0");
  pair.out(MASTER, EOI);
  assert.deepEqual(pair.takeAll(), [0x31]);
  pair.out(MASTER, 0x61);
  assert.deepEqual(pair.takeAll(), [0x33]);
});

test("the slave's requests have the priority of the master's input 2", () => {
  const pair = started();
  pair.raise(3, 15, 8);
  assert.deepEqual(pair.takeAll(), [0x38]);
  assert.deepEqual(pair.registers, [0x8008, 0x0104]);
  pair.raise(1);
  assert.deepEqual(pair.takeAll(), [0x31]);
  pair.out(MASTER, EOI);
  pair.out(SLAVE, EOI);
  pair.out(MASTER, EOI);
  assert.deepEqual(pair.takeAll(), [0x3f]);
  pair.out(SLAVE, EOI);
  pair.out(MASTER, EOI);
  assert.deepEqual(pair.takeAll(), [0x33]);
});

test("in fully nested mode the slave in service keeps its more urgent requests waiting; in special fully nested mode not", () => {
  for (const isSpecial of [false, true]) {
    const pair = started(isSpecial ? 0x11 : 0x01);
    pair.raise(12);
    assert.deepEqual(pair.takeAll(), [0x3c]);
    pair.raise(9);
    assert.deepEqual(pair.takeAll(), isSpecial ? [0x39] : []);
    pair.raise(3);
    assert.equal(pair.isWaiting, false, "less urgent than the slave");
  }
});

test("an edge that the line does not hold until it is acknowledged is a spurious IRQ 7 that is not in service", () => {
  const pair = started();
  pair.raise(3);
  pair.set(3, false);
  assert.equal(pair.isWaiting, false);
  assert.equal(harness.nextVector(pair.machine), 0x37);
  harness.acknowledge(pair.machine);
  assert.deepEqual(pair.registers, [0, 0]);
});

test("an edge interrupts once, a level again and again until the line is low", () => {
  const pair = started();
  pair.out(TRIGGERS, 0x20);
  pair.raise(5, 6);
  assert.equal(pair.take(), 0x35);
  pair.out(MASTER, EOI);
  assert.equal(pair.take(), 0x35);
  pair.set(5, false);
  pair.out(MASTER, EOI);
  assert.equal(pair.take(), 0x36);
  pair.out(MASTER, EOI);
  assert.equal(pair.isWaiting, false);
});

test("an edge that comes while its input is masked interrupts as soon as it is not", () => {
  const pair = started();
  pair.out(MASTER + 1, 0x10);
  pair.raise(4);
  assert.equal(pair.isWaiting, false);
  pair.out(MASTER + 1, 0);
  assert.deepEqual(pair.takeAll(), [0x34]);
});

test("IRQ 0, 1, 2, 8 and 13 are always edge-triggered", () => {
  const pair = started();
  pair.out(TRIGGERS, 0xff);
  pair.out(TRIGGERS + 1, 0xff);
  assert.deepEqual([pair.in(TRIGGERS), pair.in(TRIGGERS + 1)], [0xf8, 0xde]);
});

test("ICW1 forgets edges and what is in service, and unmasks; nothing interrupts before the sequence is complete", () => {
  const pair = started();
  pair.raise(1, 4);
  pair.take();
  pair.out(MASTER + 1, 0xff);
  pair.out(MASTER, 0x11);
  assert.equal(pair.in(MASTER + 1), 0);
  assert.deepEqual(pair.registers, [0, 0]);
  pair.raise(5);
  for (const word of [0x40, 0x04, 0x01]) {
    assert.equal(pair.isWaiting, false);
    pair.out(MASTER + 1, word);
  }
  assert.deepEqual(pair.takeAll(), [0x45]);
});

describe("OCW2", () => {
  /** The order in which the master's inputs are served, with 3 in service before `command`. */
  function orderAfter(command: number): number[] {
    const pair = started();
    pair.raise(3);
    pair.take();
    pair.out(MASTER, command, 0x63);
    const order = [];
    for (const irq of [0, 1, 3, 4, 5, 6, 7]) pair.raise(irq);
    while (pair.isWaiting) {
      const vector = pair.take();
      pair.out(MASTER, 0x60 | (vector & 7));
      order.push(vector - 0x30);
    }
    return order;
  }

  test("rotation makes the level that ended, or the one that is named, the lowest", () => {
    assert.deepEqual(orderAfter(0x20), [0, 1, 3, 4, 5, 6, 7]);
    assert.deepEqual(orderAfter(0xa0), [4, 5, 6, 7, 0, 1, 3]);
    assert.deepEqual(orderAfter(0xc5), [6, 7, 0, 1, 3, 4, 5]);
    assert.deepEqual(orderAfter(0xe0), [1, 3, 4, 5, 6, 7, 0]);
    assert.deepEqual(orderAfter(0x40), [0, 1, 3, 4, 5, 6, 7], "no operation");
  });

  test("with automatic EOI nothing stays in service, and with its rotation the last is the lowest", () => {
    const pair = started(3);
    assert.equal(harness.endsAutomatically(pair.machine), 1);
    pair.raise(3, 1);
    assert.deepEqual(pair.takeAll(), [0x31, 0x33]);
    assert.deepEqual(pair.registers, [0, 0]);
    pair.out(MASTER, 0x80);
    pair.raise(3);
    pair.take();
    pair.raise(1, 3, 4);
    assert.deepEqual(pair.takeAll(), [0x34, 0x31, 0x33]);
    pair.out(MASTER, 0x00);
    pair.raise(1, 4);
    assert.deepEqual(pair.takeAll(), [0x34, 0x31], "the order is that of the last rotation");
    pair.raise(1, 4);
    assert.deepEqual(pair.takeAll(), [0x34, 0x31], "and stays");
  });
});

describe("OCW3", () => {
  test("in special mask mode a masked level in service keeps no other waiting, and a non-specific EOI passes it by", () => {
    const pair = started();
    pair.raise(1);
    pair.take();
    pair.raise(5);
    pair.out(MASTER + 1, 0x02);
    assert.equal(pair.isWaiting, false);
    pair.out(MASTER, 0x68);
    assert.deepEqual(pair.takeAll(), [0x35]);
    pair.out(MASTER, EOI);
    assert.equal(pair.registers[1], 0x02);
    pair.out(MASTER, 0x08);
    pair.raise(5);
    assert.equal(pair.isWaiting, true, "without ESMM nothing changes");
    pair.out(MASTER, 0x48);
    assert.equal(pair.isWaiting, false);
  });

  test("a poll acknowledges and tells the level, once", () => {
    const pair = started();
    pair.out(MASTER, POLL);
    assert.equal(pair.in(MASTER), 0);
    pair.raise(4, 14);
    pair.out(MASTER, POLL);
    assert.equal(pair.in(MASTER), 0x82, "the slave");
    pair.out(SLAVE, POLL);
    assert.equal(pair.in(SLAVE + 1), 0x86);
    assert.deepEqual(pair.registers, [0x0010, 0x4004]);
  });
});

/** One random step on both; what it was, for the report of a failure. */
function step(random: Random, pair: Pair, model: I8259Model): string {
  const kind = random.below(100);
  if (kind < 35) {
    const [irq, isHigh] = [random.below(16), random.chance(60)];
    pair.set(irq, isHigh);
    model.setLevel(irq, isHigh);
    return `IRQ ${irq} ${isHigh ? "high" : "low"}`;
  }
  if (kind < 55) {
    if (!model.isWaiting && random.chance(80)) return "";
    harness.acknowledge(pair.machine);
    model.acknowledge();
    return "acknowledge";
  }
  const port = random.pick(PORTS);
  if (kind < 70) {
    const [found, expected] = [pair.in(port), model.read(port)];
    assert.equal(found, expected, `port ${port.toString(16)} read`);
    return `read ${port.toString(16)}`;
  }
  // All bits for the lower ports would start an initialization every other time.
  const isStart = (port === MASTER || port === SLAVE) && random.chance(80);
  const masks = port === MASTER + 1 || port === SLAVE + 1;
  const value = isStart ? random.below(256) & 0xef : masks ? random.below(256) & random.below(256) : random.below(256);
  pair.out(port, value);
  model.write(port, value);
  return `write ${port.toString(16)} ${value.toString(16)}`;
}

test("in random sequences it does what a second model does, and its listener always knows", () => {
  const table = harness.createTable();
  const [first, second] = [new Pair(), new Pair()];
  for (let seed = 1; seed <= 4000; seed++) {
    const random = new Random(seed * 7919);
    const model = new I8259Model();
    let pair = first;
    for (let irq = 0; irq < 16; irq++) pair.set(irq, false);
    harness.reset(pair.machine);
    const steps: string[] = [];
    let [told, known] = [harness.timesTold(pair.machine), ""];
    for (let i = 0; i < 60; i++) {
      steps.push(step(random, pair, model));
      const what = `seed ${seed}: ${steps.filter(Boolean).join(", ")}`;
      const found = [pair.isWaiting, harness.nextVector(pair.machine)];
      assert.deepEqual(found, [model.isWaiting, model.nextVector], what);
      const view = String(found[0] === true ? found[1] : "none");
      const isTold = harness.timesTold(pair.machine) !== told;
      if (i > 0 && view !== known && steps.at(-1) !== "acknowledge") assert.ok(isTold, `not told: ${what}`);
      [told, known] = [harness.timesTold(pair.machine), view];
      if (i === 30) {
        // The rest of the sequence runs on another instance that was restored.
        assert.deepEqual([harness.save(first.machine, table), harness.restore(second.machine, table)], [0, 0]);
        pair = second;
        told = harness.timesTold(pair.machine);
      }
    }
  }
});

test("a state of another version, or with a number that cannot be, is refused, and no state makes it fail", () => {
  const table = harness.createTable();
  const pair = started();
  harness.save(pair.machine, table);
  const random = new Random(8);
  for (let i = 0; i < 20000; i++) {
    harness.save(pair.machine, table);
    const at = random.below(harness.length(table));
    harness.setNumber(table, at, BigInt(random.below(2 ** 32)) << BigInt(random.below(3) * 16));
    const status = harness.restore(pair.machine, table);
    if (at === 0) assert.notEqual(status, 0);
    pair.takeAll();
    for (const port of PORTS) pair.in(port);
    for (const port of [MASTER, SLAVE]) pair.out(port, EOI);
  }
});
