// The smaller structures of virtio over PCI: notification, ISR status, the device's configuration (virtio 1.2, 4.1.4.4 to 4.1.4.6).

import { Device } from "../../bus";
import { Doorbell } from "../pci/bar";
import { PciTransport } from "./transport";
import { VirtioDevice } from "./device";

const NOTIFICATION_BYTES: u32 = 2;

/** Where all queues of a device are notified, by their index: the one register that a driver writes for each request. */
export class Notification extends Device {
  constructor(private readonly device: VirtioDevice) {
    super();
  }

  read(_offset: u32, _bytes: u32): u64 {
    return 0;
  }

  write(offset: u32, bytes: u32, value: u64): void {
    if (offset == 0 && bytes == NOTIFICATION_BYTES) notify(this.device, <u32>value);
  }
}

/** The same register, where all but a write of two bytes is sorted out already. */
export class NotificationBell extends Doorbell {
  constructor(private readonly device: VirtioDevice) {
    super();
  }

  ring(value: u32): void {
    notify(this.device, value);
  }
}

function notify(device: VirtioDevice, queue: u32): void {
  const queues = device.queues;
  if (!device.isRunning || queue >= <u32>queues.length) return;
  if (unchecked(queues[queue]).isEnabled) device.notify(queue);
}

/** A byte that is 0 once it has been read. */
export class IsrStatus extends Device {
  constructor(private readonly transport: PciTransport) {
    super();
  }

  read(offset: u32, _bytes: u32): u64 {
    return offset == 0 ? this.transport.takeIsr() : 0;
  }

  write(_offset: u32, _bytes: u32, _value: u64): void {}
}

/** What the device's type defines (chapter 5). */
export class DeviceConfiguration extends Device {
  constructor(private readonly device: VirtioDevice) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    return this.device.readConfiguration(offset, bytes);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    this.device.writeConfiguration(offset, bytes, value);
  }
}

/** Bytes of each part of a memory BAR. */
export const PART_BYTES: u32 = 0x1000;

/** A BAR of parts of PART_BYTES, each a device; a power of two of them. An access that crosses into another reads 0. */
export class Parts extends Device {
  constructor(private readonly parts: Array<Device>) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    const part = this.parts[(offset / PART_BYTES) % this.parts.length];
    return isWhole(offset, bytes) ? part.read(offset % PART_BYTES, bytes) : 0;
  }

  write(offset: u32, bytes: u32, value: u64): void {
    const part = this.parts[(offset / PART_BYTES) % this.parts.length];
    if (isWhole(offset, bytes)) part.write(offset % PART_BYTES, bytes, value);
  }
}

function isWhole(offset: u32, bytes: u32): bool {
  return (offset % PART_BYTES) + bytes <= PART_BYTES;
}
