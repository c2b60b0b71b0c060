// A virtio device as a PCI function (virtio 1.2, 4.1.2): its identifiers, where its structures lie, and all that belongs to it.

import { Device } from "../../bus";
import { MessageSink } from "../../interrupts";
import { Signals } from "../../signals";
import { StateTable } from "../../state";
import { Bar } from "../pci/bar";
import { PciFunction, PciModel } from "../pci/function";
import { Msix, MsixPending, MsixTable } from "../pci/msix";
import { addStructure, COMMON_CFG, ConfigurationWindow, DEVICE_CFG, ISR_CFG, NOTIFY_CFG } from "./capabilities";
import { COMMON_BYTES, CommonConfiguration } from "./common-configuration";
import { VirtioDevice } from "./device";
import { DeviceConfiguration, IsrStatus, Notification, NotificationBell, PART_BYTES, Parts } from "./structures";
import { PciTransport } from "./transport";

const VENDOR: u32 = 0x1af4;
/** Of a device with identifier 0. */
const FIRST_DEVICE: u32 = 0x1040;
/** No transitional device. */
const REVISION: u32 = 1;
/** 0x40 or more: no driver of legacy devices wants it. */
const SUBSYSTEM: u32 = 0x1100;

/** By the device's identifier: 1 is a network card, 2 a block device, 3 a console, 4 an entropy source. */
const CLASS_CODES: StaticArray<u32> = [0xff0000, 0x020000, 0x018000, 0x078000, 0x00ff00];
const CLASS_OTHER: u32 = 0xff0000;

/** An I/O BAR for the notification: an OUT leaves the guest for less than a write to memory. */
const NOTIFICATION_BAR: u32 = 0;
const NOTIFICATION_BYTES: u32 = 4;
/** A memory BAR for the rest, in parts. */
const MEMORY_BAR: u32 = 1;
const COMMON_PART: u32 = 0;
const ISR_PART: u32 = 1;
const DEVICE_PART: u32 = 2;
/** The table of MSI-X and its pending bits, apart from what a driver maps. */
const TABLE_PART: u32 = 3;
const PENDING_PART: u32 = 4;
const PARTS: u32 = 8;
const ISR_BYTES: u32 = 1;

class VirtioModel extends PciModel {
  constructor(
    private readonly transport: PciTransport,
    private readonly common: CommonConfiguration,
    private readonly msix: Msix,
    private readonly window: ConfigurationWindow,
  ) {
    super();
  }

  onConfiguration(): void {
    this.transport.refresh();
  }

  readData(): u32 {
    return this.window.read();
  }

  writeData(value: u32): void {
    this.window.write(value);
  }

  reset(): void {
    this.msix.reset();
    this.common.reset();
    this.transport.reset();
  }

  visit(table: StateTable): void {
    this.msix.visit(table);
    this.common.visit(table);
    this.transport.visit(table);
  }
}

/** Makes a function of `device`, to be plugged into a PciHost: a vector for its configuration and one for each queue. */
export function virtioFunction(device: VirtioDevice, messages: MessageSink, signals: Signals): PciFunction {
  const classCode = device.id < <u32>CLASS_CODES.length ? CLASS_CODES[device.id] : CLASS_OTHER;
  const made = new PciFunction(VENDOR, FIRST_DEVICE + device.id, REVISION, classCode);
  made.identifySubsystem(VENDOR, SUBSYSTEM);
  made.addPin();
  const vectors = <u32>device.queues.length + 1;
  const msix = new Msix(made, vectors, messages, MEMORY_BAR, TABLE_PART * PART_BYTES, PENDING_PART * PART_BYTES);
  const transport = new PciTransport(device, made, msix, signals);
  device.transport = transport;
  const common = new CommonConfiguration(transport);

  const pending = new MsixPending(msix);
  const parts: Array<Device> = [];
  parts.push(common);
  parts.push(new IsrStatus(transport));
  parts.push(new DeviceConfiguration(device));
  parts.push(new MsixTable(msix));
  parts.push(pending);
  // Behind the one word of pending bits all reads 0.
  while (parts.length < <i32>PARTS) parts.push(new Nothing());
  const notification = new Bar(NOTIFICATION_BAR, NOTIFICATION_BYTES, true, new Notification(device));
  const memory = new Bar(MEMORY_BAR, PARTS * PART_BYTES, false, new Parts(parts));
  notification.doorbell = new NotificationBell(device);
  made.addBar(notification);
  made.addBar(memory);

  addStructure(made, COMMON_CFG, memory, COMMON_PART * PART_BYTES, COMMON_BYTES);
  addStructure(made, NOTIFY_CFG, notification, 0, NOTIFICATION_BYTES);
  addStructure(made, ISR_CFG, memory, ISR_PART * PART_BYTES, ISR_BYTES);
  addStructure(made, DEVICE_CFG, memory, DEVICE_PART * PART_BYTES, PART_BYTES);
  made.model = new VirtioModel(transport, common, msix, new ConfigurationWindow(made));
  return made;
}

/** What is left of the BAR. */
class Nothing extends Device {
  read(_offset: u32, _bytes: u32): u64 {
    return 0;
  }

  write(_offset: u32, _bytes: u32, _value: u64): void {}
}
