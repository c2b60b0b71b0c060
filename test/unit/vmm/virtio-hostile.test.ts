// Drivers that keep no rule: whatever is in RAM, a device does not trap, does a bounded amount of work, and writes nothing
// but the buffers for writing of what was made available, its used ring, and its own state.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../ept/random.ts";
import {
  BLOCK,
  CONSOLE,
  DriverQueue,
  ENTROPY,
  INDIRECT,
  NEXT,
  NONE,
  TAKEN,
  VirtioHost,
  VirtioMachine,
  WRITE,
} from "./virtio.ts";

const RAM = 0x8000;
const MAXIMUM = 64;

/** A driver that means well mostly: addresses, lengths and links at and around their bounds. */
class Mischief {
  readonly random: Random;
  readonly queue: DriverQueue;

  constructor(queue: DriverQueue, random: Random) {
    this.queue = queue;
    this.random = random;
  }

  address(): bigint {
    const { random } = this;
    const near = (at: number): bigint => BigInt.asUintN(64, BigInt(at + random.below(64) - 32));
    if (random.chance(85)) return BigInt(0x4000 + random.below(RAM - 0x4000 - 256));
    const choices = [
      () => near(RAM),
      () => near(0),
      () => near(this.queue.descriptors),
      () => near(this.queue.used),
      () => near(this.queue.available),
      () => near(2 ** 32),
      () => near(0xc0000000),
      () => near(1 << 20),
      () => BigInt.asUintN(64, -BigInt(random.below(4096))),
    ];
    return random.pick(choices)();
  }

  length(): number {
    const { random } = this;
    if (random.chance(90)) return random.pick([1, 2, 15, 16, 17, 32, 100, 511, 512, 513, 1024]);
    return random.pick([0, RAM, RAM + 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff]);
  }

  flags(isLate: boolean): number {
    const { random } = this;
    let flags = isLate || random.chance(10) ? WRITE : 0;
    if (random.chance(60)) flags |= NEXT;
    if (random.chance(6)) flags |= INDIRECT;
    if (random.chance(3)) flags |= random.below(0x10000);
    return flags;
  }

  /** Fills `entries` of a table: links lead on as a rule. */
  fillTable(table: number, entries: number): void {
    const { random, queue } = this;
    for (let i = 0; i < entries; i++) {
      const flags = this.flags(i % 3 !== 0);
      const isTable = (flags & INDIRECT) !== 0 && random.chance(80);
      queue.describe(
        i,
        {
          address: isTable ? BigInt(0x3800 + 16 * random.below(64)) : this.address(),
          length: isTable ? 16 * random.below(9) : this.length(),
          flags,
          next: random.chance(90) ? (i + 1) % entries : random.below(0x10000),
        },
        table,
      );
      // A header of a request.
      if (random.chance(30)) queue.host.ram.writeUInt32LE(random.below(16), 0x4000 + random.below(0x1000));
    }
  }
}

/** What may change: a second reading of the rings, by the specification. */
function mayChange(queue: DriverQueue, before: Buffer, allowed: Uint8Array, first: number): void {
  const { ram } = { ram: before };
  allowed.fill(1, queue.used, queue.used + 6 + 8 * queue.size);
  const index = ram.readUInt16LE(queue.available + 2);
  for (let chain = first; chain !== index && ((index - chain) & 0xffff) <= queue.size; chain = (chain + 1) & 0xffff) {
    let table = queue.descriptors;
    let entries = queue.size;
    let at = ram.readUInt16LE(queue.available + 4 + 2 * (chain % queue.size));
    for (let steps = 0; steps <= queue.size + 1 && at < entries; steps++) {
      const address = ram.readBigUInt64LE(table + 16 * at);
      const length = ram.readUInt32LE(table + 16 * at + 8);
      const flags = ram.readUInt16LE(table + 16 * at + 12);
      if (address + BigInt(length) > BigInt(before.length)) break;
      if (flags & INDIRECT) {
        if (table !== queue.descriptors || length > 16 * queue.size) break;
        table = Number(address);
        entries = length >> 4;
        at = 0;
        continue;
      }
      if (flags & WRITE) allowed.fill(1, Number(address), Number(address) + length);
      if ((flags & NEXT) === 0) break;
      at = ram.readUInt16LE(table + 16 * at + 14);
    }
  }
}

function assertOnlyAllowed(before: Buffer, after: Buffer, allowed: Uint8Array, round: number): void {
  if (before.equals(after)) return;
  for (let i = 0; i < before.length; i++) {
    if (before[i] !== after[i] && allowed[i] === 0) assert.fail(`round ${round}: byte 0x${i.toString(16)} changed`);
  }
}

test("150,000 chains of three devices end in bounds, and write what they may", async () => {
  const random = new Random(2026);
  const host = await VirtioHost.load(RAM);
  const seen = { put: 0, failed: new Map<string, number>(), chains: 0 };
  const allowed = new Uint8Array(RAM);
  const before = Buffer.alloc(RAM);
  const writable = new VirtioMachine(host, { diskBytes: 16 << 10 });
  const readOnly = new VirtioMachine(host, { diskBytes: 16 << 10, isReadOnly: true });
  const outside = Buffer.from(host.memory.subarray(RAM, 1 << 20));
  for (let round = 0; seen.chains < 150000; round++) {
    const machine = random.pick([writable, readOnly]);
    const device = random.pick([BLOCK, BLOCK, CONSOLE, ENTROPY]);
    const number = device === CONSOLE ? random.below(2) : 0;
    const size = random.pick(device === ENTROPY ? [1, 8, 16] : [1, 8, 32, MAXIMUM]);
    host.harness.resetDevice(machine.pointer, device);
    host.harness.setRunning(machine.pointer, device, true);
    host.ram.fill(0, 0x1000, 0x3800);
    const queue = machine.queue(device, number, { size, eventIndex: random.chance(50), indirect: random.chance(80) });
    const mischief = new Mischief(queue, random);
    mischief.fillTable(queue.descriptors, size);
    mischief.fillTable(0x3800, 64);
    queue.usedEvent = random.below(20);
    let taken = 0;
    for (let call = 0; call < 8; call++) {
      const chains = 1 + random.below(size);
      for (let i = 0; i < chains; i++)
        queue.makeAvailable(random.chance(99) ? random.below(size) : random.below(0x10000));
      if (random.chance(2)) queue.availableIndex = random.below(0x10000);
      seen.chains += chains;
      host.ram.copy(before);
      allowed.fill(0);
      mayChange(queue, before, allowed, taken);
      const failures = machine.failures(device);
      if (device === CONSOLE && number === 0) host.harness.type(machine.pointer, random.below(256));
      machine.notify(device, number);
      for (let calls = 0; machine.goesOn; calls++) {
        assert.ok(calls < 100, "the work of a notification is bounded");
        machine.ring();
      }
      assertOnlyAllowed(before, host.ram, allowed, round);
      if (machine.failures(device) !== failures) {
        const why = machine.failure(device);
        seen.failed.set(why, (seen.failed.get(why) ?? 0) + 1);
        break;
      }
      taken = queue.usedIndex;
      seen.put += 1;
    }
    // The sink is not endless, and one that is full would go on for ever.
    machine.clearPrinted();
  }
  assert.ok(
    readOnly.disk.every((byte) => byte === 0),
    "the read-only disk is as it was",
  );
  assert.ok(outside.equals(host.memory.subarray(RAM, 1 << 20)), "nothing between RAM and the vmm's own was written");
  assert.ok(seen.put > 1000, `${seen.put} calls went well`);
  assert.ok(seen.failed.size >= 12, `rules that were broken: ${[...seen.failed.keys()].join("; ")}`);
});

test("random bytes as tables: no trap, no endless walk, nothing written by taking", async () => {
  const random = new Random(99);
  const host = await VirtioHost.load(RAM);
  const pointer = host.harness.createQueue(BigInt(RAM), MAXIMUM);
  const found = [0, 0, 0];
  for (let round = 0; round < 100000; round++) {
    if (round % 50 === 0) {
      for (let at = 0; at < RAM; at += 4) host.ram.writeUInt32LE(random.below(2 ** 32), at);
    }
    const size = random.pick([1, 2, 8, 64]);
    const queue = new DriverQueue(host, pointer, {
      size,
      descriptors: 16 * random.below(RAM / 16 - size),
      available: 2 * random.below(RAM / 2 - 140),
      used: 4 * random.below(RAM / 4 - 280),
      eventIndex: false,
      indirect: random.chance(80),
    });
    if (random.chance(90)) queue.availableIndex = random.below(size + 1);
    if (random.chance(80)) host.ram.writeUInt16LE(random.below(size), queue.available + 4);
    // Among random addresses hardly one is in RAM.
    for (let i = 0; i < size && random.chance(90); i++) {
      host.ram.writeBigUInt64LE(BigInt(random.below(RAM)), queue.descriptors + 16 * i);
      host.ram.writeUInt32LE(random.below(64), queue.descriptors + 16 * i + 8);
      if (random.chance(80)) host.ram.writeUInt16LE(random.below(4), queue.descriptors + 16 * i + 12);
      host.ram.writeUInt16LE(random.below(size), queue.descriptors + 16 * i + 14);
    }
    const before = round % 16 === 0 ? Buffer.from(host.ram) : undefined;
    const result = queue.take();
    found[result] = (found[result] ?? 0) + 1;
    if (before !== undefined) assert.ok(before.equals(host.ram));
    if (result !== TAKEN) continue;
    for (const { address, length } of queue.buffers) assert.ok(length >= 1 && address + length <= RAM);
  }
  assert.ok(
    found.every((count) => count > 1000),
    `${found.join(", ")} of none (${NONE}), taken, broken`,
  );
});

test("a damaged state is refused or harmless: the devices go on in bounds", async () => {
  const random = new Random(5);
  const host = await VirtioHost.load(RAM);
  const machine = new VirtioMachine(host, { diskBytes: 16 << 10 });
  const other = new VirtioMachine(host, { diskBytes: 16 << 10 });
  for (let round = 0; round < 6000; round++) {
    const device = random.pick([BLOCK, CONSOLE, ENTROPY]);
    host.ram.fill(0, 0x1000, 0x3800);
    const queue = machine.queue(device, 0, { size: 8, eventIndex: random.chance(50) });
    const mischief = new Mischief(queue, random);
    mischief.fillTable(queue.descriptors, 8);
    queue.availableIndex = random.below(9);
    const value = random.pick([0n, 1n, 9n, 63n, 64n, 65n, 0xffffn, 0x10000n, 0x2000n, 0xffffffffn, (1n << 64n) - 1n]);
    host.harness.setRunning(other.pointer, device, true);
    host.harness.moveDamaged(machine.pointer, device, other.pointer, random.below(130), value);
    host.harness.type(other.pointer, 65);
    other.notify(device, 0);
    for (let calls = 0; other.goesOn; calls++) {
      assert.ok(calls < 100);
      other.ring();
    }
    host.harness.random(other.pointer);
    host.harness.resetDevice(other.pointer, device);
  }
});
