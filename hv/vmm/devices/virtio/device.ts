// What a virtio device is to its transport (virtio 1.2, chapters 2 and 5).

import { StateTable } from "../../state";
import { Virtqueue } from "./virtqueue";

/** Feature bits that are the transport's and the queues' (virtio 1.2, chapter 6). */
export const VIRTIO_F_INDIRECT_DESC: u64 = 1 << 28;
export const VIRTIO_F_EVENT_IDX: u64 = 1 << 29;
export const VIRTIO_F_VERSION_1: u64 = (<u64>1) << 32;

/** What the transport is to its device. */
export abstract class VirtioTransport {
  /** Used buffers wait in `queue`: interrupts the driver, by the queue's vector or by the device's line. */
  abstract interruptQueue(queue: Virtqueue): void;
  /** The device's configuration has changed: interrupts the driver. */
  abstract interruptConfiguration(): void;
  /**
   * The driver has broken a rule that leaves the device without a way to go on: DEVICE_NEEDS_RESET is set, the driver is
   * told by a configuration interrupt, `why`, a constant sentence, is reported, and no queue is looked at until the reset.
   */
  abstract fail(why: string): void;
}

export abstract class VirtioDevice {
  /** Set by the transport that it is plugged into. */
  transport: VirtioTransport | null = null;
  /** What the driver has accepted; 0 before FEATURES_OK. */
  features: u64 = 0;
  /**
   * The driver has set DRIVER_OK, nothing has failed, and the device may write to memory: set by the transport. Otherwise no
   * queue is looked at; when it becomes so, each enabled queue is notified.
   */
  isRunning: bool = false;

  constructor(
    /** Virtio 1.2, chapter 5: 2 is a block device, 3 a console, 4 an entropy source. */
    readonly id: u32,
    readonly queues: Array<Virtqueue>,
    /** The device's own feature bits (0 to 23); the transport adds those of chapter 6. */
    readonly offered: u64,
  ) {}

  /** Reads `bytes` (1, 2, 4 or 8) of the device's configuration; what lies behind its end reads 0. */
  abstract readConfiguration(offset: u32, bytes: u32): u64;
  /** Writes; what cannot be written is ignored. */
  abstract writeConfiguration(offset: u32, bytes: u32, value: u64): void;
  /** The driver has notified queue `queue`, which is enabled, and `isRunning`. */
  abstract notify(queue: u32): void;
  /** The driver has reset the device: the queues have been reset by the transport already. */
  abstract reset(): void;
  /** Its state beside that of its queues and `features`, which the transport visits. */
  abstract visit(table: StateTable): void;
}
