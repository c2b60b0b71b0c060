// AssemblyScript: the local APIC, its page and its surroundings as exports. Holds no logic.

import { Device } from "../../../hv/vmm/bus";
import { LocalApic } from "../../../hv/vmm/devices/local-apic/local-apic";
import { ExternalInput } from "../../../hv/vmm/devices/local-apic/external-input";
import { LocalApicPage } from "../../../hv/vmm/devices/local-apic/page";
import { GuestTsc } from "../../../hv/vmm/devices/guest-tsc";
import { EoiListener, ExternalInterrupts, ExternalListener, ProcessorPins } from "../../../hv/vmm/interrupts";
import { StateTable } from "../../../hv/vmm/state";
import { Alarms, Clock } from "../../../hv/vmm/time";

declare function tellNmi(): void;
declare function tellWaiting(value: u32): void;
declare function tellEnd(vector: u32): void;
declare function tellAcknowledge(): void;

class Pins extends ProcessorPins {
  page: u32 = 0;
  acknowledged: u32 = 0;

  set waiting(value: u32) {
    this.page = value;
    tellWaiting(value);
  }

  takeAcknowledged(): u32 {
    const acknowledged = this.acknowledged;
    this.acknowledged = 0;
    return acknowledged;
  }

  raiseNmi(): void {
    tellNmi();
  }
}

class Pic extends ExternalInterrupts {
  isHigh: bool = false;
  vector: u32 = 0x20;
  isAutomatic: bool = false;

  get isWaiting(): bool {
    return this.isHigh;
  }

  get nextVector(): u32 {
    return this.vector;
  }

  acknowledge(): void {
    this.isHigh = false;
    tellAcknowledge();
  }

  get endsAutomatically(): bool {
    return this.isAutomatic;
  }
}

class Tsc extends GuestTsc {
  value: u64 = 0;

  get offset(): u64 {
    return this.value;
  }
}

class IoApic extends EoiListener {
  endOfInterrupt(vector: u32): void {
    tellEnd(vector);
  }
}

class Machine {
  readonly alarms: Alarms;
  readonly pins: Pins;
  readonly pic: Pic;
  readonly tsc: Tsc;
  readonly apic: LocalApic;
  readonly page: Device;
  readonly input: ExternalListener;

  constructor(kilohertz: u32) {
    const alarms = new Alarms();
    const pins = new Pins();
    const pic = new Pic();
    const tsc = new Tsc();
    const apic = new LocalApic(new Clock(kilohertz), alarms, tsc, pins);
    this.alarms = alarms;
    this.pins = pins;
    this.pic = pic;
    this.tsc = tsc;
    this.apic = apic;
    this.page = new LocalApicPage(apic);
    this.input = new ExternalInput(apic);
    apic.connect(pic, new IoApic());
  }
}

export function createMachine(kilohertz: u32): Machine {
  return new Machine(kilohertz);
}

export function reset(machine: Machine): void {
  machine.apic.reset();
}

export function startLikeFirmware(machine: Machine): void {
  machine.apic.startLikeFirmware();
}

export function readMsr(machine: Machine, msr: u32): bool {
  return machine.apic.readMsr(msr);
}

export function value(machine: Machine): u64 {
  return machine.apic.value;
}

export function writeMsr(machine: Machine, msr: u32, value: u64): bool {
  return machine.apic.writeMsr(msr, value);
}

export function read(machine: Machine, offset: u32, bytes: u32): u64 {
  return machine.page.read(offset, bytes);
}

export function write(machine: Machine, offset: u32, bytes: u32, value: u64): void {
  machine.page.write(offset, bytes, value);
}

export function send(machine: Machine, address: u64, data: u32): void {
  machine.apic.send(address, data);
}

export function taskPriority(machine: Machine): u32 {
  return machine.apic.taskPriority;
}

export function setTaskPriority(machine: Machine, value: u32): void {
  machine.apic.taskPriority = value;
}

export function canInterrupt(machine: Machine): bool {
  return machine.apic.canInterrupt();
}

/** The 8259s' INTR, vector and mode from now on. */
export function setExternal(machine: Machine, isHigh: bool, vector: u32, isAutomatic: bool): void {
  machine.pic.isHigh = isHigh;
  machine.pic.vector = vector;
  machine.pic.isAutomatic = isAutomatic;
  machine.input.onExternalChange();
}

export function waiting(machine: Machine): u32 {
  return machine.pins.page;
}

/** Core has delivered what waited. */
export function acknowledge(machine: Machine): void {
  machine.pins.acknowledged = machine.pins.page;
  machine.pins.page = 0;
}

export function hear(machine: Machine): void {
  machine.apic.hear();
}

export function setTscOffset(machine: Machine, offset: u64): void {
  machine.tsc.value = offset;
  machine.apic.onTscOffsetChange();
}

export function nextAlarm(machine: Machine): u64 {
  return machine.alarms.next;
}

export function ring(machine: Machine, now: u64): void {
  machine.alarms.ring(now);
}

export function createTable(): StateTable {
  return new StateTable();
}

export function save(machine: Machine, table: StateTable): u32 {
  table.startSaving();
  machine.apic.visit(table);
  return table.status;
}

export function restore(machine: Machine, table: StateTable): u32 {
  table.startRestoring();
  machine.apic.visit(table);
  return table.status;
}

export function tableLength(table: StateTable): i32 {
  return table.length;
}

export function setNumber(table: StateTable, at: i32, value: u64): void {
  table.numbers[at] = value;
}
