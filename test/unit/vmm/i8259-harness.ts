// AssemblyScript: the two 8259As with a listener that counts, as exports for the tests of this folder. Holds no logic.

import { ExternalListener } from "../../../hv/vmm/interrupts";
import { I8259Pair } from "../../../hv/vmm/devices/i8259-pair";
import { Bus } from "../../../hv/vmm/bus";
import { StateTable } from "../../../hv/vmm/state";

class CountingListener extends ExternalListener {
  count: u32 = 0;

  onExternalChange(): void {
    this.count++;
  }
}

class Machine {
  readonly pair: I8259Pair = new I8259Pair();
  readonly listener: CountingListener = new CountingListener();
  readonly ports: Bus = new Bus();

  constructor() {
    this.pair.listener = this.listener;
    this.pair.attachTo(this.ports);
  }
}

export function create(): Machine {
  return new Machine();
}

export function createTable(): StateTable {
  return new StateTable();
}

export function reset(machine: Machine): void {
  machine.pair.reset();
}

export function setLevel(machine: Machine, irq: u32, isHigh: bool): void {
  machine.pair.setLevel(irq, isHigh);
}

export function read(machine: Machine, port: u32): u32 {
  return <u32>machine.ports.read(port, 1);
}

export function write(machine: Machine, port: u32, value: u32): void {
  machine.ports.write(port, 1, value);
}

export function isWaiting(machine: Machine): bool {
  return machine.pair.isWaiting;
}

export function nextVector(machine: Machine): u32 {
  return machine.pair.nextVector;
}

export function endsAutomatically(machine: Machine): bool {
  return machine.pair.endsAutomatically;
}

export function acknowledge(machine: Machine): void {
  machine.pair.acknowledge();
}

export function timesTold(machine: Machine): u32 {
  return machine.listener.count;
}

export function save(machine: Machine, table: StateTable): u32 {
  table.startSaving();
  machine.pair.visit(table);
  return table.status;
}

export function restore(machine: Machine, table: StateTable): u32 {
  table.startRestoring();
  machine.pair.visit(table);
  return table.status;
}

export function setNumber(table: StateTable, at: u32, value: u64): void {
  table.numbers[at] = value;
}

export function length(table: StateTable): u32 {
  return table.length;
}
