// A PCI host with functions (pci-harness.ts), as a guest sees it, with a log of what reaches the devices behind it.
import { loadHarness } from "./harness.ts";

interface Exports {
  readonly memory: WebAssembly.Memory;
  createMachine(): number;
  inPort(machine: number, port: number, bytes: number): number;
  outPort(machine: number, port: number, bytes: number, value: number): void;
  readMemory(machine: number, address: bigint, bytes: number): bigint;
  writeMemory(machine: number, address: bigint, bytes: number, value: bigint): void;
  setInterrupt(machine: number, device: number, isHigh: boolean): void;
  interruptQueue(machine: number, virtio: number, queue: number): void;
  interruptConfiguration(machine: number, virtio: number): void;
  fail(machine: number, virtio: number): void;
  takeReport(machine: number): number;
  takeReset(machine: number): number;
  features(machine: number, virtio: number): bigint;
  isRunning(machine: number, virtio: number): number;
  queueField(machine: number, virtio: number, queue: number, field: number): bigint;
  reset(machine: number): void;
  save(machine: number): number;
  savedNumber(machine: number, at: number): bigint;
  setSavedNumber(machine: number, at: number, value: bigint): void;
  restore(machine: number, length: number): number;
}

const ECAM = 0xe000_0000;
const LOG_LENGTH = 64;

/** Guest RAM is 1 MiB from address 0 on; the harness's own memory starts at 2 MiB. */
const FLAGS = ["--memoryBase", "2097152", "--initialMemory", "64"];

/** Where the virtio devices 0 to 2 are on the bus: two of the test's, and an entropy device. Between them are plain functions. */
export const VIRTIO_DEVICES = [1, 5, 6] as const;
export type Virtio = 0 | 1 | 2;
const QUEUE_FIELDS = [
  "size",
  "enabled",
  "descriptors",
  "available",
  "used",
  "vector",
  "eventIndex",
  "indirect",
] as const;

/** The width of a register of `bytes`, as a mask. */
export const ones = (bytes: number): number => (bytes === 4 ? 0xffff_ffff : (1 << (8 * bytes)) - 1);

export class PciMachine {
  /** What has happened behind the host since the log was last taken; the last of it only. */
  #log: string[] = [];
  /** The levels of the four wires. */
  readonly levels = new Map<number, boolean>();
  /** What a device returns. */
  deviceValue = 0n;
  #exports!: Exports;
  #machine = 0;

  static async create(): Promise<PciMachine> {
    const made = new PciMachine();
    const note = (text: string): void => {
      made.#log.push(text);
      if (made.#log.length > LOG_LENGTH) made.#log.shift();
    };
    made.#exports = await loadHarness<Exports>("pci-harness.ts", FLAGS, {
      "pci-harness": {
        deviceRead: (device: number, offset: number, bytes: number): bigint => {
          note(`${device} reads ${bytes} at ${(offset >>> 0).toString(16)}`);
          return made.deviceValue;
        },
        deviceWrite: (device: number, offset: number, bytes: number, value: bigint): void => {
          note(
            `${device} writes ${BigInt.asUintN(64, value).toString(16)} (${bytes}) at ${(offset >>> 0).toString(16)}`,
          );
        },
        deviceNotified: (device: number, queue: number): void => note(`${device} is notified of ${queue}`),
        deviceReset: (device: number): void => note(`${device} is reset`),
        setLevel: (input: number, isHigh: number): void => {
          made.levels.set(input, isHigh !== 0);
        },
        sendMessage: (address: bigint, data: number): void =>
          note(`message ${(data >>> 0).toString(16)} to ${BigInt.asUintN(64, address).toString(16)}`),
      },
    });
    made.#machine = made.#exports.createMachine();
    made.takeLog();
    return made;
  }

  takeLog(): string[] {
    const log = this.#log;
    this.#log = [];
    return log;
  }

  /** Guest RAM. */
  get ram(): DataView {
    return new DataView(this.#exports.memory.buffer, 0, 0x10_0000);
  }

  in(port: number, bytes: number): number {
    return (this.#exports.inPort(this.#machine, port, bytes) & ones(bytes)) >>> 0;
  }

  out(port: number, bytes: number, value: number): void {
    this.#exports.outPort(this.#machine, port, bytes, value);
  }

  read(address: number, bytes: number): bigint {
    return BigInt.asUintN(8 * bytes, this.#exports.readMemory(this.#machine, BigInt(address), bytes));
  }

  write(address: number, bytes: number, value: bigint): void {
    this.#exports.writeMemory(this.#machine, BigInt(address), bytes, value);
  }

  /** Bytes of the configuration space of 00:`device`.0, by the ports. */
  configuration(device: number, offset: number, bytes: number): number {
    this.out(0xcf8, 4, (0x8000_0000 | (device << 11) | (offset & 0xfc)) >>> 0);
    return this.in(0xcfc + (offset & 3), bytes);
  }

  configure(device: number, offset: number, bytes: number, value: number): void {
    this.out(0xcf8, 4, (0x8000_0000 | (device << 11) | (offset & 0xfc)) >>> 0);
    this.out(0xcfc + (offset & 3), bytes, value);
  }

  /** The same, by memory. */
  ecam(device: number, offset: number, bytes: number): number {
    return Number(this.read(ECAM + (device << 15) + offset, bytes));
  }

  configureByEcam(device: number, offset: number, bytes: number, value: number): void {
    this.write(ECAM + (device << 15) + offset, bytes, BigInt(value >>> 0));
  }

  setInterrupt(device: number, isHigh: boolean): void {
    this.#exports.setInterrupt(this.#machine, device, isHigh);
  }

  /** The inputs that are high. */
  get highInputs(): number[] {
    return [...this.levels].filter(([, isHigh]) => isHigh).map(([input]) => input);
  }

  interruptQueue(virtio: number, queue: number): void {
    this.#exports.interruptQueue(this.#machine, virtio, queue);
  }

  interruptConfiguration(virtio: number): void {
    this.#exports.interruptConfiguration(this.#machine, virtio);
  }

  fail(virtio: number): void {
    this.#exports.fail(this.#machine, virtio);
  }

  takeReport(): boolean {
    return this.#exports.takeReport(this.#machine) !== 0;
  }

  takeReset(): boolean {
    return this.#exports.takeReset(this.#machine) !== 0;
  }

  features(virtio: number): bigint {
    return BigInt.asUintN(64, this.#exports.features(this.#machine, virtio));
  }

  isRunning(virtio: number): boolean {
    return this.#exports.isRunning(this.#machine, virtio) !== 0;
  }

  queue(virtio: number, queue: number): Record<(typeof QUEUE_FIELDS)[number], bigint> {
    const field = (number: number): bigint =>
      BigInt.asUintN(64, this.#exports.queueField(this.#machine, virtio, queue, number));
    return Object.fromEntries(QUEUE_FIELDS.map((name, number) => [name, field(number)])) as ReturnType<
      PciMachine["queue"]
    >;
  }

  reset(): void {
    this.#exports.reset(this.#machine);
  }

  save(): bigint[] {
    const length = this.#exports.save(this.#machine);
    return Array.from({ length }, (_, at) => BigInt.asUintN(64, this.#exports.savedNumber(this.#machine, at)));
  }

  /** The status of the table. */
  restore(numbers: readonly bigint[]): number {
    numbers.forEach((number, at) => this.#exports.setSavedNumber(this.#machine, at, number));
    return this.#exports.restore(this.#machine, numbers.length);
  }
}

/** A generator of numbers below its argument, the same in each run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
