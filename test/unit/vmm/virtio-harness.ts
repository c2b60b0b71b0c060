// AssemblyScript: virtqueues and the virtio devices, as exports for the tests of this folder. Holds no logic.

import { ByteSink } from "../../../hv/vmm/devices/byte-sink";
import { BlockDevice } from "../../../hv/vmm/devices/virtio/block";
import { ConsoleDevice } from "../../../hv/vmm/devices/virtio/console";
import { VirtioDevice, VirtioTransport } from "../../../hv/vmm/devices/virtio/device";
import { EntropyDevice } from "../../../hv/vmm/devices/virtio/entropy";
import { Virtqueue } from "../../../hv/vmm/devices/virtio/virtqueue";
import { ChaCha20 } from "../../../hv/vmm/chacha20";
import { Disk } from "../../../hv/vmm/memory/disk";
import { Ram } from "../../../hv/vmm/memory/ram";
import { RandomGenerator } from "../../../hv/vmm/random";
import { StateTable } from "../../../hv/vmm/state";
import { Alarms } from "../../../hv/vmm/time";

class TestSink extends ByteSink {
  readonly bytes: StaticArray<u8> = new StaticArray<u8>(1 << 20);
  length: i32 = 0;
  /** How many bytes are taken before it is asked again. */
  room: i32 = i32.MAX_VALUE;

  put(byte: u8): bool {
    if (this.room == 0 || this.length == this.bytes.length) return false;
    this.room--;
    this.bytes[this.length++] = byte;
    return true;
  }
}

class TestTransport extends VirtioTransport {
  constructor(private readonly device: VirtioDevice) {
    super();
    device.isRunning = true;
  }

  interrupts: u32 = 0;
  lastQueue: u32 = 0;
  failures: u32 = 0;
  failure: string = "";

  interruptQueue(queue: Virtqueue): void {
    this.interrupts++;
    this.lastQueue = this.device.queues.indexOf(queue);
  }

  interruptConfiguration(): void {}

  fail(why: string): void {
    this.device.isRunning = false;
    this.failures++;
    this.failure = why;
  }
}

class Machine {
  readonly ram: Ram;
  readonly alarms: Alarms = new Alarms();
  readonly sink: TestSink = new TestSink();
  readonly transports: Array<TestTransport> = [];
  readonly table: StateTable = new StateTable();
  readonly random: RandomGenerator = new RandomGenerator(1, 2, 3, 4);
  readonly devices: Array<VirtioDevice> = [];
  console: ConsoleDevice | null = null;

  constructor(ramBytes: u64, disk: u32, diskBytes: u32, isReadOnly: bool) {
    const ram = new Ram(ramBytes);
    this.ram = ram;
    this.devices.push(new BlockDevice(ram, this.alarms, new Disk(ram, disk, diskBytes, isReadOnly)));
    const console = new ConsoleDevice(ram, this.alarms, this.sink);
    this.console = console;
    this.devices.push(console);
    this.devices.push(new EntropyDevice(ram, this.alarms, this.random));
    for (let i = 0; i < this.devices.length; i++) {
      const transport = new TestTransport(this.devices[i]);
      this.transports.push(transport);
      this.devices[i].transport = transport;
    }
  }
}

export function allocate(bytes: u32): usize {
  return heap.alloc(bytes);
}

export function createQueue(ramBytes: u64, maximumSize: u32): Virtqueue {
  return new Virtqueue(new Ram(ramBytes), maximumSize);
}

export function setUp(
  queue: Virtqueue,
  size: u32,
  descriptors: u64,
  available: u64,
  used: u64,
  hasEventIndex: bool,
  hasIndirect: bool,
): void {
  queue.reset();
  queue.size = size;
  queue.descriptors = descriptors;
  queue.available = available;
  queue.used = used;
  queue.hasEventIndex = hasEventIndex;
  queue.hasIndirect = hasIndirect;
  queue.isEnabled = true;
}

export function take(queue: Virtqueue): u32 {
  return queue.take();
}

export function giveBack(queue: Virtqueue): void {
  queue.giveBack();
}

export function put(queue: Virtqueue, head: u32, written: u32): void {
  queue.put(head, written);
}

export function needsInterrupt(queue: Virtqueue): bool {
  return queue.needsInterrupt();
}

export function head(queue: Virtqueue): u32 {
  return queue.head;
}

export function count(queue: Virtqueue): u32 {
  return queue.count;
}

export function readable(queue: Virtqueue): u32 {
  return queue.readable;
}

export function readableBytes(queue: Virtqueue): u32 {
  return queue.readableBytes;
}

export function writableBytes(queue: Virtqueue): u32 {
  return queue.writableBytes;
}

export function bufferAddress(queue: Virtqueue, i: u32): u32 {
  return queue.addresses[i];
}

export function bufferLength(queue: Virtqueue, i: u32): u32 {
  return queue.lengths[i];
}

export function problem(queue: Virtqueue): string {
  return queue.problem;
}

export function createMachine(ramBytes: u64, disk: u32, diskBytes: u32, isReadOnly: bool): Machine {
  return new Machine(ramBytes, disk, diskBytes, isReadOnly);
}

export function queueOf(machine: Machine, device: i32, queue: i32): Virtqueue {
  return machine.devices[device].queues[queue];
}

export function offered(machine: Machine, device: i32): u64 {
  return machine.devices[device].offered;
}

export function readConfiguration(machine: Machine, device: i32, offset: u32, bytes: u32): u64 {
  return machine.devices[device].readConfiguration(offset, bytes);
}

export function writeConfiguration(machine: Machine, device: i32, offset: u32, bytes: u32, value: u64): void {
  machine.devices[device].writeConfiguration(offset, bytes, value);
}

export function notify(machine: Machine, device: i32, queue: u32): void {
  machine.devices[device].notify(queue);
}

export function setRunning(machine: Machine, device: i32, isRunning: bool): void {
  machine.devices[device].isRunning = isRunning;
}

export function resetDevice(machine: Machine, device: i32): void {
  const queues = machine.devices[device].queues;
  for (let i = 0; i < queues.length; i++) queues[i].reset();
  machine.devices[device].reset();
}

export function type(machine: Machine, byte: u8): bool {
  return machine.console!.receive(byte);
}

export function printed(machine: Machine): usize {
  return changetype<usize>(machine.sink.bytes);
}

export function printedLength(machine: Machine): i32 {
  return machine.sink.length;
}

export function clearPrinted(machine: Machine): void {
  machine.sink.length = 0;
}

export function setRoom(machine: Machine, room: i32): void {
  machine.sink.room = room;
}

export function interrupts(machine: Machine, device: i32): u32 {
  return machine.transports[device].interrupts;
}

export function lastQueue(machine: Machine, device: i32): u32 {
  return machine.transports[device].lastQueue;
}

export function failures(machine: Machine, device: i32): u32 {
  return machine.transports[device].failures;
}

export function failure(machine: Machine, device: i32): string {
  return machine.transports[device].failure;
}

export function alarmWaits(machine: Machine): bool {
  return machine.alarms.next != u64.MAX_VALUE;
}

export function ringAlarms(machine: Machine): void {
  machine.alarms.ring(1);
}

/** Saves `device` of one machine and restores it in another: a STATE_*. */
export function move(machine: Machine, device: i32, to: Machine): u32 {
  const table = machine.table;
  table.startSaving();
  visit(machine, device, table);
  table.startRestoring();
  visit(to, device, table);
  return table.status;
}

/** Restores `device` from a table whose number `place` is `value`: a STATE_*. */
export function moveDamaged(machine: Machine, device: i32, to: Machine, place: i32, value: u64): u32 {
  const table = machine.table;
  table.startSaving();
  visit(machine, device, table);
  if (place < table.length) table.numbers[place] = value;
  table.startRestoring();
  visit(to, device, table);
  return table.status;
}

function visit(machine: Machine, device: i32, table: StateTable): void {
  const queues = machine.devices[device].queues;
  for (let i = 0; i < queues.length; i++) queues[i].visit(table);
  machine.devices[device].visit(table);
  machine.random.visit(table);
}

export function random(machine: Machine): u64 {
  return machine.random.next();
}

export function mix(machine: Machine, seed: u64): void {
  machine.random.mix(seed, 0, 0, 0);
}

export function createCipher(): ChaCha20 {
  return new ChaCha20();
}

export function setKey(cipher: ChaCha20, word: i32, value: u32): void {
  cipher.key[word] = value;
}

export function setNonce(cipher: ChaCha20, word: i32, value: u32): void {
  cipher.nonce[word] = value;
}

export function block(cipher: ChaCha20, counter: u32): void {
  cipher.block(counter);
}

export function blockWord(cipher: ChaCha20, word: i32): u32 {
  return cipher.output[word];
}
