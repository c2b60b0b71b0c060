// AssemblyScript: the I/O APIC and the interrupt router, whose messages a test takes, as exports. Holds no logic.

import { Bus } from "../../../hv/vmm/bus";
import { I8259Pair } from "../../../hv/vmm/devices/i8259-pair";
import { InterruptRouter, PCI_INPUTS } from "../../../hv/vmm/devices/interrupt-router";
import { IO_APIC_ADDRESS, IO_APIC_BYTES, IoApic, IoApicMemory } from "../../../hv/vmm/devices/io-apic";
import { InterruptLine, MessageSink } from "../../../hv/vmm/interrupts";
import { StateTable } from "../../../hv/vmm/state";

const MAXIMUM_MESSAGES: i32 = 64;

class Recorder extends MessageSink {
  readonly addresses: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_MESSAGES);
  readonly data: StaticArray<u32> = new StaticArray<u32>(MAXIMUM_MESSAGES);
  count: i32 = 0;

  send(address: u64, data: u32): void {
    this.addresses[this.count] = address;
    this.data[this.count++] = data;
  }
}

class Machine {
  readonly messages: Recorder;
  readonly pair: I8259Pair;
  readonly ioApic: IoApic;
  readonly lines: StaticArray<InterruptLine>;
  readonly memory: Bus;

  constructor(idleHigh: u32) {
    const messages = new Recorder();
    const pair = new I8259Pair();
    const ioApic = new IoApic(messages, idleHigh);
    const router = new InterruptRouter(pair, ioApic);
    const lines = new StaticArray<InterruptLine>(32);
    for (let i = 0; i < lines.length; i++) lines[i] = new InterruptLine(router, i);
    const memory = new Bus();
    memory.attach(IO_APIC_ADDRESS, IO_APIC_BYTES, new IoApicMemory(ioApic));
    this.messages = messages;
    this.pair = pair;
    this.ioApic = ioApic;
    this.lines = lines;
    this.memory = memory;
  }
}

export function create(idleHigh: u32): Machine {
  return new Machine(idleHigh);
}

export function createPc(): Machine {
  return new Machine(PCI_INPUTS);
}

export function createTable(): StateTable {
  return new StateTable();
}

export function reset(machine: Machine): void {
  machine.ioApic.reset();
}

export function setAsserted(machine: Machine, pin: u32, isAsserted: bool): void {
  machine.ioApic.setAsserted(pin, isAsserted);
}

export function setLine(machine: Machine, input: u32, isHigh: bool): void {
  machine.lines[input].level = isHigh;
}

export function read(machine: Machine, offset: u32, bytes: u32): u64 {
  return machine.memory.read(IO_APIC_ADDRESS + offset, bytes);
}

export function write(machine: Machine, offset: u32, bytes: u32, value: u64): void {
  machine.memory.write(IO_APIC_ADDRESS + offset, bytes, value);
}

export function endOfInterrupt(machine: Machine, vector: u32): void {
  machine.ioApic.endOfInterrupt(vector);
}

export function takeCount(machine: Machine): u32 {
  const count = machine.messages.count;
  machine.messages.count = 0;
  return count;
}

export function addressAt(machine: Machine, at: u32): u64 {
  return machine.messages.addresses[at];
}

export function dataAt(machine: Machine, at: u32): u32 {
  return machine.messages.data[at];
}

export function startPair(machine: Machine): void {
  const ports = new Bus();
  machine.pair.attachTo(ports);
  ports.write(0x20, 1, 0x13);
  ports.write(0x21, 1, 0x20);
  ports.write(0x21, 1, 0x01);
  ports.write(0xa0, 1, 0x13);
  ports.write(0xa1, 1, 0x28);
  ports.write(0xa1, 1, 0x01);
}

/** The vector that the 8259s tell, 0 if none waits. */
export function pairVector(machine: Machine): u32 {
  return machine.pair.isWaiting ? machine.pair.nextVector : 0;
}

export function save(machine: Machine, table: StateTable): u32 {
  table.startSaving();
  machine.ioApic.visit(table);
  return table.status;
}

export function restore(machine: Machine, table: StateTable): u32 {
  table.startRestoring();
  machine.ioApic.visit(table);
  return table.status;
}
