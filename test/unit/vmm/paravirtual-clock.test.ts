// KVM's paravirtual clock, read as a guest reads it (Linux, Documentation/virt/kvm/x86/msr.rst).
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadHarness } from "./harness.ts";

type Ref = number;

interface Harness {
  readonly memory: WebAssembly.Memory;
  createMachine(kilohertz: number, ramBytes: bigint, startSeconds: number): Ref;
  readMsr(machine: Ref, msr: number): number;
  value(machine: Ref): bigint;
  writeMsr(machine: Ref, msr: number, value: bigint): number;
  systemTime(machine: Ref): bigint;
  reset(machine: Ref): void;
  setTscOffset(machine: Ref, offset: bigint): void;
  createTable(): Ref;
  save(machine: Ref, table: Ref): number;
  restore(machine: Ref, table: Ref): number;
  setNumber(table: Ref, at: number, value: bigint): void;
  createScale(kilohertz: number): Ref;
  multiplier(scale: Ref): number;
  shift(scale: Ref): number;
  nanosecondsOf(scale: Ref, ticks: bigint): bigint;
}

const WALL_CLOCK = 0x4b564d00;
const SYSTEM_TIME = 0x4b564d01;
const RAM = 0x10000;
const AT = 0x2000;
const START_SECONDS = 1_763_730_000;
const MHZ_1 = 1_000;
const GHZ_4_2 = 4_294_967;
/** Below the harness's own data, which lies behind guest RAM. */
const FLAGS = ["--memoryBase", "65536", "--initialMemory", "8"];
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

class Guest {
  now = 5_000_000n;
  offset = 0n;

  readonly harness: Harness;
  readonly machine: Ref;

  private constructor(harness: Harness, machine: Ref) {
    this.harness = harness;
    this.machine = machine;
  }

  static async create(kilohertz: number): Promise<Guest> {
    const host = { guest: undefined as Guest | undefined };
    const clock = (): bigint => host.guest?.now ?? 5_000_000n;
    const harness = await loadHarness<Harness>("paravirtual-clock-harness.ts", FLAGS, { host: { clock } });
    const guest = new Guest(harness, harness.createMachine(kilohertz, BigInt(RAM), START_SECONDS));
    host.guest = guest;
    return guest;
  }

  get view(): DataView {
    return new DataView(this.harness.memory.buffer);
  }

  wrmsr(msr: number, value: bigint): boolean {
    return this.harness.writeMsr(this.machine, msr, value) !== 0;
  }

  rdmsr(msr: number): bigint {
    assert.ok(this.harness.readMsr(this.machine, msr));
    return u64(this.harness.value(this.machine));
  }

  setOffset(offset: bigint): void {
    this.offset = offset;
    this.harness.setTscOffset(this.machine, offset);
  }

  /** What a guest's RDTSC reads. */
  get tsc(): bigint {
    return u64(this.now + this.offset);
  }

  /** System time as the documentation has guests compute it. */
  time(at = AT): bigint {
    const { view } = this;
    assert.equal(view.getUint32(at, true) % 2, 0, "nobody is writing");
    const delta = u64(this.tsc - view.getBigUint64(at + 8, true));
    const shift = view.getInt8(at + 28);
    const shifted = shift < 0 ? delta >> BigInt(-shift) : delta << BigInt(shift);
    return ((shifted * BigInt(view.getUint32(at + 24, true))) >> 32n) + view.getBigUint64(at + 16, true);
  }
}

test("system time counts nanoseconds from the start of the VM at every frequency", async () => {
  for (const kilohertz of [MHZ_1, 10_000, 999_999, 1_000_000, 2_199_998, 3_000_000, 6_000_000]) {
    const guest = await Guest.create(kilohertz);
    assert.ok(guest.wrmsr(SYSTEM_TIME, BigInt(AT) | 1n));
    assert.ok(guest.time() < 1000n, "0 at the start");
    guest.now += BigInt(kilohertz) * 1000n * 3600n;
    const hour = 3_600_000_000_000n;
    const time = guest.time();
    assert.ok(time <= hour && hour - time <= 2000n, `an hour of ${kilohertz} kHz is ${time} ns`);
  }
});

test("multiplier and shift are slow by less than one in 2^31 from 1 MHz to 6 GHz, and never fast", async () => {
  const { harness } = await Guest.create(MHZ_1);
  let state = 88172645463325252n;
  for (let i = 0; i < 3000; i++) {
    state = u64(state ^ (state << 13n));
    state ^= state >> 7n;
    state = u64(state ^ (state << 17n));
    const kilohertz = i === 0 ? MHZ_1 : i === 1 ? 6_000_000 : MHZ_1 + Number(state % 5_999_001n);
    const scale = harness.createScale(kilohertz);
    const [multiplier, shift] = [BigInt(harness.multiplier(scale) >>> 0), harness.shift(scale)];
    assert.ok(multiplier >= 1n << 31n, `${kilohertz} kHz: 32 bits count`);
    // Exactly: multiplier x 2^shift / 2^32 against 10^6 / kilohertz, both times kilohertz x 2^64.
    const approximate = multiplier * BigInt(kilohertz) * (1n << BigInt(32 + shift));
    const exact = 1_000_000n << 64n;
    assert.ok(approximate <= exact, `${kilohertz} kHz is not fast`);
    assert.ok((exact - approximate) << 31n < exact, `${kilohertz} kHz is slow by less than one in 2^31`);
    const ticks = (state >> 12n) & ((1n << 48n) - 1n);
    const shifted = shift < 0 ? ticks >> BigInt(-shift) : ticks << BigInt(shift);
    assert.equal(u64(harness.nanosecondsOf(scale, ticks)), u64((shifted * multiplier) >> 32n));
  }
});

test("system time neither jumps nor runs backwards when the guest's counter changes", async () => {
  for (const kilohertz of [MHZ_1, 2_400_001, GHZ_4_2]) {
    const guest = await Guest.create(kilohertz);
    guest.wrmsr(SYSTEM_TIME, BigInt(AT) | 1n);
    let last = 0n;
    for (let i = 1n; i < 500n; i++) {
      guest.now += (i * 7919n) % 100_003n;
      const before = guest.time();
      guest.setOffset(u64(-(i * 0x123456789n) * guest.now));
      const after = guest.time();
      assert.ok(before >= last && after >= before, "time goes on");
      assert.ok(after - before <= 2000n, "without a jump");
      last = after;
    }
  }
});

test("what is written has the version, the counter, a stable clock's flag and nothing around it", async () => {
  const guest = await Guest.create(2_000_000);
  guest.setOffset(77n);
  new Uint8Array(guest.harness.memory.buffer).fill(0xee, AT - 16, AT + 48);
  guest.view.setUint32(AT, 6, true);
  guest.now += 2_000_000n;
  assert.ok(guest.wrmsr(SYSTEM_TIME, BigInt(AT) | 1n));
  const { view } = guest;
  assert.equal(view.getUint32(AT, true), 8, "even, and another one");
  assert.equal(view.getBigUint64(AT + 8, true), guest.tsc);
  assert.equal(view.getBigUint64(AT + 16, true), 1_000_000n);
  assert.deepEqual([view.getUint32(AT + 24, true), view.getInt8(AT + 28)], [0x80000000, 0]);
  assert.equal(view.getUint8(AT + 29), 1);
  for (const at of [AT - 1, AT + 32]) assert.equal(view.getUint8(at), 0xee);
  assert.equal(guest.rdmsr(SYSTEM_TIME), BigInt(AT) | 1n);
});

test("the wall clock is the time of day at system time 0", async () => {
  const guest = await Guest.create(2_000_000);
  guest.now += 123_456_789n;
  assert.ok(guest.wrmsr(WALL_CLOCK, BigInt(AT)));
  const { view } = guest;
  assert.deepEqual([view.getUint32(AT + 4, true), view.getUint32(AT + 8, true)], [START_SECONDS, 0]);
  assert.equal(view.getUint32(AT, true) % 2, 0);
  assert.notEqual(view.getUint32(AT, true), 0);
  assert.equal(guest.rdmsr(WALL_CLOCK), BigInt(AT));
});

test("an address that is not all RAM, or not aligned, is refused and changes nothing", async () => {
  const guest = await Guest.create(2_000_000);
  guest.wrmsr(SYSTEM_TIME, BigInt(AT) | 1n);
  guest.wrmsr(WALL_CLOCK, BigInt(AT + 64));
  const before = Buffer.from(guest.harness.memory.buffer.slice(0, RAM));
  for (const address of [RAM - 28, RAM, 0xfee00000, 0x1_0000_2000, 2 ** 52, AT + 2].map(BigInt)) {
    assert.equal(guest.wrmsr(SYSTEM_TIME, address | 1n), false, `system time at ${address.toString(16)}`);
  }
  for (const address of [BigInt(RAM - 8), BigInt(RAM), u64(-4n), BigInt(AT + 1), BigInt(AT + 2)]) {
    assert.equal(guest.wrmsr(WALL_CLOCK, address), false, `wall clock at ${address.toString(16)}`);
  }
  assert.deepEqual(Buffer.from(guest.harness.memory.buffer.slice(0, RAM)), before);
  assert.deepEqual([guest.rdmsr(SYSTEM_TIME), guest.rdmsr(WALL_CLOCK)], [BigInt(AT) | 1n, BigInt(AT + 64)]);
  assert.ok(guest.wrmsr(SYSTEM_TIME, BigInt(RAM - 32) | 1n), "the last place is RAM");
  assert.ok(guest.wrmsr(WALL_CLOCK, BigInt(RAM - 12)));
});

test("a clock that is switched off, or whose guest was reset, is not written", async () => {
  for (const stop of [
    (guest: Guest) => guest.wrmsr(SYSTEM_TIME, BigInt(AT)),
    (guest: Guest) => guest.harness.reset(guest.machine),
  ]) {
    const guest = await Guest.create(2_000_000);
    guest.wrmsr(SYSTEM_TIME, BigInt(AT) | 1n);
    stop(guest);
    const version = guest.view.getUint32(AT, true);
    guest.setOffset(5n);
    assert.equal(guest.view.getUint32(AT, true), version);
  }
});

test("other MSRs, PV EOI's among them, are not the clock's", async () => {
  const guest = await Guest.create(2_000_000);
  for (const msr of [0x11, 0x12, 0x4b564cff, 0x4b564d02, 0x4b564d04, 0]) {
    assert.equal(guest.harness.readMsr(guest.machine, msr), 0);
    assert.equal(guest.wrmsr(msr, 0n), false);
  }
});

test("a restored clock goes on where it was saved, whatever the host's counter is", async () => {
  const [old, fresh] = [await Guest.create(2_000_000), await Guest.create(2_000_000)];
  old.wrmsr(SYSTEM_TIME, BigInt(AT) | 1n);
  old.now += 2_000_000_000n;
  const table = old.harness.createTable();
  assert.equal(old.harness.save(old.machine, table), 0);
  const time = u64(old.harness.systemTime(old.machine));
  assert.equal(time, 1_000_000_000n);

  // The table of the other instance, number by number: header, wall clock, system time, seconds, time.
  const copy = fresh.harness.createTable();
  assert.equal(fresh.harness.save(fresh.machine, copy), 0);
  fresh.harness.setNumber(copy, 2, BigInt(AT) | 1n);
  fresh.harness.setNumber(copy, 4, time);
  fresh.now += 999_999_999_999n;
  assert.equal(fresh.harness.restore(fresh.machine, copy), 0);
  assert.equal(fresh.time(), time);
  fresh.now += 2_000_000n;
  assert.equal(fresh.time(), time + 1_000_000n);
});

test("a damaged table that names no RAM leaves the clock switched off", async () => {
  const guest = await Guest.create(2_000_000);
  const table = guest.harness.createTable();
  guest.harness.save(guest.machine, table);
  guest.harness.setNumber(table, 2, 0xffff_ffff_ffff_f001n);
  assert.equal(guest.harness.restore(guest.machine, table), 0);
  assert.equal(guest.rdmsr(SYSTEM_TIME), 0n);
});
