// The local APIC against a second model, through tens of thousands of random operations in both modes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Apic, APIC_BASE, BASE_X2APIC, TSC_DEADLINE } from "./local-apic.ts";
import { ApicModel } from "./local-apic-model.ts";

const OPERATIONS = 40_000;

/** Numbers that are the same in each run (xorshift). */
class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % limit;
  }

  chance(of: number): boolean {
    return this.below(of) === 0;
  }
}

/** One APIC and its model, to which the same happens. */
class Pair {
  readonly model = new ApicModel();
  readonly apic: Apic;
  readonly random: Random;

  constructor(apic: Apic, random: Random) {
    this.apic = apic;
    this.random = random;
    this.model.tsc = apic.now;
  }

  read(register: number): number {
    return this.model.isX2 ? Number(this.apic.rdmsr(0x800 + register)!) : this.apic.read(register * 16);
  }

  write(register: number, value: number): void {
    if (this.model.isX2) assert.ok(this.apic.wrmsr(0x800 + register, BigInt(value >>> 0)), `register ${register}`);
    else this.apic.write(register * 16, value);
  }

  /** Most vectors are legal, and few enough that they meet. */
  vector(): number {
    return this.random.chance(50) ? this.random.below(16) : 16 + this.random.below(15) * 16 + this.random.below(16);
  }

  compare(context: string): void {
    const { apic, model } = this;
    assert.equal(apic.waiting, model.waiting, `${context}: what waits`);
    assert.equal(this.read(0x0a), model.ppr, `${context}: PPR`);
    assert.equal(this.read(0x28), model.esr, `${context}: ESR`);
    assert.equal(this.read(0x39), model.count, `${context}: current count`);
    assert.equal(apic.rdmsr(TSC_DEADLINE), model.target, `${context}: deadline`);
    assert.equal(apic.nmis, model.nmis, `${context}: NMIs`);
    assert.equal(apic.externalAcknowledged, model.externalAcknowledged, `${context}: 8259`);
    assert.deepEqual(apic.ends, model.ends, `${context}: ends`);
  }

  compareAll(context: string): void {
    for (const [base, values] of [
      [0x10, this.model.isr],
      [0x18, this.model.tmr],
      [0x20, this.model.irr],
    ] as const) {
      for (let i = 0; i < 8; i++) {
        const expected = values.slice(32 * i, 32 * i + 32).reduce((sum, has, at) => sum + (has ? 2 ** at : 0), 0);
        assert.equal(this.read(base + i), expected, `${context}: register ${base + i}`);
      }
    }
    this.model.lvt.forEach((entry, i) => assert.equal(this.read(0x32 + i), entry, `${context}: LVT ${i}`));
    assert.equal(this.read(0x0f), this.model.svr, `${context}: SVR`);
    assert.equal(this.read(0x38), this.model.initial, `${context}: initial count`);
  }

  readonly operations: readonly (readonly [weight: number, run: () => void])[] = [
    [8, () => this.message()],
    [10, () => this.take()],
    [10, () => this.eoi()],
    [3, () => this.priority()],
    [5, () => this.command()],
    [3, () => this.pass(this.random.below(300))],
    [2, () => this.late(this.random.below(3000))],
    [3, () => this.startTimer()],
    [3, () => this.deadline()],
    [2, () => this.localVector()],
    [2, () => this.divide()],
    [2, () => this.external()],
    [1, () => this.addressing()],
    [1, () => this.spurious()],
    [1, () => this.clearErrors()],
    [1, () => this.offset()],
  ];

  step(): void {
    let at = this.random.below(this.operations.reduce((sum, [weight]) => sum + weight, 0));
    const operation = this.operations.find(([weight]) => (at -= weight) < 0)!;
    operation[1]();
  }

  message(): void {
    const { random } = this;
    const destination = [0, 0, 0, 1, 3, 0xff, random.below(256)][random.below(7)]!;
    const isLogical = random.chance(3);
    const data = this.vector() | (random.below(10) < 8 ? 0 : random.below(8) << 8) | (random.below(4) << 14);
    this.apic.send(0xfee00000n | BigInt(destination << 12) | (isLogical ? 4n : 0n), data);
    this.model.message(destination, isLogical, data);
  }

  take(): void {
    this.apic.take();
    this.model.take();
  }

  eoi(): void {
    this.write(0x0b, 0);
    this.model.eoi();
  }

  priority(): void {
    const value = this.random.chance(2) ? 0 : this.random.below(256);
    if (this.random.chance(2)) {
      this.apic.taskPriority = value >> 4;
      this.model.tpr = value & 0xf0;
    } else {
      this.write(0x08, value);
      this.model.tpr = value;
    }
    assert.equal(this.apic.taskPriority, this.model.tpr >> 4);
  }

  command(): void {
    const { random, model } = this;
    const low = this.vector() | (random.below(8) << 8) | (random.below(2) << 11) | (random.below(4) << 18) | 0x4000;
    const broad = model.isX2 ? 0xffffffff : 0xff;
    const destination = [0, 1, broad, random.below(256)][random.below(4)]!;
    if (model.isX2 && random.chance(3)) {
      const vector = this.vector();
      this.write(0x3f, vector);
      model.command(vector | 0x40000, 0);
      return;
    }
    if (model.isX2) this.apic.wrmsr(0x830, (BigInt(destination) << 32n) | BigInt(low));
    else {
      this.write(0x31, destination << 24);
      this.write(0x30, low);
    }
    model.command(low, destination);
  }

  pass(ticks: number): void {
    this.apic.runTo(this.apic.now + BigInt(ticks));
    for (let i = 0; i < ticks; i++) this.model.tick();
  }

  /** The alarm rings too late, if something else does not come first. */
  late(ticks: number): void {
    this.apic.now += BigInt(ticks);
    for (let i = 0; i < ticks; i++) this.model.tick();
    if (this.random.chance(2)) this.apic.runTo(this.apic.now);
    // Else what comes next, as a write or a read of the count, finds out.
    else this.read(0x39);
    this.apic.rdmsr(TSC_DEADLINE);
  }

  startTimer(): void {
    const count = this.random.chance(8) ? 0 : 1 + this.random.below(200);
    this.write(0x38, count);
    this.model.start(count);
  }

  deadline(): void {
    const ahead = this.random.below(1000) - 50;
    const value = this.random.chance(8) ? 0n : this.model.tsc + BigInt(ahead);
    this.apic.wrmsr(TSC_DEADLINE, value);
    this.model.setTarget(value);
  }

  localVector(): void {
    const { random } = this;
    const entry = [0, 0, 0, 5, 3, random.below(6)][random.below(6)]!;
    // LINT0 stays ExtINT here; its other modes have tests of their own.
    const mode = entry === 0 ? random.below(3) << 17 : entry === 3 ? 0x700 : 0;
    const value = this.vector() | mode | (random.chance(4) ? 0x10000 : 0);
    this.write(0x32 + entry, value);
    this.model.writeLvt(entry, value);
  }

  divide(): void {
    const value = this.random.below(16) & 0xb;
    this.write(0x3e, value);
    this.model.setDivide(value);
  }

  external(): void {
    const [isHigh, vector] = [this.random.chance(2), this.random.below(256)];
    this.apic.external(isHigh, vector);
    this.model.externalHigh = isHigh;
    this.model.externalVector = vector;
  }

  addressing(): void {
    if (this.model.isX2) return;
    const [logical, format] = [this.random.below(256) << 24, this.random.chance(2) ? 0 : 0xf0000000];
    this.write(0x0d, logical);
    this.write(0x0e, format);
    this.model.ldr = logical >>> 0;
    this.model.dfr = (format | 0x0fffffff) >>> 0;
  }

  spurious(): void {
    const value = this.random.below(256) | (this.random.chance(3) ? 0 : 0x100);
    this.write(0x0f, value);
    this.model.writeSvr(value);
  }

  clearErrors(): void {
    this.write(0x28, 0);
    this.model.writeEsr();
  }

  offset(): void {
    const offset = BigInt(this.random.below(2000)) + 1n;
    this.apic.harness.setTscOffset(this.apic.machine, offset);
    this.model.tsc = this.apic.now + offset;
    this.model.checkTarget();
  }
}

for (const isX2 of [false, true]) {
  test(`in ${isX2 ? "x2APIC" : "xAPIC"} mode every register and what waits are those of the model`, async () => {
    for (const seed of [1, 0x1234567, 0x7654321]) {
      // With 50 kHz no periodic timer is too fast.
      const apic = await Apic.create(50);
      apic.harness.startLikeFirmware(apic.machine);
      const pair = new Pair(apic, new Random(seed));
      if (isX2) apic.wrmsr(APIC_BASE, BASE_X2APIC);
      pair.model.isX2 = isX2;
      for (let i = 0; i < OPERATIONS / 3; i++) {
        pair.step();
        pair.compare(`seed ${seed}, operation ${i}`);
        if (i % 16 === 0) pair.compareAll(`seed ${seed}, operation ${i}`);
      }
      assert.ok(pair.model.nmis > 10 && pair.model.ends.length > 10, "the operations reach what they are about");
    }
  });
}
