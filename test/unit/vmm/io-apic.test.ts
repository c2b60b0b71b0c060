// The I/O APIC and the interrupt router, held against the Intel 82093AA data sheet and against a second model.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../ept/random.ts";
import { loadHarness } from "./harness.ts";

interface Harness {
  create(idleHigh: number): number;
  createPc(): number;
  createTable(): number;
  reset(machine: number): void;
  setAsserted(machine: number, pin: number, isAsserted: boolean): void;
  setLine(machine: number, input: number, isHigh: boolean): void;
  read(machine: number, offset: number, bytes: number): bigint;
  write(machine: number, offset: number, bytes: number, value: bigint): void;
  endOfInterrupt(machine: number, vector: number): void;
  takeCount(machine: number): number;
  addressAt(machine: number, at: number): bigint;
  dataAt(machine: number, at: number): number;
  startPair(machine: number): void;
  pairVector(machine: number): number;
  save(machine: number, table: number): number;
  restore(machine: number, table: number): number;
}

const harness = await loadHarness<Harness>("io-apic-harness.ts");
const [SELECT, DATA, EOI] = [0x00, 0x10, 0x40] as const;
const REDIRECTION = 0x10;
const MASKED = 1 << 16;
const LEVEL = 1 << 15;
const REMOTE_IRR = 1 << 14;
const ACTIVE_LOW = 1 << 13;
const LOGICAL = 1 << 11;
const ASSERT = 1 << 14;

class Chip {
  readonly machine: number;

  constructor(machine = harness.create(0)) {
    this.machine = machine;
  }

  select(register: number): void {
    harness.write(this.machine, SELECT, 4, BigInt(register));
  }

  read(register: number): number {
    this.select(register);
    return Number(harness.read(this.machine, DATA, 4));
  }

  write(register: number, value: number): void {
    this.select(register);
    harness.write(this.machine, DATA, 4, BigInt(value >>> 0));
  }

  low(pin: number): number {
    return this.read(REDIRECTION + 2 * pin);
  }

  redirect(pin: number, low: number, destination = 0): void {
    this.write(REDIRECTION + 2 * pin + 1, destination << 24);
    this.write(REDIRECTION + 2 * pin, low);
  }

  set(pin: number, isAsserted: boolean): void {
    harness.setAsserted(this.machine, pin, isAsserted);
  }

  end(vector: number): void {
    harness.endOfInterrupt(this.machine, vector);
  }

  /** The messages since the last call, as hexadecimal address and data. */
  get messages(): string[] {
    const count = harness.takeCount(this.machine);
    return Array.from({ length: count }, (_, at) => {
      const [address, data] = [harness.addressAt(this.machine, at), harness.dataAt(this.machine, at)];
      return `${address.toString(16)}:${data.toString(16)}`;
    });
  }

  /** The vectors of those messages. */
  get vectors(): number[] {
    return this.messages.map((message) => parseInt(message.split(":")[1]!, 16) & 0xff);
  }
}

test("it tells version 0x20 and 24 entries, all masked, and keeps an ID of four bits, which the arbitration ID is too", () => {
  const chip = new Chip();
  assert.equal(chip.read(1), 0x0017_0020);
  for (let pin = 0; pin < 24; pin++) assert.equal(chip.low(pin), MASKED);
  chip.write(0, 0xffff_ffff);
  assert.deepEqual([chip.read(0), chip.read(2)], [0x0f00_0000, 0x0f00_0000]);
  chip.write(1, 0);
  assert.equal(chip.read(1), 0x0017_0020);
});

test("reserved bits, the delivery status and the remote IRR cannot be written", () => {
  const chip = new Chip();
  chip.redirect(5, 0xffff_ffff, 0xff);
  assert.deepEqual([chip.low(5), chip.read(REDIRECTION + 11)], [0x0001_afff, 0xff00_0000]);
});

test("registers that it does not have read 0, and so do accesses that are not of 32 bits at a register's place", () => {
  const chip = new Chip();
  for (const register of [3, 0x0f, 0x40, 0xff]) {
    chip.write(register, 0xffff_ffff);
    assert.equal(chip.read(register), 0);
  }
  chip.select(1);
  const reads = [
    [DATA, 1],
    [DATA, 2],
    [DATA, 8],
    [DATA + 1, 4],
    [DATA + 4, 4],
    [0x20, 4],
    [0xffc, 4],
  ] as const;
  for (const [offset, bytes] of reads) assert.equal(harness.read(chip.machine, offset, bytes), 0n);
  chip.redirect(0, 0x31);
  for (const bytes of [1, 2, 8]) harness.write(chip.machine, DATA, bytes, 0x42n);
  harness.write(chip.machine, SELECT, 1, 1n);
  assert.equal(Number(harness.read(chip.machine, DATA, 4)), 0x31);
});

test("an entry becomes a message as SDM 3A 11.11 lays it out", () => {
  const chip = new Chip();
  for (const [low, destination, message] of [
    [0x31, 0, "fee00000:4031"],
    [0x41, 0x5a, "fee5a000:4041"],
    [0x41 | LOGICAL, 0xff, "feeff004:4041"],
    [0x51 | (1 << 8), 1, "fee01000:4151"],
    [0x00 | (2 << 8), 1, "fee01000:4200"],
    [0x02 | (4 << 8) | LEVEL, 1, "fee01000:4402"],
    [0x00 | (5 << 8), 1, "fee01000:4500"],
    [0x61 | LEVEL, 3, "fee03000:c061"],
  ] as const) {
    chip.redirect(7, low, destination);
    chip.set(7, true);
    assert.deepEqual(chip.messages, [message]);
    chip.set(7, false);
    chip.end(low & 0xff);
    assert.deepEqual(chip.messages, []);
  }
});

test("reserved delivery modes and ExtINT send nothing", () => {
  const chip = new Chip();
  for (const mode of [3, 6, 7]) {
    for (const trigger of [0, LEVEL]) {
      chip.redirect(4, 0x31 | (mode << 8) | trigger);
      chip.set(4, true);
      chip.set(4, false);
    }
  }
  assert.deepEqual(chip.messages, []);
});

test("an edge interrupts once, and one that comes while masked is lost", () => {
  const chip = new Chip();
  chip.redirect(4, 0x31);
  chip.set(4, true);
  chip.set(4, true);
  assert.deepEqual(chip.vectors, [0x31]);
  assert.equal(chip.low(4), 0x31, "an edge has no remote IRR");
  chip.set(4, false);
  chip.redirect(4, 0x31 | MASKED);
  chip.set(4, true);
  chip.redirect(4, 0x31);
  chip.end(0x31);
  assert.deepEqual(chip.vectors, []);
});

test("a level interrupts again at each end of its interrupt until it is gone, by the local APIC's EOI or the register's", () => {
  const chip = new Chip();
  chip.redirect(4, 0x31 | LEVEL);
  chip.set(4, true);
  assert.deepEqual([chip.vectors, chip.low(4)], [[0x31], 0x31 | LEVEL | REMOTE_IRR]);
  chip.set(4, false);
  chip.set(4, true);
  assert.deepEqual(chip.vectors, [], "the first has not ended");
  chip.end(0x32);
  assert.deepEqual(chip.vectors, [], "another vector's");
  chip.end(0x31);
  assert.deepEqual(chip.vectors, [0x31]);
  harness.write(chip.machine, EOI, 4, 0x31n);
  assert.deepEqual(chip.vectors, [0x31]);
  chip.set(4, false);
  chip.end(0x31);
  assert.deepEqual([chip.vectors, chip.low(4)], [[], 0x31 | LEVEL]);
});

test("a level that comes or ends while masked interrupts when it is not masked any longer", () => {
  const chip = new Chip();
  chip.redirect(4, 0x31 | LEVEL | MASKED);
  chip.set(4, true);
  assert.deepEqual(chip.vectors, []);
  chip.redirect(4, 0x31 | LEVEL);
  assert.deepEqual(chip.vectors, [0x31]);
  chip.redirect(4, 0x31 | LEVEL | MASKED);
  chip.end(0x31);
  assert.deepEqual(chip.vectors, []);
  chip.redirect(4, 0x31 | LEVEL);
  assert.deepEqual(chip.vectors, [0x31]);
});

test("the entry's trigger mode, edge and back to level, ends a level interrupt", () => {
  const chip = new Chip();
  chip.redirect(4, 0x31 | LEVEL);
  chip.set(4, true);
  chip.redirect(4, 0x31 | MASKED);
  assert.equal(chip.low(4), 0x31 | MASKED);
  chip.redirect(4, 0x31 | LEVEL);
  assert.deepEqual(chip.vectors, [0x31, 0x31]);
});

test("interrupts that share a vector end together", () => {
  const chip = new Chip();
  for (const pin of [16, 17, 18]) chip.redirect(pin, 0x31 | LEVEL);
  for (const pin of [16, 17, 18]) chip.set(pin, true);
  chip.set(17, false);
  assert.equal(chip.vectors.length, 3);
  chip.end(0x31);
  assert.equal(chip.vectors.length, 2);
});

test("polarity tells what of the wire is active, and which of its edges", () => {
  const chip = new Chip(harness.create(1 << 16));
  chip.redirect(16, 0x41 | LEVEL | ACTIVE_LOW);
  chip.redirect(5, 0x31 | ACTIVE_LOW);
  assert.deepEqual(chip.vectors, []);
  chip.set(16, true);
  assert.deepEqual(chip.vectors, [0x41]);
  chip.set(5, true);
  assert.deepEqual(chip.vectors, []);
  chip.set(5, false);
  assert.deepEqual(chip.vectors, [0x31]);
  chip.redirect(17, 0x51 | LEVEL | ACTIVE_LOW);
  assert.deepEqual(chip.vectors, [0x51], "its wire is low though nothing asserts it");
});

test("inputs beyond 23 do not exist", () => {
  const chip = new Chip();
  for (const pin of [24, 31, 32, 2 ** 32 - 1]) chip.set(pin, true);
  assert.deepEqual(chip.vectors, []);
});

interface Entry {
  low: number;
  destination: number;
  asserted: boolean;
  waits: boolean;
}

/** What is to be sent is found anew for all inputs after each step, from what the data sheet calls active. */
class Model {
  readonly idleHigh: number;
  readonly entries: Entry[] = Array.from({ length: 24 }, () => ({
    low: MASKED,
    destination: 0,
    asserted: false,
    waits: false,
  }));
  sent: string[] = [];

  constructor(idleHigh: number) {
    this.idleHigh = idleHigh;
  }

  private active(pin: number): boolean {
    const entry = this.entries[pin]!;
    const isHigh = ((this.idleHigh >> pin) & 1) === 1 ? !entry.asserted : entry.asserted;
    return (entry.low & ACTIVE_LOW) !== 0 ? !isHigh : isHigh;
  }

  private isLevel(entry: Entry): boolean {
    return (entry.low & LEVEL) !== 0 && ((entry.low >> 8) & 7) < 2;
  }

  private emit(entry: Entry, trigger: number): void {
    const mode = (entry.low >> 8) & 7;
    if (mode === 3 || mode >= 6) return;
    const logical = (entry.low & LOGICAL) !== 0 ? 4 : 0;
    const address = 0xfee00000 + entry.destination * 0x1000 + logical;
    this.sent.push(`${address.toString(16)}:${((entry.low & 0x7ff) | ASSERT | trigger).toString(16)}`);
  }

  private serveLevels(): void {
    this.entries.forEach((entry, pin) => {
      if (!this.isLevel(entry) || (entry.low & MASKED) !== 0 || entry.waits || !this.active(pin)) return;
      entry.waits = true;
      this.emit(entry, LEVEL);
    });
  }

  set(pin: number, isAsserted: boolean): void {
    const entry = this.entries[pin]!;
    const was = this.active(pin);
    entry.asserted = isAsserted;
    if (!was && this.active(pin) && !this.isLevel(entry) && (entry.low & MASKED) === 0) this.emit(entry, 0);
    this.serveLevels();
  }

  redirect(pin: number, low: number): void {
    const entry = this.entries[pin]!;
    entry.low = low & 0x1afff;
    if ((low & LEVEL) === 0) entry.waits = false;
    this.serveLevels();
  }

  end(vector: number): void {
    for (const entry of this.entries) if ((entry.low & 0xff) === vector) entry.waits = false;
    this.serveLevels();
  }
}

test("in random sequences it sends what a second model sends, and no active level is without an interrupt", () => {
  const table = harness.createTable();
  const idleHigh = 0xff0000;
  const machines = [harness.create(idleHigh), harness.create(idleHigh)] as const;
  for (let seed = 1; seed <= 2000; seed++) {
    const random = new Random(seed * 104729);
    const model = new Model(idleHigh);
    let chip = new Chip(machines[0]);
    harness.reset(chip.machine);
    for (let pin = 0; pin < 24; pin++) chip.set(pin, false);
    assert.deepEqual(chip.messages, [], "all are masked");
    const vectors = [0x31, 0x31, 0x42, 0x99];
    for (let i = 0; i < 80; i++) {
      const pin = random.pick([2, 4, 9, 16, 17, 23]);
      const kind = random.below(10);
      const what = `seed ${seed}, step ${i}, pin ${pin}, kind ${kind}`;
      if (kind < 5) {
        const isAsserted = random.chance(50);
        chip.set(pin, isAsserted);
        model.set(pin, isAsserted);
      } else if (kind < 7) {
        const vector = random.pick(vectors);
        if (random.chance(50)) chip.end(vector);
        else harness.write(chip.machine, EOI, 4, BigInt(vector));
        model.end(vector);
      } else if (kind < 8) {
        const destination = random.below(256);
        chip.write(REDIRECTION + 2 * pin + 1, destination << 24);
        model.entries[pin]!.destination = destination;
      } else {
        const mode = random.chance(70) ? 0 : random.below(8);
        const bits = random.below(2 ** 18) & (MASKED | LEVEL | REMOTE_IRR | ACTIVE_LOW | LOGICAL | 0x1000);
        const low = random.pick(vectors) | (mode << 8) | bits;
        chip.redirect(pin, low, model.entries[pin]!.destination);
        model.redirect(pin, low);
      }
      assert.deepEqual(chip.messages, model.sent, what);
      model.sent = [];
      const { low, waits } = model.entries[pin]!;
      assert.equal(chip.low(pin), low | (waits ? REMOTE_IRR : 0), what);
      if (i === 40) {
        assert.deepEqual([harness.save(machines[0], table), harness.restore(machines[1], table)], [0, 0]);
        chip = new Chip(machines[1]);
        assert.deepEqual(chip.messages, [], "restoring sends nothing");
      }
    }
  }
});

test("ISA IRQs reach both controllers, the timer at input 2 of the I/O APIC, and GSIs from 16 on the I/O APIC only", () => {
  const machine = harness.createPc();
  harness.startPair(machine);
  const chip = new Chip(machine);
  for (let pin = 0; pin < 24; pin++) chip.redirect(pin, (0x40 + pin) | (pin < 16 ? 0 : LEVEL | ACTIVE_LOW));
  assert.deepEqual(chip.vectors, []);
  for (let input = 0; input < 32; input++) {
    harness.setLine(machine, input, true);
    const fromIoApic: number[] = chip.vectors;
    const fromPair = harness.pairVector(machine);
    harness.setLine(machine, input, false);
    const pin = input === 0 ? 2 : input;
    assert.deepEqual(fromIoApic, input === 2 || input >= 24 ? [] : [0x40 + pin], `input ${input}`);
    const expected = input < 8 && input !== 2 ? 0x20 + input : input >= 8 && input < 16 ? 0x20 + input : 0;
    assert.equal(fromPair, expected, `input ${input}`);
  }
});
