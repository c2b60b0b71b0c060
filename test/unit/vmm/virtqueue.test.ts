// The split virtqueue, held against virtio 1.2, 2.7: what is taken, what is put, and what is refused.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../ept/random.ts";
import { BROKEN, DriverQueue, INDIRECT, type Layout, NEXT, NONE, TAKEN, VirtioHost, WRITE } from "./virtio.ts";

const MAXIMUM = 256;
const BUFFERS = 0x8000;

async function driver(layout: Layout): Promise<DriverQueue> {
  const host = await VirtioHost.load();
  return new DriverQueue(host, host.harness.createQueue(BigInt(host.ramBytes), MAXIMUM), layout);
}

test("a chain is taken with its buffers in the order of the descriptors' links", async () => {
  const queue = await driver({ size: 8 });
  queue.describe(5, { address: BUFFERS, length: 16, flags: NEXT, next: 2 });
  queue.describe(2, { address: BUFFERS + 100, length: 7, flags: NEXT | WRITE, next: 7 });
  queue.describe(7, { address: BUFFERS + 200, length: 1, flags: WRITE });
  assert.equal(queue.take(), NONE);
  queue.makeAvailable(5);
  assert.equal(queue.take(), TAKEN);
  assert.deepEqual(queue.buffers, [
    { address: BUFFERS, length: 16, isWritable: false },
    { address: BUFFERS + 100, length: 7, isWritable: true },
    { address: BUFFERS + 200, length: 1, isWritable: true },
  ]);
  const { harness } = queue.host;
  assert.deepEqual(
    [harness.head(queue.queue), harness.readableBytes(queue.queue), harness.writableBytes(queue.queue)],
    [5, 16, 8],
  );
  assert.equal(queue.take(), NONE);
});

test("an indirect table is walked, alone or behind direct descriptors, its writable flag ignored", async () => {
  for (const flags of [INDIRECT, INDIRECT | WRITE]) {
    const queue = await driver({ size: 4 });
    const table = 0x5000;
    queue.chain(
      0,
      [
        { address: BUFFERS + 2, length: 2 },
        { address: BUFFERS + 4, length: 3, flags: WRITE },
      ],
      table,
    );
    queue.describe(3, { address: table, length: 32, flags });
    queue.makeAvailable(3);
    assert.equal(queue.take(), TAKEN);
    assert.equal(queue.buffers.length, 2);
    queue.describe(1, { address: BUFFERS, length: 1, flags: NEXT, next: 3 });
    queue.makeAvailable(1);
    assert.equal(queue.take(), TAKEN);
    assert.deepEqual(
      queue.buffers.map(({ length, isWritable }) => [length, isWritable]),
      [
        [1, false],
        [2, false],
        [3, true],
      ],
    );
  }
});

test("buffers of a chain may overlap, as processes of the guest ask for them", async () => {
  const queue = await driver({ size: 4 });
  queue.chain(0, [
    { address: BUFFERS, length: 16 },
    { address: BUFFERS, length: 512, flags: WRITE },
    { address: BUFFERS, length: 512, flags: WRITE },
  ]);
  queue.makeAvailable(0);
  assert.equal(queue.take(), TAKEN);
});

test("buffers may be anywhere in RAM but in the queue's tables: before, between and behind them, to the last byte", async () => {
  const queue = await driver({ size: 8, descriptors: 0x1000, available: 0x2000, used: 0x3000 });
  const end = queue.host.ramBytes;
  for (const [address, length] of [
    [0, 0x1000],
    [0x1080, 0x2000 - 0x1080],
    [0x2000 + 22, 0x1000 - 22],
    [0x3000 + 70, end - 0x3000 - 70],
    [end - 1, 1],
  ] as const) {
    queue.describe(0, { address, length, flags: WRITE });
    queue.makeAvailable(0);
    assert.equal(queue.take(), TAKEN, `${address.toString(16)}: ${queue.problem}`);
  }
});

test("a chain is read anew after it was given back", async () => {
  const queue = await driver({ size: 2 });
  queue.describe(0, { address: BUFFERS, length: 1 });
  queue.makeAvailable(0);
  for (const length of [1, 2, 3]) {
    queue.describe(0, { address: BUFFERS, length });
    assert.equal(queue.take(), TAKEN);
    assert.equal(queue.buffers[0]?.length, length);
    queue.host.harness.giveBack(queue.queue);
  }
  assert.equal(queue.take(), TAKEN);
  assert.equal(queue.take(), NONE);
});

test("chains are put in the order in which the device is done, as the ring's indices run through 65536", async () => {
  for (const size of [1, 2, 128, 256]) {
    const queue = await driver({ size });
    for (let head = 0; head < size; head++) queue.describe(head, { address: BUFFERS, length: 1 + head, flags: WRITE });
    for (let i = 0; i < 70000; i++) {
      const head = (i * 7) % size;
      queue.makeAvailable(head);
      if (queue.take() !== TAKEN) assert.fail(queue.problem);
      queue.host.harness.put(queue.queue, head, i);
      if (queue.usedIndex !== ((i + 1) & 0xffff)) assert.fail(`used index ${queue.usedIndex} after ${i}`);
      const element = queue.usedElement(i);
      if (element.id !== head || element.length !== i) assert.fail(JSON.stringify(element));
    }
  }
});

describe("a rule that is broken", () => {
  type Breaks = (queue: DriverQueue) => void;
  const chain = (...descriptors: Parameters<DriverQueue["chain"]>[1]): Breaks => {
    return (queue) => {
      queue.chain(0, descriptors);
      queue.makeAvailable(0);
    };
  };
  const buffer = { address: BUFFERS, length: 16 };
  const table = (length: number, address: number | bigint = 0x5000): Breaks =>
    chain({ address, length, flags: INDIRECT });
  const ringOverlap = /a buffer for writing overlaps the queue's own tables/;
  const written = (address: number, length: number): Breaks => chain({ address, length, flags: WRITE });
  const size8 = { size: 8 };

  const cases: readonly (readonly [string, Layout, Breaks, RegExp])[] = [
    ["a size of 0", { size: 0 }, () => undefined, /no power of 2/],
    ["a size that is no power of 2", { size: 6 }, () => undefined, /no power of 2/],
    ["a size above the maximum", { size: 512 }, () => undefined, /more than the device offers/],
    ["descriptors out of alignment", { size: 8, descriptors: 0x1008 }, () => undefined, /not aligned/],
    ["an available ring out of alignment", { size: 8, available: 0x2001 }, () => undefined, /not aligned/],
    ["a used ring out of alignment", { size: 8, used: 0x3002 }, () => undefined, /not aligned/],
    ["descriptors beyond RAM", { size: 8, descriptors: 0xff90 }, () => undefined, /ring does not lie in RAM/],
    ["an available ring beyond RAM", { size: 8, available: 0x10000 - 20 }, () => undefined, /ring does not lie in RAM/],
    ["a used ring beyond RAM", { size: 8, used: 0x10000 - 68 }, () => undefined, /ring does not lie in RAM/],
    ["tables beyond 4 GiB", { size: 8, used: 2 ** 32 + 0x3000 }, () => undefined, /ring does not lie in RAM/],
    ["tables at the vmm's own memory", { size: 8, used: 1 << 20 }, () => undefined, /ring does not lie in RAM/],
    ["a used ring in the available ring", { size: 8, used: 0x2014 }, () => undefined, /used ring overlaps/],
    ["a used ring in the descriptors", { size: 8, used: 0x107c }, () => undefined, /used ring overlaps/],
    ["more chains than entries", size8, (queue) => (queue.availableIndex = 9), /further ahead/],
    ["an index that went back", size8, (queue) => (queue.availableIndex = 0xffff), /further ahead/],
    ["a head that there is not", size8, (queue) => queue.makeAvailable(8), /names a descriptor/],
    [
      "a next that there is not",
      size8,
      (queue) => {
        queue.describe(0, { ...buffer, flags: NEXT, next: 8 });
        queue.makeAvailable(0);
      },
      /next one does not exist/,
    ],
    [
      "a descriptor that is its own next",
      size8,
      (queue) => {
        queue.describe(0, { ...buffer, flags: NEXT, next: 0 });
        queue.makeAvailable(0);
      },
      /or is a loop/,
    ],
    [
      "a loop of two",
      size8,
      (queue) => {
        queue.describe(0, { ...buffer, flags: NEXT, next: 1 });
        queue.describe(1, { ...buffer, flags: NEXT, next: 0 });
        queue.makeAvailable(0);
      },
      /or is a loop/,
    ],
    ["an empty buffer", size8, chain(buffer, { address: BUFFERS, length: 0 }), /buffer is empty/],
    ["a buffer that ends behind RAM", size8, chain({ address: 0xffff, length: 2 }), /buffer does not lie in RAM/],
    ["a buffer behind RAM", size8, chain({ address: 0x10000, length: 1 }), /buffer does not lie in RAM/],
    ["a buffer in the vmm's memory", size8, chain({ address: 0x100000, length: 8 }), /buffer does not lie in RAM/],
    ["an address beyond 4 GiB", size8, chain({ address: 1n << 32n, length: 8 }), /buffer does not lie in RAM/],
    [
      "an address that wraps round",
      size8,
      chain({ address: (1n << 64n) - 4n, length: 8 }),
      /buffer does not lie in RAM/,
    ],
    ["a length of 4 GiB less 1", size8, chain({ address: 1, length: 0xffffffff }), /buffer does not lie in RAM/],
    ["reading behind writing", size8, chain({ ...buffer, flags: WRITE }, buffer), /for reading stands behind/],
    ["writing to the descriptors", size8, written(0x107f, 1), ringOverlap],
    ["writing across the descriptors' start", size8, written(0xfff, 2), ringOverlap],
    ["writing to the available ring", size8, written(0x2000, 1), ringOverlap],
    ["writing to the used event", size8, written(0x2015, 1), ringOverlap],
    ["writing to the used ring", size8, written(0x3000, 1), ringOverlap],
    ["writing to the available event", size8, written(0x3045, 1), ringOverlap],
    ["writing over all", size8, written(0, 0x8000), ringOverlap],
    ["an indirect table without the feature", { size: 8, indirect: false }, table(32), /not negotiated/],
    [
      "an indirect descriptor with a next one",
      size8,
      (queue) => {
        queue.describe(0, { address: 0x5000, length: 16, flags: INDIRECT | NEXT, next: 1 });
        queue.makeAvailable(0);
      },
      /has a next one/,
    ],
    [
      "an indirect table in an indirect table",
      size8,
      (queue) => {
        queue.describe(0, { address: 0x5000, length: 16, flags: INDIRECT }, 0x5000);
        table(16)(queue);
      },
      /refers to another/,
    ],
    ["the descriptors as an indirect table", size8, table(16, 0x1000), /refers to another/],
    ["an indirect table of length 0", size8, table(0), /length is no number/],
    ["an indirect table of 1.5 descriptors", size8, table(24), /length is no number/],
    ["an indirect table with more descriptors than the queue", size8, table(9 * 16), /length is no number/],
    ["an indirect table beyond RAM", size8, table(32, 0xfff0), /indirect table does not lie in RAM/],
    ["an indirect table beyond 4 GiB", size8, table(32, (1n << 32n) + 0x5000n), /indirect table does not lie in RAM/],
    [
      "a next behind an indirect table's end",
      size8,
      (queue) => {
        queue.describe(0, { ...buffer, flags: NEXT, next: 1 }, 0x5000);
        table(16)(queue);
      },
      /next one does not exist/,
    ],
    [
      "a loop in an indirect table",
      size8,
      (queue) => {
        queue.describe(0, { ...buffer, flags: NEXT, next: 0 }, 0x5000);
        table(16)(queue);
      },
      /or is a loop/,
    ],
    [
      "a chain longer than the queue, direct and indirect together",
      { size: 2 },
      (queue) => {
        queue.chain(0, [buffer, buffer], 0x5000);
        queue.describe(0, { ...buffer, flags: NEXT, next: 1 });
        queue.describe(1, { address: 0x5000, length: 32, flags: INDIRECT });
        queue.makeAvailable(0);
      },
      /more descriptors than the queue/,
    ],
  ];
  for (const [name, layout, breaks, pattern] of cases) {
    test(`${name} is told, changes nothing in RAM, and ends the queue until its reset`, async () => {
      const queue = await driver(layout);
      if (layout.used === undefined || layout.used < 0x10000) breaks(queue);
      const before = Buffer.from(queue.host.ram);
      assert.equal(queue.take(), BROKEN);
      assert.match(queue.problem, pattern);
      assert.equal(queue.take(), BROKEN);
      assert.ok(before.equals(queue.host.ram));
      const again = new DriverQueue(queue.host, queue.queue, { size: 4 });
      again.availableIndex = 0;
      again.describe(0, { address: BUFFERS, length: 1 });
      again.makeAvailable(0);
      assert.equal(again.take(), TAKEN);
      assert.equal(again.problem, "");
    });
  }
});

test("a chain of 4 GiB or more is refused", async () => {
  // RAM of 1 MiB, which 256 buffers do not bring to 4 GiB: a queue that is told of more RAM, of which none is read.
  const host = await VirtioHost.load();
  const queue = new DriverQueue(host, host.harness.createQueue(0x80000000n, MAXIMUM), { size: 8 });
  queue.chain(0, [
    { address: 0x10000, length: 0x60000000 },
    { address: 0x10000, length: 0x60000000 },
    { address: 0x10000, length: 0x40000000 },
  ]);
  queue.makeAvailable(0);
  assert.equal(queue.take(), BROKEN);
  assert.match(queue.problem, /4 GiB or more/);
});

test("without the event index the driver's flag says whether it wants interrupts", async () => {
  const queue = await driver({ size: 4 });
  const { harness } = queue.host;
  assert.equal(queue.take(), NONE);
  assert.equal(harness.needsInterrupt(queue.queue), 0, "nothing was put");
  for (const [flags, needs] of [
    [0, 1],
    [1, 0],
    [2, 1],
    [0, 1],
  ] as const) {
    queue.availableFlags = flags;
    harness.put(queue.queue, 0, 0);
    assert.equal(harness.needsInterrupt(queue.queue), needs);
    assert.equal(harness.needsInterrupt(queue.queue), 0, "told already");
  }
});

test("with the event index an interrupt is needed as soon as the element that the driver names is put", async () => {
  const random = new Random(1);
  const queue = await driver({ size: 16, eventIndex: true });
  const { harness } = queue.host;
  assert.equal(queue.take(), NONE);
  let put = 0;
  for (let round = 0; round < 60000; round++) {
    const before = put;
    const event = (put + random.below(40) - 20) & 0xffff;
    queue.usedEvent = event;
    // The flag has no meaning now.
    queue.availableFlags = random.below(2);
    for (let i = random.below(17); i > 0; i--) {
      harness.put(queue.queue, 0, 0);
      put++;
    }
    let expected = 0;
    for (let element = before; element < put; element++) if ((element & 0xffff) === event) expected = 1;
    if (harness.needsInterrupt(queue.queue) !== expected) assert.fail(`${before} to ${put}, event ${event}`);
  }
});

test("with the event index the driver is to notify of the next chain whenever all have been taken, not before", async () => {
  const queue = await driver({ size: 4, eventIndex: true });
  queue.describe(0, { address: BUFFERS, length: 1 });
  const random = new Random(2);
  let taken = 0;
  for (let round = 0; round < 30000; round++) {
    const chains = 1 + random.below(4);
    for (let i = 0; i < chains; i++) queue.makeAvailable(0);
    const event = queue.availableEvent;
    for (let i = 0; i < chains; i++) {
      assert.equal(queue.take(), TAKEN);
      assert.equal(queue.availableEvent, event, "while chains wait no notification is asked for");
    }
    taken += chains;
    assert.equal(queue.take(), NONE);
    assert.equal(queue.availableEvent, taken & 0xffff);
  }
});
