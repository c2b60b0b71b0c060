// The block device, held against virtio 1.2, 5.2, and against a model of the disk.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { Random } from "../ept/random.ts";
import { BLOCK, type Descriptor, type DriverQueue, type Layout, VirtioHost, VirtioMachine, WRITE } from "./virtio.ts";

const [T_IN, T_OUT, T_FLUSH, T_GET_ID, T_DISCARD, T_SECURE_ERASE, T_WRITE_ZEROES] = [0, 1, 4, 8, 11, 14, 13];
const [S_OK, S_IOERR, S_UNSUPP] = [0, 1, 2];
const UNTOUCHED = 0xee;
const HEADER = 0x8000;
const DATA = 0x9000;
const SECTOR = 512;

interface Request {
  readonly type: number;
  readonly sector?: number | bigint;
  /** To be written, or the number of bytes to be read. */
  readonly data?: Uint8Array | number;
  /** Where header, data and status are cut into buffers: bytes from the start of what is read, or written. */
  readonly cuts?: readonly number[];
}

interface Outcome {
  readonly status: number;
  readonly read: Buffer;
  readonly written: number;
}

/** A guest with one request at a time, whose header, data and status lie one behind the other in RAM. */
class BlockGuest {
  readonly machine: VirtioMachine;
  readonly queue: DriverQueue;

  private constructor(machine: VirtioMachine, layout: Layout) {
    this.machine = machine;
    this.queue = machine.queue(BLOCK, 0, layout);
  }

  static async start(options: { diskBytes?: number; isReadOnly?: boolean } = {}, layout: Layout = { size: 64 }) {
    return new BlockGuest(new VirtioMachine(await VirtioHost.load(0x20000), options), layout);
  }

  request({ type, sector = 0, data = 0, cuts = [] }: Request): Outcome {
    const { ram } = this.queue.host;
    const out = typeof data === "number" ? Buffer.alloc(0) : Buffer.from(data);
    const inBytes = (typeof data === "number" ? data : 0) + 1;
    ram.writeUInt32LE(type, HEADER);
    ram.writeUInt32LE(0, HEADER + 4);
    ram.writeBigUInt64LE(BigInt(sector), HEADER + 8);
    out.copy(ram, HEADER + 16);
    const answer = HEADER + 16 + out.length;
    ram.fill(UNTOUCHED, answer, answer + inBytes);
    const buffers: Descriptor[] = [
      ...pieces(HEADER, 16 + out.length, cuts.length === 0 ? [16] : cuts, 0),
      ...pieces(answer, inBytes, cuts.length === 0 ? [inBytes - 1] : cuts, WRITE),
    ];
    this.queue.chain(0, buffers);
    const used = this.queue.usedIndex;
    this.queue.makeAvailable(0);
    const interrupts = this.machine.interrupts(BLOCK);
    this.machine.notify(BLOCK);
    assert.equal(this.machine.failure(BLOCK), "");
    assert.equal(this.queue.usedIndex, (used + 1) & 0xffff, "the request is done");
    assert.equal(this.machine.interrupts(BLOCK), interrupts + 1);
    const element = this.queue.usedElement(used);
    assert.equal(element.id, 0);
    const last = answer + inBytes - 1;
    return {
      status: ram.readUInt8(last),
      read: Buffer.from(ram.subarray(answer, last)),
      written: element.length,
    };
  }
}

/** [start, start + bytes) as buffers that end at the cuts. */
function pieces(start: number, bytes: number, cuts: readonly number[], flags: number): Descriptor[] {
  const ends = [...new Set([...cuts.filter((cut) => cut > 0 && cut < bytes), bytes])].sort((a, b) => a - b);
  return ends.map((end, i) => {
    const from = i === 0 ? 0 : (ends[i - 1] as number);
    return { address: start + from, length: end - from, flags };
  });
}

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

function range(sector: number | bigint, count: number, flags = 0): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt(sector), 0);
  bytes.writeUInt32LE(count, 8);
  bytes.writeUInt32LE(flags, 12);
  return bytes;
}

test("the features and the configuration are those of a disk that can be written", async () => {
  const { machine } = await BlockGuest.start({ diskBytes: 100 * SECTOR + 511 });
  const bits = [1, 2, 6, 9, 10, 13, 14];
  const offered = machine.host.harness.offered(machine.pointer, BLOCK);
  assert.equal(
    offered,
    bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n),
  );
  for (const [offset, bytes, value] of [
    [0, 8, 100n],
    [0, 4, 100n],
    [4, 4, 0n],
    [8, 4, 65536n],
    [12, 4, 254n],
    [16, 4, 0n],
    [20, 4, 512n],
    [24, 1, 3n],
    [25, 1, 0n],
    [26, 2, 8n],
    [28, 4, 0n],
    [32, 1, 0n],
    [36, 4, 8388607n],
    [40, 4, 1n],
    [44, 4, 8n],
    [48, 4, 32768n],
    [52, 4, 1n],
    [56, 1, 0n],
    [58, 8, 0n],
    [60, 8, 0n],
    [0xfffffffc, 8, 0n],
  ] as const) {
    assert.equal(machine.configuration(BLOCK, offset, bytes), value, `${bytes} bytes at ${offset}`);
  }
});

test("a disk that is read-only says so, offers no way to clear sectors, and refuses to be written", async () => {
  const guest = await BlockGuest.start({ isReadOnly: true });
  guest.machine.disk.fill(0x5a);
  const offered = guest.machine.host.harness.offered(guest.machine.pointer, BLOCK);
  assert.equal(offered & ((1n << 5n) | (1n << 13n) | (1n << 14n)), 1n << 5n);
  assert.equal(guest.machine.configuration(BLOCK, 36, 8), 0n);
  assert.equal(guest.request({ type: T_OUT, data: Buffer.alloc(SECTOR) }).status, S_IOERR);
  assert.equal(guest.request({ type: T_DISCARD, data: range(0, 1) }).status, S_IOERR);
  assert.equal(guest.request({ type: T_WRITE_ZEROES, data: range(0, 1) }).status, S_IOERR);
  assert.ok(guest.machine.disk.every((byte) => byte === 0x5a));
  assert.deepEqual(guest.request({ type: T_IN, data: SECTOR }).read, Buffer.alloc(SECTOR, 0x5a));
});

test("what is written is read again, however requests are cut into buffers, and the disk is the model's", async () => {
  const random = new Random(8);
  const guest = await BlockGuest.start();
  const sectors = guest.machine.disk.length / SECTOR;
  const model = Buffer.alloc(guest.machine.disk.length);
  const checksum = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  for (let round = 0; round < 4000; round++) {
    const count = random.below(9);
    const sector = random.below(sectors - count + 1);
    const bytes = count * SECTOR;
    const cuts = random.chance(30) ? [] : Array.from({ length: random.below(12) }, () => 1 + random.below(bytes + 17));
    if (random.chance(50)) {
      const data = randomBytes(random, bytes);
      data.copy(model, sector * SECTOR);
      assert.deepEqual(guest.request({ type: T_OUT, sector, data, cuts }), {
        status: S_OK,
        read: Buffer.alloc(0),
        written: 1,
      });
    } else if (random.chance(90)) {
      const { status, read, written } = guest.request({ type: T_IN, sector, data: bytes, cuts });
      assert.deepEqual([status, written], [S_OK, bytes + 1]);
      assert.equal(checksum(read), checksum(model.subarray(sector * SECTOR, sector * SECTOR + bytes)));
    } else {
      assert.equal(guest.request({ type: T_WRITE_ZEROES, data: range(sector, count), cuts }).status, S_OK);
      model.fill(0, sector * SECTOR, sector * SECTOR + bytes);
    }
  }
  assert.equal(checksum(guest.machine.disk), checksum(model));
});

describe("errors", () => {
  const cases: readonly (readonly [string, Request, number])[] = [
    ["reading one sector behind the end", { type: T_IN, sector: 128, data: SECTOR }, S_IOERR],
    ["reading across the end", { type: T_IN, sector: 127, data: 2 * SECTOR }, S_IOERR],
    ["reading at a sector whose byte wraps round", { type: T_IN, sector: 1n << 55n, data: SECTOR }, S_IOERR],
    ["reading at the last sector of 64 bits", { type: T_IN, sector: (1n << 64n) - 1n, data: SECTOR }, S_IOERR],
    ["reading half a sector", { type: T_IN, data: 256 }, S_IOERR],
    ["writing behind the end", { type: T_OUT, sector: 128, data: Buffer.alloc(SECTOR) }, S_IOERR],
    [
      "writing at the last sector of 64 bits",
      { type: T_OUT, sector: (1n << 64n) - 1n, data: Buffer.alloc(SECTOR) },
      S_IOERR,
    ],
    ["writing half a sector", { type: T_OUT, data: Buffer.alloc(256) }, S_IOERR],
    ["discarding behind the end", { type: T_DISCARD, data: range(127, 2) }, S_IOERR],
    ["discarding with a flag", { type: T_DISCARD, data: range(0, 1, 1) }, S_UNSUPP],
    ["discarding two ranges", { type: T_DISCARD, data: Buffer.alloc(32) }, S_IOERR],
    ["discarding half a range", { type: T_DISCARD, data: Buffer.alloc(8) }, S_IOERR],
    ["zeroing behind the end", { type: T_WRITE_ZEROES, data: range(128, 1) }, S_IOERR],
    ["zeroing at a sector that wraps round", { type: T_WRITE_ZEROES, data: range((1n << 64n) - 1n, 2) }, S_IOERR],
    ["zeroing 4 billion sectors", { type: T_WRITE_ZEROES, data: range(0, 0xffffffff) }, S_IOERR],
    ["zeroing with an unknown flag", { type: T_WRITE_ZEROES, data: range(0, 1, 2) }, S_UNSUPP],
    ["secure erasing, which is not offered", { type: T_SECURE_ERASE, data: range(0, 1) }, S_UNSUPP],
    ["a type that there is not", { type: 0x1000 }, S_UNSUPP],
    ["a type of 32 bits", { type: 0xffffffff, data: SECTOR }, S_UNSUPP],
  ];
  for (const [name, request, status] of cases) {
    test(`${name}: status ${status}, no data is touched`, async () => {
      const guest = await BlockGuest.start();
      guest.machine.disk.fill(0x77);
      const outcome = guest.request(request);
      assert.equal(outcome.status, status);
      assert.ok(outcome.read.every((byte) => byte === UNTOUCHED));
      // The bytes that the device says it has filled in start with the first one.
      assert.equal(outcome.written, outcome.read.length === 0 ? 1 : 0);
      assert.ok(guest.machine.disk.every((byte) => byte === 0x77));
    });
  }
});

test("a flush and a discard are done, and change nothing", async () => {
  const guest = await BlockGuest.start();
  guest.machine.disk.fill(0x77);
  assert.equal(guest.request({ type: T_FLUSH }).status, S_OK);
  assert.equal(guest.request({ type: T_DISCARD, data: range(0, 128) }).status, S_OK);
  assert.ok(guest.machine.disk.every((byte) => byte === 0x77));
});

test("zeroes are written with or without the flag that allows unmapping", async () => {
  for (const flags of [0, 1]) {
    const guest = await BlockGuest.start();
    guest.machine.disk.fill(0x77);
    assert.equal(guest.request({ type: T_WRITE_ZEROES, data: range(3, 4, flags) }).status, S_OK);
    const zeroes = guest.machine.disk.map((byte, i) =>
      byte === (i >= 3 * SECTOR && i < 7 * SECTOR ? 0 : 0x77) ? 1 : 0,
    );
    assert.ok(zeroes.every((right) => right === 1));
  }
});

test("the serial number has 20 bytes, zeroes behind its text, in any number of buffers", async () => {
  const guest = await BlockGuest.start();
  const id = Buffer.alloc(20);
  id.write("basalt-disk");
  for (const cuts of [[], [1, 2, 3, 16], [16, 20]]) {
    assert.deepEqual(guest.request({ type: T_GET_ID, data: 20, cuts }), { status: S_OK, read: id, written: 21 });
  }
  const { read, written } = guest.request({ type: T_GET_ID, data: 24 });
  assert.deepEqual([read, written], [Buffer.concat([id, Buffer.alloc(4, UNTOUCHED)]), 20]);
  assert.deepEqual(guest.request({ type: T_GET_ID, data: 4 }).read.toString(), "basa");
});

test("a request without a whole header or without a status fails the device, and is not put", async () => {
  for (const [buffers, pattern] of [
    [
      [
        { address: HEADER, length: 15 },
        { address: DATA, length: 1, flags: WRITE },
      ],
      /no header/,
    ],
    [[{ address: DATA, length: 513, flags: WRITE }], /no header/],
    [[{ address: HEADER, length: 16 }], /no byte for its status/],
  ] as const) {
    const { machine, queue } = await BlockGuest.start();
    queue.chain(0, buffers);
    queue.makeAvailable(0);
    machine.notify(BLOCK);
    assert.match(machine.failure(BLOCK), pattern);
    assert.deepEqual(
      [machine.failures(BLOCK), queue.usedIndex, machine.interrupts(BLOCK), machine.goesOn],
      [1, 0, 0, false],
    );
  }
});

test("what was done before a broken chain is put, and interrupts", async () => {
  const { machine, queue } = await BlockGuest.start();
  queue.host.ram.fill(0, HEADER, HEADER + 16);
  queue.chain(0, [
    { address: HEADER, length: 16 },
    { address: DATA, length: 513, flags: WRITE },
  ]);
  queue.makeAvailable(0);
  queue.makeAvailable(64);
  machine.notify(BLOCK);
  assert.match(machine.failure(BLOCK), /names a descriptor/);
  assert.deepEqual([machine.failures(BLOCK), queue.usedIndex, machine.interrupts(BLOCK)], [1, 1, 1]);
});

test("all that waits is done by one notification, with one interrupt", async () => {
  const { machine, queue } = await BlockGuest.start();
  queue.host.ram.fill(0, HEADER, HEADER + 16);
  for (let i = 0; i < 20; i++) {
    queue.chain(3 * i, [
      { address: HEADER, length: 16 },
      { address: DATA, length: SECTOR, flags: WRITE },
      { address: DATA + 0x1000 + i, length: 1, flags: WRITE },
    ]);
    queue.makeAvailable(3 * i);
  }
  machine.notify(BLOCK);
  assert.deepEqual([queue.usedIndex, machine.interrupts(BLOCK), machine.goesOn], [20, 1, false]);
  assert.deepEqual(queue.usedElement(19), { id: 57, length: SECTOR + 1 });
});

describe("work for more than one call", () => {
  const MIB = 1 << 20;
  /** Reads of 8 MiB each, all into the same 32 KiB. */
  async function busy(requests: number) {
    const guest = await BlockGuest.start({ diskBytes: 17 * MIB }, { size: 256, used: 0x4000 });
    const { machine, queue } = guest;
    const { ram } = queue.host;
    ram.fill(0, HEADER, HEADER + 16);
    const pieces = 250;
    const rows = Array.from({ length: pieces }, () => ({ address: DATA, length: 67 * SECTOR, flags: WRITE }));
    // 250 x 67 sectors is less than the disk's 34816.
    queue.chain(0, [{ address: HEADER, length: 16 }, ...rows, { address: DATA, length: 1, flags: WRITE }]);
    for (let i = 0; i < requests; i++) queue.makeAvailable(0);
    return { machine, queue, bytes: pieces * 67 * SECTOR };
  }

  test("goes on at alarms, a bounded part in each call, until all is done", async () => {
    const { machine, queue } = await busy(40);
    machine.notify(BLOCK);
    let calls = 1;
    let before = 0;
    while (machine.goesOn) {
      const done = queue.usedIndex - before;
      assert.ok(done >= 1 && done <= 3, `${done} requests in a call`);
      before = queue.usedIndex;
      machine.ring();
      calls++;
    }
    assert.equal(queue.usedIndex, 40);
    assert.ok(calls > 10, `${calls} calls`);
    assert.equal(queue.usedElement(39).length, 250 * 67 * SECTOR + 1);
  });

  test("ends with a reset", async () => {
    const { machine, queue } = await busy(40);
    machine.notify(BLOCK);
    assert.ok(machine.goesOn);
    const done = queue.usedIndex;
    machine.host.harness.resetDevice(machine.pointer, BLOCK);
    assert.ok(!machine.goesOn);
    machine.ring();
    assert.equal(queue.usedIndex, done);
  });

  test("goes on in the machine that takes over the state", async () => {
    const { machine, queue } = await busy(10);
    machine.notify(BLOCK);
    const other = new VirtioMachine(machine.host, { diskBytes: machine.disk.length, shares: machine });
    assert.equal(machine.host.harness.move(machine.pointer, BLOCK, other.pointer), 0);
    assert.ok(other.goesOn);
    while (other.goesOn) other.ring();
    assert.equal(queue.usedIndex, 10);
  });

  test("a request of more than 16 MiB is an error", async () => {
    const { machine, queue } = await busy(0);
    const rows = Array.from({ length: 254 }, () => ({ address: DATA, length: 130 * SECTOR, flags: WRITE }));
    queue.chain(0, [{ address: HEADER, length: 16 }, ...rows, { address: HEADER + 16, length: 1, flags: WRITE }]);
    queue.makeAvailable(0);
    machine.notify(BLOCK);
    assert.equal(queue.host.ram.readUInt8(HEADER + 16), S_IOERR);
  });
});
