// A driver for virtio over PCI that knows the specification alone (virtio 1.2, 3.1.1, 4.1): it finds all by the capabilities.
import { type PciMachine, type Virtio, VIRTIO_DEVICES } from "./pci-machine.ts";

export const ACKNOWLEDGE = 1;
export const DRIVER = 2;
export const DRIVER_OK = 4;
export const FEATURES_OK = 8;
export const NEEDS_RESET = 64;
export const FAILED = 128;

export const VERSION_1 = 1n << 32n;
export const EVENT_IDX = 1n << 29n;
export const INDIRECT_DESC = 1n << 28n;
export const NO_VECTOR = 0xffff;

/** [offset, bytes] of 4.1.4.3's fields. */
const COMMON = {
  deviceFeatureSelect: [0x00, 4],
  deviceFeature: [0x04, 4],
  driverFeatureSelect: [0x08, 4],
  driverFeature: [0x0c, 4],
  configurationVector: [0x10, 2],
  numQueues: [0x12, 2],
  status: [0x14, 1],
  generation: [0x15, 1],
  queueSelect: [0x16, 2],
  queueSize: [0x18, 2],
  queueVector: [0x1a, 2],
  queueEnable: [0x1c, 2],
  queueNotifyOff: [0x1e, 2],
  queueDescriptors: [0x20, 4],
  queueDescriptorsHigh: [0x24, 4],
  queueDriver: [0x28, 4],
  queueDriverHigh: [0x2c, 4],
  queueDevice: [0x30, 4],
  queueDeviceHigh: [0x34, 4],
} as const;
type Field = keyof typeof COMMON;

interface Structure {
  readonly capability: number;
  readonly isIo: boolean;
  readonly address: number;
  readonly length: number;
}

export class VirtioDriver {
  readonly machine: PciMachine;
  readonly device: number;
  readonly #structures = new Map<number, Structure>();
  readonly msix: { readonly capability: number; readonly table: number; readonly pending: number };
  /** The capability that leads to BARs by the configuration space. */
  readonly window: number;

  /** Of virtio device `virtio` of the machine. */
  constructor(machine: PciMachine, virtio: Virtio) {
    this.machine = machine;
    this.device = VIRTIO_DEVICES[virtio];
    machine.configure(this.device, 4, 2, 7);
    let msix = 0;
    for (let at = this.#byte(0x34); at !== 0; at = this.#byte(at + 1)) {
      if (this.#byte(at) === 0x11) msix = at;
      if (this.#byte(at) !== 0x09) continue;
      const bar = this.#bar(this.#byte(at + 4));
      const address = bar.address + this.#word(at + 8);
      this.#structures.set(this.#byte(at + 3), {
        capability: at,
        isIo: bar.isIo,
        address,
        length: this.#word(at + 12),
      });
    }
    const place = (register: number): number => {
      const value = this.#word(msix + register);
      return this.#bar(value & 7).address + (value & ~7);
    };
    this.msix = { capability: msix, table: place(4), pending: place(8) };
    this.window = this.structure(5).capability;
  }

  /** The structure of a type of 4.1.4: 1 common, 2 notify, 3 ISR, 4 device, 5 PCI configuration access. */
  structure(type: number): Structure {
    const found = this.#structures.get(type);
    if (!found) throw new Error(`the device has no structure of type ${type}`);
    return found;
  }

  get(field: Field): number {
    const [offset, bytes] = COMMON[field];
    return Number(this.machine.read(this.structure(1).address + offset, bytes));
  }

  set(field: Field, value: number): void {
    const [offset, bytes] = COMMON[field];
    this.machine.write(this.structure(1).address + offset, bytes, BigInt(value));
  }

  get offered(): bigint {
    const half = (select: number): bigint => {
      this.set("deviceFeatureSelect", select);
      return BigInt(this.get("deviceFeature"));
    };
    return half(0) | (half(1) << 32n);
  }

  accept(features: bigint): void {
    for (const select of [0, 1]) {
      this.set("driverFeatureSelect", select);
      this.set("driverFeature", Number((features >> BigInt(32 * select)) & 0xffff_ffffn));
    }
  }

  /** Sets a bit of the status beside those that are set: whether it is. */
  advance(bit: number): boolean {
    this.set("status", this.get("status") | bit);
    return (this.get("status") & bit) !== 0;
  }

  setUpQueue(queue: number, size: number): void {
    this.set("queueSelect", queue);
    this.set("queueSize", size);
    this.set("queueDescriptors", 0x10000 * (queue + 1));
    this.set("queueDriver", 0x10000 * (queue + 1) + 0x4000);
    this.set("queueDevice", 0x10000 * (queue + 1) + 0x8000);
    this.set("queueDescriptorsHigh", 0);
    this.set("queueDriverHigh", 0);
    this.set("queueDeviceHigh", 0);
    this.set("queueEnable", 1);
  }

  /** The sequence of 3.1.1. */
  initialize(features = VERSION_1, size = 128): void {
    this.set("status", 0);
    this.advance(ACKNOWLEDGE);
    this.advance(DRIVER);
    this.accept(features);
    if (!this.advance(FEATURES_OK)) throw new Error("the device refused the features");
    for (let queue = 0; queue < this.get("numQueues"); queue++) this.setUpQueue(queue, size);
    this.advance(DRIVER_OK);
  }

  notify(queue: number, bytes = 2): void {
    this.machine.out(this.structure(2).address, bytes, queue);
  }

  get isr(): number {
    return Number(this.machine.read(this.structure(3).address, 1));
  }

  /** MSI-X's message control: enable, function mask. */
  controlMsix(isEnabled: boolean, isMasked = false): void {
    this.machine.configure(
      this.device,
      this.msix.capability + 2,
      2,
      (isEnabled ? 0x8000 : 0) | (isMasked ? 0x4000 : 0),
    );
  }

  /** An entry of MSI-X's table: the message with `data`, not masked unless said. */
  setVector(vector: number, data: number, isMasked = false): void {
    const entry = this.msix.table + 16 * vector;
    this.machine.write(entry, 4, 0xfee0_0000n);
    this.machine.write(entry + 4, 4, 0n);
    this.machine.write(entry + 8, 4, BigInt(data));
    this.maskVector(vector, isMasked);
  }

  maskVector(vector: number, isMasked: boolean): void {
    this.machine.write(this.msix.table + 16 * vector + 12, 4, isMasked ? 1n : 0n);
  }

  get pending(): number {
    return Number(this.machine.read(this.msix.pending, 4));
  }

  #byte(offset: number): number {
    return this.machine.configuration(this.device, offset, 1);
  }

  #word(offset: number): number {
    return this.machine.configuration(this.device, offset, 4);
  }

  #bar(index: number): { address: number; isIo: boolean } {
    const value = this.#word(0x10 + 4 * index);
    const isIo = (value & 1) !== 0;
    return { address: (value & (isIo ? ~3 : ~15)) >>> 0, isIo };
  }
}
