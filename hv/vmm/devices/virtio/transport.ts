// What virtio over PCI keeps of a device (virtio 1.2, 2.1, 2.2, 4.1): status, features, interrupts, and its reset.

import { Msix } from "../pci/msix";
import { PciFunction } from "../pci/function";
import { Signals } from "../../signals";
import { StateTable } from "../../state";
import {
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_VERSION_1,
  VirtioDevice,
  VirtioTransport,
} from "./device";
import { STATUS_DRIVER_OK, STATUS_FAILED, STATUS_FEATURES_OK, STATUS_NEEDS_RESET, statusAfter } from "./status";
import { Virtqueue } from "./virtqueue";

const TAG: u32 = 0x56504349; // VPCI
const VERSION: u32 = 1;

/** No vector: no message is sent (4.1.5.1.2). */
export const VIRTIO_MSI_NO_VECTOR: u16 = 0xffff;

// The ISR status (4.1.4.5).
const ISR_QUEUE: u32 = 1;
const ISR_CONFIGURATION: u32 = 2;
const ISR_BITS: u32 = ISR_QUEUE | ISR_CONFIGURATION;

const OFFERED: u64 = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC;
/** What a device may offer itself. */
const DEVICE_FEATURES: u64 = 0x00ff_ffff;

export class PciTransport extends VirtioTransport {
  readonly offered: u64;
  status: u32 = 0;
  /** What the driver has written: `device.features` once FEATURES_OK is set. */
  accepted: u64 = 0;
  configurationVector: u16 = VIRTIO_MSI_NO_VECTOR;
  generation: u8 = 0;
  private isr: u32 = 0;

  constructor(
    readonly device: VirtioDevice,
    private readonly owner: PciFunction,
    private readonly msix: Msix,
    private readonly signals: Signals,
  ) {
    super();
    this.offered = (device.offered & DEVICE_FEATURES) | OFFERED;
    this.resetQueues();
  }

  get hasFeatures(): bool {
    return (this.status & STATUS_FEATURES_OK) != 0;
  }

  /** Queue `index`, or null where the device has none. */
  queue(index: u32): Virtqueue | null {
    const queues = this.device.queues;
    return index < <u32>queues.length ? queues[index] : null;
  }

  /** The vector that the driver gets when it asks for `vector` (4.1.5.1.2.1). */
  vectorFor(vector: u16): u16 {
    return <u32>vector < this.msix.vectors ? vector : VIRTIO_MSI_NO_VECTOR;
  }

  interruptQueue(queue: Virtqueue): void {
    if (!this.msix.interrupt(queue.vector)) this.setIsr(this.isr | ISR_QUEUE);
  }

  interruptConfiguration(): void {
    this.generation++;
    this.setIsr(this.isr | ISR_CONFIGURATION);
    this.msix.interrupt(this.configurationVector);
  }

  fail(why: string): void {
    if (this.status & STATUS_NEEDS_RESET) return;
    this.status |= STATUS_NEEDS_RESET;
    this.device.isRunning = false;
    // Before DRIVER_OK the driver is not told (2.1.2).
    if (this.status & STATUS_DRIVER_OK) this.interruptConfiguration();
    this.signals.tell(why);
  }

  /** Reads the ISR status, which is 0 from now on, and the pin is quiet. */
  takeIsr(): u32 {
    const isr = this.isr;
    this.setIsr(0);
    return isr;
  }

  /** The driver writes the device status; 0 is a reset. */
  writeStatus(written: u32): void {
    if (written == 0) return this.reset();
    const had = this.hasFeatures;
    const isAcceptable = (this.accepted & ~this.offered) == 0 && (this.accepted & VIRTIO_F_VERSION_1) != 0;
    this.status = statusAfter(this.status, written, isAcceptable);
    if (this.hasFeatures && !had) this.useFeatures();
    this.refresh();
  }

  /** What the configuration space says has changed: messages or pin, and whether the device may write to memory. */
  refresh(): void {
    this.drivePin();
    this.msix.sendPending();
    const device = this.device;
    const wasRunning = device.isRunning;
    device.isRunning = this.mayRun;
    if (!wasRunning && device.isRunning) this.notifyAll();
  }

  reset(): void {
    const device = this.device;
    device.isRunning = false;
    device.features = 0;
    this.status = 0;
    this.accepted = 0;
    this.configurationVector = VIRTIO_MSI_NO_VECTOR;
    this.setIsr(0);
    this.resetQueues();
    device.reset();
  }

  visit(table: StateTable): void {
    const device = this.device;
    table.begin(TAG, VERSION);
    this.status = table.u8(<u8>this.status);
    this.accepted = table.number(this.accepted);
    this.configurationVector = this.vectorFor(table.u16(this.configurationVector));
    this.generation = table.u8(this.generation);
    this.isr = <u32>table.atMost(this.isr, ISR_BITS);
    device.features = table.number(device.features) & this.offered;
    for (let i = 0; i < device.queues.length; i++) device.queues[i].visit(table);
    device.visit(table);
    // Nothing is notified by being restored.
    device.isRunning = this.mayRun;
  }

  private get mayRun(): bool {
    const status = this.status & (STATUS_DRIVER_OK | STATUS_FAILED | STATUS_NEEDS_RESET);
    return status == STATUS_DRIVER_OK && this.owner.isBusMaster;
  }

  /** What was made available before the device could look at it is not lost. */
  private notifyAll(): void {
    const device = this.device;
    for (let i = 0; i < device.queues.length; i++) {
      if (device.isRunning && device.queues[i].isEnabled) device.notify(i);
    }
  }

  private useFeatures(): void {
    const features = this.accepted;
    const device = this.device;
    device.features = features;
    for (let i = 0; i < device.queues.length; i++) {
      const queue = device.queues[i];
      queue.hasEventIndex = (features & VIRTIO_F_EVENT_IDX) != 0;
      queue.hasIndirect = (features & VIRTIO_F_INDIRECT_DESC) != 0;
    }
  }

  private resetQueues(): void {
    const queues = this.device.queues;
    for (let i = 0; i < queues.length; i++) {
      const queue = queues[i];
      queue.reset();
      queue.size = queue.maximumSize;
      queue.isEnabled = false;
      queue.descriptors = 0;
      queue.available = 0;
      queue.used = 0;
      queue.vector = VIRTIO_MSI_NO_VECTOR;
      queue.hasEventIndex = false;
      queue.hasIndirect = false;
    }
  }

  private setIsr(isr: u32): void {
    this.isr = isr;
    this.drivePin();
  }

  private drivePin(): void {
    this.owner.interrupt = this.isr != 0 && !this.msix.isEnabled;
  }
}
