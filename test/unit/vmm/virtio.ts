// Drives virtio-harness.ts: guest RAM, the tables that a driver has there, and the devices.
import { textAt } from "../core/machine/vmm-bridge.ts";
import { loadHarness } from "./harness.ts";

type Pointer = number;

interface Harness {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): Pointer;
  createQueue(ramBytes: bigint, maximumSize: number): Pointer;
  setUp(
    queue: Pointer,
    size: number,
    descriptors: bigint,
    available: bigint,
    used: bigint,
    hasEventIndex: boolean,
    hasIndirect: boolean,
  ): void;
  take(queue: Pointer): number;
  giveBack(queue: Pointer): void;
  put(queue: Pointer, head: number, written: number): void;
  needsInterrupt(queue: Pointer): number;
  head(queue: Pointer): number;
  count(queue: Pointer): number;
  readable(queue: Pointer): number;
  readableBytes(queue: Pointer): number;
  writableBytes(queue: Pointer): number;
  bufferAddress(queue: Pointer, i: number): number;
  bufferLength(queue: Pointer, i: number): number;
  problem(queue: Pointer): number;
  createMachine(ramBytes: bigint, disk: Pointer, diskBytes: number, isReadOnly: boolean): Pointer;
  queueOf(machine: Pointer, device: number, queue: number): Pointer;
  offered(machine: Pointer, device: number): bigint;
  readConfiguration(machine: Pointer, device: number, offset: number, bytes: number): bigint;
  writeConfiguration(machine: Pointer, device: number, offset: number, bytes: number, value: bigint): void;
  notify(machine: Pointer, device: number, queue: number): void;
  setRunning(machine: Pointer, device: number, isRunning: boolean): void;
  resetDevice(machine: Pointer, device: number): void;
  type(machine: Pointer, byte: number): number;
  printed(machine: Pointer): Pointer;
  printedLength(machine: Pointer): number;
  clearPrinted(machine: Pointer): void;
  setRoom(machine: Pointer, room: number): void;
  interrupts(machine: Pointer, device: number): number;
  lastQueue(machine: Pointer, device: number): number;
  failures(machine: Pointer, device: number): number;
  failure(machine: Pointer, device: number): number;
  alarmWaits(machine: Pointer): number;
  ringAlarms(machine: Pointer): void;
  move(machine: Pointer, device: number, to: Pointer): number;
  moveDamaged(machine: Pointer, device: number, to: Pointer, place: number, value: bigint): number;
  random(machine: Pointer): bigint;
  mix(machine: Pointer, seed: bigint): void;
  createCipher(): Pointer;
  setKey(cipher: Pointer, word: number, value: number): void;
  setNonce(cipher: Pointer, word: number, value: number): void;
  block(cipher: Pointer, counter: number): void;
  blockWord(cipher: Pointer, word: number): number;
}

/** Guest RAM ends at or below this; all that is the harness's own lies above. */
const MEMORY_BASE = 1 << 20;
const FLAGS = ["--memoryBase", `${MEMORY_BASE}`, "--initialMemory", "600", "--maximumMemory", "600"];

export const BLOCK = 0;
export const CONSOLE = 1;
export const ENTROPY = 2;

export const NONE = 0;
export const TAKEN = 1;
export const BROKEN = 2;

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

/** Node's own view of the harness's memory, RAM in front. */
export class VirtioHost {
  readonly memory: Buffer;
  readonly ram: Buffer;

  readonly harness: Harness;
  readonly ramBytes: number;

  private constructor(harness: Harness, ramBytes: number) {
    this.harness = harness;
    this.ramBytes = ramBytes;
    this.memory = Buffer.from(harness.memory.buffer);
    this.ram = this.memory.subarray(0, ramBytes);
  }

  static async load(ramBytes = 0x10000): Promise<VirtioHost> {
    return new VirtioHost(await loadHarness<Harness>("virtio-harness.ts", FLAGS), ramBytes);
  }

  text(pointer: number): string {
    return textAt(this.harness.memory, pointer);
  }
}

export interface Descriptor {
  readonly address: number | bigint;
  readonly length: number;
  readonly flags?: number;
  readonly next?: number;
}

export interface Layout {
  readonly size: number;
  readonly descriptors?: number;
  readonly available?: number;
  readonly used?: number;
  readonly eventIndex?: boolean;
  readonly indirect?: boolean;
}

/** A queue as its driver has it in RAM, by the layout of virtio 1.2, 2.7. */
export class DriverQueue {
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;

  readonly host: VirtioHost;
  readonly queue: Pointer;

  constructor(host: VirtioHost, queue: Pointer, layout: Layout) {
    this.host = host;
    this.queue = queue;
    this.size = layout.size;
    this.descriptors = layout.descriptors ?? 0x1000;
    this.available = layout.available ?? 0x2000;
    this.used = layout.used ?? 0x3000;
    host.harness.setUp(
      queue,
      this.size,
      BigInt(this.descriptors),
      BigInt(this.available),
      BigInt(this.used),
      layout.eventIndex ?? false,
      layout.indirect ?? true,
    );
  }

  /** Writes descriptor `index` of the table at `table`. */
  describe(index: number, descriptor: Descriptor, table = this.descriptors): void {
    const at = table + 16 * index;
    this.host.ram.writeBigUInt64LE(BigInt(descriptor.address), at);
    this.host.ram.writeUInt32LE(descriptor.length >>> 0, at + 8);
    this.host.ram.writeUInt16LE(descriptor.flags ?? 0, at + 12);
    this.host.ram.writeUInt16LE(descriptor.next ?? 0, at + 14);
  }

  /** Writes a chain of descriptors one behind the other from `first` on. */
  chain(first: number, descriptors: readonly Descriptor[], table = this.descriptors): void {
    descriptors.forEach((descriptor, i) => {
      const isLast = i === descriptors.length - 1;
      const flags = (descriptor.flags ?? 0) | (isLast ? 0 : NEXT);
      this.describe(first + i, { ...descriptor, flags, next: isLast ? 0 : first + i + 1 }, table);
    });
  }

  get availableIndex(): number {
    return this.host.ram.readUInt16LE(this.available + 2);
  }

  set availableIndex(value: number) {
    this.host.ram.writeUInt16LE(value & 0xffff, this.available + 2);
  }

  makeAvailable(head: number): void {
    const index = this.availableIndex;
    this.host.ram.writeUInt16LE(head, this.available + 4 + 2 * (index % this.size));
    this.availableIndex = index + 1;
  }

  set availableFlags(value: number) {
    this.host.ram.writeUInt16LE(value, this.available);
  }

  set usedEvent(value: number) {
    this.host.ram.writeUInt16LE(value & 0xffff, this.available + 4 + 2 * this.size);
  }

  get availableEvent(): number {
    return this.host.ram.readUInt16LE(this.used + 4 + 8 * this.size);
  }

  get usedIndex(): number {
    return this.host.ram.readUInt16LE(this.used + 2);
  }

  usedElement(index: number): { id: number; length: number } {
    const at = this.used + 4 + 8 * (index % this.size);
    return { id: this.host.ram.readUInt32LE(at), length: this.host.ram.readUInt32LE(at + 4) };
  }

  take(): number {
    return this.host.harness.take(this.queue);
  }

  get problem(): string {
    return this.host.text(this.host.harness.problem(this.queue));
  }

  /** The buffers of the chain that was taken last. */
  get buffers(): { address: number; length: number; isWritable: boolean }[] {
    const { harness } = this.host;
    const readable = harness.readable(this.queue);
    return Array.from({ length: harness.count(this.queue) }, (_, i) => ({
      address: harness.bufferAddress(this.queue, i) >>> 0,
      length: harness.bufferLength(this.queue, i) >>> 0,
      isWritable: i >= readable,
    }));
  }
}

/** One machine with its three devices. */
export class VirtioMachine {
  readonly disk: Buffer;
  readonly pointer: Pointer;

  readonly host: VirtioHost;

  constructor(
    host: VirtioHost,
    { diskBytes = 64 << 10, isReadOnly = false, shares = undefined as VirtioMachine | undefined } = {},
  ) {
    this.host = host;
    const disk = shares?.disk.byteOffset ?? host.harness.allocate(diskBytes);
    this.disk = host.memory.subarray(disk, disk + diskBytes);
    this.pointer = host.harness.createMachine(BigInt(host.ramBytes), disk, diskBytes, isReadOnly);
  }

  queue(device: number, number: number, layout: Layout): DriverQueue {
    return new DriverQueue(this.host, this.host.harness.queueOf(this.pointer, device, number), layout);
  }

  notify(device: number, queue = 0): void {
    this.host.harness.notify(this.pointer, device, queue);
  }

  interrupts(device: number): number {
    return this.host.harness.interrupts(this.pointer, device);
  }

  failure(device: number): string {
    return this.host.text(this.host.harness.failure(this.pointer, device));
  }

  failures(device: number): number {
    return this.host.harness.failures(this.pointer, device);
  }

  get goesOn(): boolean {
    return this.host.harness.alarmWaits(this.pointer) !== 0;
  }

  ring(): void {
    this.host.harness.ringAlarms(this.pointer);
  }

  configuration(device: number, offset: number, bytes: number): bigint {
    return BigInt.asUintN(64, this.host.harness.readConfiguration(this.pointer, device, offset, bytes));
  }

  clearPrinted(): void {
    this.host.harness.clearPrinted(this.pointer);
  }

  get printed(): string {
    const start = this.host.harness.printed(this.pointer);
    const length = this.host.harness.printedLength(this.pointer);
    return this.host.memory.toString("latin1", start, start + length);
  }
}
