// The common configuration structure (virtio 1.2, 4.1.4.3): how a driver accepts features and sets up queues.

import { Device } from "../../bus";
import { StateTable } from "../../state";
import { PciTransport } from "./transport";
import { Virtqueue } from "./virtqueue";

/** Up to queue_device: what lies behind it belongs to features that are not offered. */
export const COMMON_BYTES: u32 = 0x38;

const TAG: u32 = 0x5643464d; // VCFM
const VERSION: u32 = 1;

// The fields that can be written; the others share their double words.
const DEVICE_FEATURE_SELECT: u32 = 0x00;
const DRIVER_FEATURE_SELECT: u32 = 0x08;
const DRIVER_FEATURE: u32 = 0x0c;
const CONFIGURATION_VECTOR: u32 = 0x10;
const DEVICE_STATUS: u32 = 0x14;
const QUEUE_SELECT: u32 = 0x16;
const QUEUE_SIZE: u32 = 0x18;
const QUEUE_VECTOR: u32 = 0x1a;
const QUEUE_ENABLE: u32 = 0x1c;
const QUEUE_DRIVER: u32 = 0x28;
const QUEUE_DEVICE: u32 = 0x30;
const HALF_OF_ADDRESS: u32 = 4;

/** By half of the offset: the width with which a driver writes the field there (4.1.3.1), 0 where none can be written. */
const WIDTHS: StaticArray<u8> = [4, 0, 0, 0, 4, 0, 4, 0, 2, 0, 1, 2, 2, 2, 2, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0];

export class CommonConfiguration extends Device {
  private deviceFeatureSelect: u32 = 0;
  private driverFeatureSelect: u32 = 0;
  private queueSelect: u16 = 0;

  constructor(private readonly transport: PciTransport) {
    super();
  }

  /** Any width: a field that is read as a part of something wider has the value that it has alone. */
  read(offset: u32, bytes: u32): u64 {
    const first = offset >> 2;
    const shift = 8 * (offset & 3);
    const low: u64 = this.word(first);
    const both = shift + 8 * bytes > 32 ? low | ((<u64>this.word(first + 1)) << 32) : low;
    return (both >> shift) & (u64.MAX_VALUE >> (64 - 8 * bytes));
  }

  /** Fields as wide as they are; halves of an address alone or at once. */
  write(offset: u32, bytes: u32, value: u64): void {
    if (bytes == 8) {
      this.write(offset, HALF_OF_ADDRESS, value & 0xffff_ffff);
      return this.write(offset + HALF_OF_ADDRESS, HALF_OF_ADDRESS, value >> 32);
    }
    if (offset >= COMMON_BYTES || (offset & 1) != 0 || <u32>WIDTHS[offset >> 1] != bytes) return;
    if (offset >= QUEUE_SIZE) this.writeQueue(offset, value);
    else this.writeDevice(offset, <u32>value);
  }

  reset(): void {
    this.deviceFeatureSelect = 0;
    this.driverFeatureSelect = 0;
    this.queueSelect = 0;
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.deviceFeatureSelect = table.u32(this.deviceFeatureSelect);
    this.driverFeatureSelect = table.u32(this.driverFeatureSelect);
    this.queueSelect = table.u16(this.queueSelect);
  }

  private writeDevice(offset: u32, value: u32): void {
    const transport = this.transport;
    if (offset == DEVICE_FEATURE_SELECT) this.deviceFeatureSelect = value;
    else if (offset == DRIVER_FEATURE_SELECT) this.driverFeatureSelect = value;
    else if (offset == DRIVER_FEATURE) this.accept(value);
    else if (offset == CONFIGURATION_VECTOR) transport.configurationVector = transport.vectorFor(<u16>value);
    else if (offset == QUEUE_SELECT) this.queueSelect = <u16>value;
    else if (offset == DEVICE_STATUS) {
      if (value == 0) this.reset();
      transport.writeStatus(value);
    }
  }

  /** Half of the features; after FEATURES_OK they are what they are (2.2.1). */
  private accept(half: u32): void {
    const select = this.driverFeatureSelect;
    const transport = this.transport;
    if (select > 1 || transport.hasFeatures) return;
    transport.accepted = withHalf(transport.accepted, select, half);
  }

  private writeQueue(offset: u32, value: u64): void {
    const transport = this.transport;
    const queue = transport.queue(this.queueSelect);
    if (!queue) return;
    if (offset == QUEUE_VECTOR) {
      queue.vector = transport.vectorFor(<u16>value);
      return;
    }
    // An enabled queue stays as it is until the reset (4.1.4.3.2).
    if (queue.isEnabled) return;
    if (offset == QUEUE_SIZE) setSize(queue, <u32>value);
    else if (offset == QUEUE_ENABLE) queue.isEnabled = value == 1 && transport.hasFeatures;
    else {
      const half = (offset / HALF_OF_ADDRESS) & 1;
      if (offset < QUEUE_DRIVER) queue.descriptors = withHalf(queue.descriptors, half, <u32>value);
      else if (offset < QUEUE_DEVICE) queue.available = withHalf(queue.available, half, <u32>value);
      else queue.used = withHalf(queue.used, half, <u32>value);
    }
  }

  /** Double word `number` of the structure; 0 behind its end. */
  private word(number: u32): u32 {
    const transport = this.transport;
    switch (number) {
      case 0:
        return this.deviceFeatureSelect;
      case 1:
        return halfOf(transport.offered, this.deviceFeatureSelect);
      case 2:
        return this.driverFeatureSelect;
      case 3:
        return halfOf(transport.accepted, this.driverFeatureSelect);
      case 4:
        return (<u32>transport.configurationVector) | (transport.device.queues.length << 16);
      case 5:
        return transport.status | ((<u32>transport.generation) << 8) | ((<u32>this.queueSelect) << 16);
      default:
        return this.queueWord(number);
    }
  }

  /** The registers of a queue that the device doesn't have read 0, its size above all (4.1.4.3.1). */
  private queueWord(number: u32): u32 {
    const queue = this.transport.queue(this.queueSelect);
    if (!queue) return 0;
    switch (number) {
      case 6:
        return queue.size | ((<u32>queue.vector) << 16);
      case 7:
        // Each queue is notified at offset 0.
        return queue.isEnabled ? 1 : 0;
      case 8:
      case 9:
        return halfOf(queue.descriptors, number & 1);
      case 10:
      case 11:
        return halfOf(queue.available, number & 1);
      case 12:
      case 13:
        return halfOf(queue.used, number & 1);
      default:
        return 0;
    }
  }
}

/** A size that no queue can have is ignored, which the driver sees when it reads the register. */
function setSize(queue: Virtqueue, size: u32): void {
  const isPowerOf2 = size != 0 && (size & (size - 1)) == 0;
  if (isPowerOf2 && size <= queue.maximumSize) queue.size = size;
}

function halfOf(value: u64, half: u32): u32 {
  if (half > 1) return 0;
  return half == 1 ? <u32>(value >> 32) : <u32>value;
}

function withHalf(value: u64, half: u32, written: u32): u64 {
  if (half == 1) return (value & 0xffff_ffff) | ((<u64>written) << 32);
  return ((value >> 32) << 32) | written;
}
