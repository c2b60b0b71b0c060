// AssemblyScript: a PCI host with two virtio devices and a plain function, as exports for pci.test.ts and virtio-transport.test.ts.

import { Bus, Device } from "../../../hv/vmm/bus";
import { InterruptInputs, MessageSink } from "../../../hv/vmm/interrupts";
import { Ram } from "../../../hv/vmm/memory/ram";
import { PortBus } from "../../../hv/vmm/port-bus";
import { RandomGenerator } from "../../../hv/vmm/random";
import { SIGNAL_REPORT, SIGNAL_RESET, Signals } from "../../../hv/vmm/signals";
import { StateTable } from "../../../hv/vmm/state";
import { Alarms } from "../../../hv/vmm/time";
import { Bar } from "../../../hv/vmm/devices/pci/bar";
import { PciFunction } from "../../../hv/vmm/devices/pci/function";
import { PciHost } from "../../../hv/vmm/devices/pci/host";
import { VirtioDevice } from "../../../hv/vmm/devices/virtio/device";
import { ResetControl } from "../../../hv/vmm/devices/reset-control";
import { EntropyDevice } from "../../../hv/vmm/devices/virtio/entropy";
import { virtioFunction } from "../../../hv/vmm/devices/virtio/function";
import { Virtqueue } from "../../../hv/vmm/devices/virtio/virtqueue";

/** Each call of the device at 00:`device` is told; what a read returns is the test's. */
declare function deviceRead(device: u32, offset: u32, bytes: u32): u64;
declare function deviceWrite(device: u32, offset: u32, bytes: u32, value: u64): void;
declare function deviceNotified(device: u32, queue: u32): void;
declare function deviceReset(device: u32): void;
declare function setLevel(input: u32, isHigh: bool): void;
declare function sendMessage(address: u64, data: u32): void;

class TestInputs extends InterruptInputs {
  setLevel(input: u32, isHigh: bool): void {
    setLevel(input, isHigh);
  }
}

class TestMessages extends MessageSink {
  send(address: u64, data: u32): void {
    sendMessage(address, data);
  }
}

class TestVirtio extends VirtioDevice {
  constructor(
    private readonly number: u32,
    id: u32,
    queues: Array<Virtqueue>,
    offered: u64,
  ) {
    super(id, queues, offered);
  }

  readConfiguration(offset: u32, bytes: u32): u64 {
    return deviceRead(this.number, offset, bytes);
  }

  writeConfiguration(offset: u32, bytes: u32, value: u64): void {
    deviceWrite(this.number, offset, bytes, value);
  }

  notify(queue: u32): void {
    deviceNotified(this.number, queue);
  }

  reset(): void {
    deviceReset(this.number);
  }

  visit(_table: StateTable): void {}
}

class TestDevice extends Device {
  constructor(private readonly number: u32) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    return deviceRead(this.number, offset, bytes);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    deviceWrite(this.number, offset, bytes, value);
  }
}

function onByte(_root: usize, _device: Device | null, _access: u64): u32 {
  return 0;
}

class Machine {
  readonly host: PciHost;
  readonly virtio: Array<VirtioDevice> = [];
  readonly functions: Array<PciFunction> = [];
  readonly table: StateTable = new StateTable();
  readonly alarms: Alarms = new Alarms();

  constructor(
    readonly signals: Signals,
    readonly ports: PortBus,
    readonly memory: Bus,
  ) {
    this.host = new PciHost(new TestInputs(), ports, memory, new ResetControl(signals));
  }
}

/** Guest RAM is below the harness's own memory. */
const RAM_BYTES: u64 = 0x100000;

/**
 * 00:01.0 and 00:05.0 are virtio devices of the test's, 00:06.0 is an entropy device, 00:02.0 to 00:04.0 are functions with a
 * memory and an I/O BAR.
 */
export function createMachine(): Machine {
  const signals = new Signals();
  const machine = new Machine(signals, new PortBus(signals, onByte), new Bus());
  const ram = new Ram(RAM_BYTES);
  const messages = new TestMessages();
  addVirtio(machine, 1, 2, 1, 0x0000_0000_0000_2640, ram, messages);
  for (let device: u32 = 2; device < 5; device++) {
    const plain = new PciFunction(0x1234, 0x1000 + device, 7, 0xff0102);
    plain.addPin();
    plain.addBar(new Bar(0, 0x1000 << device, false, new TestDevice(device)));
    plain.addBar(new Bar(3, 8 << device, true, new TestDevice(device)));
    machine.host.plug(plain);
    machine.functions.push(plain);
  }
  // A device's own features are bits 0 to 23: what it offers beyond is no offer.
  addVirtio(machine, 5, 3, 3, 0xffff_fffe_ff00_0001, ram, messages);
  const entropy = new EntropyDevice(ram, machine.alarms, new RandomGenerator(1, 2, 3, 4));
  plugVirtio(machine, entropy, messages);
  machine.host.assign();
  return machine;
}

function addVirtio(
  machine: Machine,
  number: u32,
  id: u32,
  queues: u32,
  offered: u64,
  ram: Ram,
  messages: MessageSink,
): void {
  const list: Array<Virtqueue> = [];
  for (let i: u32 = 0; i < queues; i++) list.push(new Virtqueue(ram, 256));
  plugVirtio(machine, new TestVirtio(number, id, list, offered), messages);
}

function plugVirtio(machine: Machine, device: VirtioDevice, messages: MessageSink): void {
  machine.virtio.push(device);
  const made = virtioFunction(device, messages, machine.signals);
  machine.functions.push(made);
  machine.host.plug(made);
}

export function inPort(machine: Machine, port: u32, bytes: u32): u32 {
  return <u32>machine.ports.read(port, bytes);
}

export function outPort(machine: Machine, port: u32, bytes: u32, value: u32): void {
  machine.ports.write(port, bytes, value);
}

export function readMemory(machine: Machine, address: u64, bytes: u32): u64 {
  return machine.memory.read(address, bytes);
}

export function writeMemory(machine: Machine, address: u64, bytes: u32, value: u64): void {
  machine.memory.write(address, bytes, value);
}

/** Has the plain function at 00:`device` (2 to 4) assert its pin, or not. */
export function setInterrupt(machine: Machine, device: u32, isHigh: bool): void {
  machine.functions[device - 1].interrupt = isHigh;
}

export function interruptQueue(machine: Machine, virtio: u32, queue: u32): void {
  const device = machine.virtio[virtio];
  if (queue < <u32>device.queues.length) device.transport!.interruptQueue(device.queues[queue]);
}

export function interruptConfiguration(machine: Machine, virtio: u32): void {
  machine.virtio[virtio].transport!.interruptConfiguration();
}

export function fail(machine: Machine, virtio: u32): void {
  machine.virtio[virtio].transport!.fail("the driver has broken a rule");
}

/** Whether the guest has reset its machine since signals were last taken. */
export function takeReset(machine: Machine): bool {
  const raised = machine.signals.raised;
  machine.signals.raised = 0;
  return (raised & SIGNAL_RESET) != 0;
}

/** Whether something has been reported since this was last asked. */
export function takeReport(machine: Machine): bool {
  const raised = machine.signals.raised;
  machine.signals.raised = 0;
  return (raised & SIGNAL_REPORT) != 0 && machine.signals.report == "the driver has broken a rule";
}

export function features(machine: Machine, virtio: u32): u64 {
  return machine.virtio[virtio].features;
}

export function isRunning(machine: Machine, virtio: u32): bool {
  return machine.virtio[virtio].isRunning;
}

/** A field of a queue, as the device sees it: size, isEnabled, three addresses, vector, hasEventIndex, hasIndirect. */
export function queueField(machine: Machine, virtio: u32, queue: u32, field: u32): u64 {
  const asked = machine.virtio[virtio].queues[queue];
  if (field == 0) return asked.size;
  if (field == 1) return asked.isEnabled ? 1 : 0;
  if (field == 2) return asked.descriptors;
  if (field == 3) return asked.available;
  if (field == 4) return asked.used;
  if (field == 5) return asked.vector;
  return (field == 6 ? asked.hasEventIndex : asked.hasIndirect) ? 1 : 0;
}

export function reset(machine: Machine): void {
  machine.host.reset();
}

/** Saves; how many numbers there are. */
export function save(machine: Machine): i32 {
  machine.table.startSaving();
  machine.host.visit(machine.table);
  return machine.table.length;
}

export function savedNumber(machine: Machine, at: i32): u64 {
  return machine.table.numbers[at];
}

export function setSavedNumber(machine: Machine, at: i32, value: u64): void {
  machine.table.numbers[at] = value;
}

/** Restores what `length` numbers of the table say: the table's status. */
export function restore(machine: Machine, length: i32): u32 {
  machine.table.length = length;
  machine.table.startRestoring();
  machine.host.visit(machine.table);
  return machine.table.status;
}
