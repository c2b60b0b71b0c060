// AssemblyScript: the paravirtual clock, whose guest RAM is the start of this memory, as exports. Holds no logic.

import { GuestTsc } from "../../../hv/vmm/devices/guest-tsc";
import { ParavirtualClock } from "../../../hv/vmm/devices/paravirtual-clock";
import { TscScale } from "../../../hv/vmm/devices/tsc-scale";
import { Ram } from "../../../hv/vmm/memory/ram";
import { StateTable } from "../../../hv/vmm/state";
import { Clock } from "../../../hv/vmm/time";

class Tsc extends GuestTsc {
  value: u64 = 0;

  get offset(): u64 {
    return this.value;
  }
}

class Machine {
  readonly tsc: Tsc;
  readonly clock: ParavirtualClock;

  constructor(kilohertz: u32, ramBytes: u64, startSeconds: u32) {
    const tsc = new Tsc();
    this.tsc = tsc;
    this.clock = new ParavirtualClock(new Clock(kilohertz), tsc, new Ram(ramBytes), startSeconds);
  }
}

export function createMachine(kilohertz: u32, ramBytes: u64, startSeconds: u32): Machine {
  return new Machine(kilohertz, ramBytes, startSeconds);
}

export function readMsr(machine: Machine, msr: u32): bool {
  return machine.clock.readMsr(msr);
}

export function value(machine: Machine): u64 {
  return machine.clock.value;
}

export function writeMsr(machine: Machine, msr: u32, value: u64): bool {
  return machine.clock.writeMsr(msr, value);
}

export function systemTime(machine: Machine): u64 {
  return machine.clock.now;
}

export function reset(machine: Machine): void {
  machine.clock.reset();
}

export function setTscOffset(machine: Machine, offset: u64): void {
  machine.tsc.value = offset;
  machine.clock.onTscOffsetChange();
}

export function createTable(): StateTable {
  return new StateTable();
}

export function save(machine: Machine, table: StateTable): u32 {
  table.startSaving();
  machine.clock.visit(table);
  return table.status;
}

export function restore(machine: Machine, table: StateTable): u32 {
  table.startRestoring();
  machine.clock.visit(table);
  return table.status;
}

export function setNumber(table: StateTable, at: i32, value: u64): void {
  table.numbers[at] = value;
}

export function createScale(kilohertz: u32): TscScale {
  return new TscScale(kilohertz);
}

export function multiplier(scale: TscScale): u32 {
  return scale.multiplier;
}

export function shift(scale: TscScale): i32 {
  return scale.shift;
}

export function nanosecondsOf(scale: TscScale, ticks: u64): u64 {
  return scale.nanosecondsOf(ticks);
}
