// The console device, held against virtio 1.2, 5.3.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONSOLE, DriverQueue, VirtioHost, VirtioMachine, WRITE } from "./virtio.ts";

const RECEIVE = 0;
const TRANSMIT = 1;
const TEXT = 0x8000;
const TYPED = 0xa000;

async function start(eventIndex = false) {
  const machine = new VirtioMachine(await VirtioHost.load());
  const receive = machine.queue(CONSOLE, RECEIVE, { size: 16, eventIndex });
  const transmit = machine.queue(CONSOLE, TRANSMIT, {
    size: 16,
    descriptors: 0x4000,
    available: 0x5000,
    used: 0x6000,
    eventIndex,
  });
  return { machine, receive, transmit };
}

function send(queue: DriverQueue, head: number, text: string, at = TEXT): void {
  queue.host.ram.write(text, at, "latin1");
  queue.chain(head, [{ address: at, length: text.length }]);
  queue.makeAvailable(head);
}

function type(machine: VirtioMachine, text: string): boolean[] {
  return [...Buffer.from(text, "latin1")].map((byte) => machine.host.harness.type(machine.pointer, byte) !== 0);
}

function offer(queue: DriverQueue, head: number, lengths: readonly number[]): void {
  queue.chain(
    head,
    lengths.map((length, i) => ({ address: TYPED + 256 * head + 64 * i, length, flags: WRITE })),
  );
  queue.makeAvailable(head);
}

test("what is sent is printed in order, over all buffers for reading of all chains", async () => {
  const { machine, transmit } = await start();
  send(transmit, 0, "one ");
  transmit.host.ram.write("two three", 0x8100, "latin1");
  transmit.chain(1, [
    { address: 0x8100, length: 3 },
    { address: 0x8103, length: 6 },
    { address: 0x8200, length: 4, flags: WRITE },
  ]);
  transmit.makeAvailable(1);
  machine.notify(CONSOLE, TRANSMIT);
  assert.equal(machine.printed, "one two three");
  assert.deepEqual([transmit.usedIndex, machine.interrupts(CONSOLE)], [2, 1]);
  assert.deepEqual(
    [0, 1].map((i) => transmit.usedElement(i)),
    [
      { id: 0, length: 0 },
      { id: 1, length: 0 },
    ],
  );
});

test("every byte arrives once where the sink takes some bytes in each call only", async () => {
  for (const room of [1, 2, 3, 5, 100]) {
    const { machine, transmit } = await start();
    const text = "The quick brown fox jumps over the lazy dog";
    transmit.host.ram.write(text, TEXT, "latin1");
    transmit.chain(0, [
      { address: TEXT, length: 2 },
      { address: TEXT + 2, length: 3 },
      { address: TEXT + 5, length: text.length - 5 },
    ]);
    transmit.makeAvailable(0);
    send(transmit, 4, "!", 0x9000);
    machine.host.harness.setRoom(machine.pointer, room);
    machine.notify(CONSOLE, TRANSMIT);
    for (let calls = 0; machine.goesOn; calls++) {
      assert.ok(calls < 60);
      assert.equal(transmit.usedIndex, machine.printed.length < text.length ? 0 : 1);
      machine.host.harness.setRoom(machine.pointer, room);
      machine.ring();
    }
    assert.equal(machine.printed, `${text}!`);
    assert.equal(transmit.usedIndex, 2);
  }
});

test("a chain that the sink has taken half goes on in the machine that takes over the state", async () => {
  const { machine, transmit } = await start();
  send(transmit, 0, "half and half");
  machine.host.harness.setRoom(machine.pointer, 4);
  machine.notify(CONSOLE, TRANSMIT);
  type(machine, "keys");
  const other = new VirtioMachine(machine.host);
  assert.equal(machine.host.harness.move(machine.pointer, CONSOLE, other.pointer), 0);
  other.ring();
  assert.equal(machine.printed + other.printed, "half and half");
  // What was typed is there, too.
  const receive = new DriverQueue(machine.host, machine.host.harness.queueOf(other.pointer, CONSOLE, RECEIVE), {
    size: 16,
  });
  offer(receive, 0, [8]);
  other.notify(CONSOLE, RECEIVE);
  assert.equal(receive.host.ram.toString("latin1", TYPED, TYPED + 4), "keys");
});

test("what is typed waits for the driver, and comes as soon as it has buffers and has notified", async () => {
  const { machine, receive } = await start();
  type(machine, "typed");
  offer(receive, 0, [2, 64]);
  machine.notify(CONSOLE, RECEIVE);
  assert.deepEqual(
    [receive.usedElement(0), receive.usedIndex, machine.interrupts(CONSOLE)],
    [{ id: 0, length: 5 }, 1, 1],
  );
  assert.equal(receive.host.ram.toString("latin1", TYPED, TYPED + 2), "ty");
  assert.equal(receive.host.ram.toString("latin1", TYPED + 64, TYPED + 67), "ped");
});

test("what is typed later comes at once, and a chain that has nothing to take stays the driver's", async () => {
  const { machine, receive } = await start();
  for (let head = 0; head < 6; head += 2) offer(receive, head, [8]);
  machine.notify(CONSOLE, RECEIVE);
  assert.equal(receive.usedIndex, 0);
  type(machine, "ab");
  assert.deepEqual([receive.usedIndex, machine.interrupts(CONSOLE), machine.goesOn], [2, 2, false]);
  assert.deepEqual(
    [0, 1].map((i) => receive.usedElement(i)),
    [
      { id: 0, length: 1 },
      { id: 2, length: 1 },
    ],
  );
  assert.equal(receive.host.ram.toString("latin1", TYPED, TYPED + 1), "a");
  assert.equal(receive.host.ram.toString("latin1", TYPED + 512, TYPED + 513), "b");
});

test("with 64 bytes typed that nobody takes the next is refused, and none is lost", async () => {
  const { machine, receive } = await start(true);
  const text = Array.from({ length: 64 }, (_, i) => String.fromCharCode(32 + i)).join("");
  assert.ok(type(machine, text).every((taken) => taken));
  assert.deepEqual(type(machine, "xy"), [false, false]);
  offer(receive, 0, [40]);
  machine.notify(CONSOLE, RECEIVE);
  assert.deepEqual(type(machine, "z"), [true]);
  assert.equal(receive.usedIndex, 1);
  offer(receive, 1, [60]);
  machine.notify(CONSOLE, RECEIVE);
  assert.deepEqual(receive.usedElement(1), { id: 1, length: 25 });
  const got =
    receive.host.ram.toString("latin1", TYPED, TYPED + 40) +
    receive.host.ram.toString("latin1", TYPED + 256, TYPED + 281);
  assert.equal(got, `${text}z`);
});

test("no buffer is touched before the device runs", async () => {
  const { machine, receive } = await start();
  offer(receive, 0, [8]);
  machine.notify(CONSOLE, RECEIVE);
  machine.host.harness.setRunning(machine.pointer, CONSOLE, false);
  type(machine, "a");
  assert.equal(receive.usedIndex, 0);
  machine.host.harness.setRunning(machine.pointer, CONSOLE, true);
  machine.notify(CONSOLE, RECEIVE);
  assert.equal(receive.usedIndex, 1);
});

test("a buffer for reading in the receive queue fails the device", async () => {
  const { machine, receive } = await start();
  receive.chain(0, [{ address: TYPED, length: 8 }]);
  receive.makeAvailable(0);
  machine.notify(CONSOLE, RECEIVE);
  type(machine, "a");
  assert.match(machine.failure(CONSOLE), /not for writing/);
  assert.equal(receive.usedIndex, 0);
});

test("a byte in the emergency register is printed without a queue, and the configuration reads 0", async () => {
  const machine = new VirtioMachine(await VirtioHost.load());
  const { harness } = machine.host;
  assert.equal(harness.offered(machine.pointer, CONSOLE), 4n);
  harness.writeConfiguration(machine.pointer, CONSOLE, 8, 4, 0x41n);
  for (const offset of [0, 4, 9, 12]) harness.writeConfiguration(machine.pointer, CONSOLE, offset, 4, 0x42n);
  assert.equal(machine.printed, "A");
  for (let offset = 0; offset < 20; offset++) assert.equal(machine.configuration(CONSOLE, offset, 4), 0n);
});
