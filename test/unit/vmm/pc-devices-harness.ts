// AssemblyScript: the PC's small devices at their ports, as exports for the tests of this folder. Holds no logic.

import { Device } from "../../../hv/vmm/bus";
import { InterruptInputs, InterruptLine } from "../../../hv/vmm/interrupts";
import { PortBus } from "../../../hv/vmm/port-bus";
import { Signals } from "../../../hv/vmm/signals";
import { StateTable } from "../../../hv/vmm/state";
import { Alarms, Clock } from "../../../hv/vmm/time";
import {
  KEYBOARD_DATA_PORT,
  KEYBOARD_STATUS_PORT,
  KeyboardController,
} from "../../../hv/vmm/devices/keyboard-controller";
import { PIT_PORTS, PIT_START, Pit } from "../../../hv/vmm/devices/pit";
import { PM1A_EVENT_BLOCK, PM_PORTS, PM_WIDEST, PowerManagement } from "../../../hv/vmm/devices/power-management";
import { QuietPorts } from "../../../hv/vmm/devices/quiet-ports";
import {
  RESET_CONTROL_PORTS,
  RESET_CONTROL_START,
  ResetControl,
  SYSTEM_CONTROL_PORT_A,
  SystemControlPortA,
} from "../../../hv/vmm/devices/reset-control";
import { RTC_PORTS, RTC_START, Rtc } from "../../../hv/vmm/devices/rtc";
import { SYSTEM_CONTROL_PORT_B, SystemControlPortB } from "../../../hv/vmm/devices/system-control-port-b";

const INPUTS: i32 = 24;

/** Records what the lines do. */
class Inputs extends InterruptInputs {
  readonly isHigh: StaticArray<bool> = new StaticArray<bool>(INPUTS);
  readonly rises: StaticArray<u32> = new StaticArray<u32>(INPUTS);

  setLevel(input: u32, isHigh: bool): void {
    this.isHigh[input] = isHigh;
    if (isHigh) this.rises[input]++;
  }
}

function noWriter(_root: usize, _device: Device | null, _access: u64): u32 {
  return 0;
}

class Machine {
  readonly signals: Signals = new Signals();
  readonly ports: PortBus = new PortBus(this.signals, noWriter);
  readonly inputs: Inputs = new Inputs();
  readonly alarms: Alarms = new Alarms();
  readonly clock!: Clock;
  readonly pit!: Pit;
  readonly portB!: SystemControlPortB;
  readonly rtc!: Rtc;
  readonly keyboard!: KeyboardController;
  readonly resetControl!: ResetControl;
  readonly portA!: SystemControlPortA;
  readonly power!: PowerManagement;

  constructor(kilohertz: u32, startTime: u64, ramBytes: u64) {
    const clock = new Clock(kilohertz);
    this.clock = clock;
    this.pit = new Pit(clock, this.alarms, new InterruptLine(this.inputs, 0));
    this.portB = new SystemControlPortB(this.pit);
    this.rtc = new Rtc(clock, this.alarms, new InterruptLine(this.inputs, 8), startTime, ramBytes);
    this.keyboard = new KeyboardController(this.signals, new InterruptLine(this.inputs, 1));
    this.resetControl = new ResetControl(this.signals);
    this.portA = new SystemControlPortA(this.signals);
    this.power = new PowerManagement(clock, this.alarms, new InterruptLine(this.inputs, 9), this.signals);
    this.ports.attach(PIT_START, PIT_PORTS, this.pit);
    this.ports.attach(SYSTEM_CONTROL_PORT_B, 1, this.portB);
    this.ports.attach(RTC_START, RTC_PORTS, this.rtc);
    this.ports.attach(KEYBOARD_DATA_PORT, 1, this.keyboard);
    this.ports.attach(KEYBOARD_STATUS_PORT, 1, this.keyboard.commandPort);
    this.ports.attachWide(RESET_CONTROL_START, RESET_CONTROL_PORTS, 2, this.resetControl);
    this.ports.attach(SYSTEM_CONTROL_PORT_A, 1, this.portA);
    this.ports.attachWide(PM1A_EVENT_BLOCK, PM_PORTS, PM_WIDEST, this.power);
    new QuietPorts().attachTo(this.ports);
  }

  reset(): void {
    this.pit.reset();
    this.portB.reset();
    this.rtc.reset();
    this.keyboard.reset();
    this.resetControl.reset();
    this.portA.reset();
    this.power.reset();
  }

  visit(table: StateTable): void {
    this.pit.visit(table);
    this.portB.visit(table);
    this.rtc.visit(table);
    this.keyboard.visit(table);
    this.resetControl.visit(table);
    this.portA.visit(table);
    this.power.visit(table);
  }
}

export function createMachine(kilohertz: u32, startTime: u64, ramBytes: u64): Machine {
  return new Machine(kilohertz, startTime, ramBytes);
}

export function createTable(): StateTable {
  return new StateTable();
}

export function read(machine: Machine, port: u32, bytes: u32): u32 {
  return <u32>machine.ports.read(port, bytes);
}

export function write(machine: Machine, port: u32, bytes: u32, value: u32): void {
  machine.ports.write(port, bytes, value);
}

export function level(machine: Machine, input: u32): bool {
  return machine.inputs.isHigh[input];
}

export function rises(machine: Machine, input: u32): u32 {
  return machine.inputs.rises[input];
}

export function nextAlarm(machine: Machine): u64 {
  return machine.alarms.next;
}

export function ring(machine: Machine): void {
  machine.alarms.ring(machine.clock.now);
}

export function takeSignals(machine: Machine): u32 {
  const raised = machine.signals.raised;
  machine.signals.raised = 0;
  return raised;
}

export function report(machine: Machine): string {
  return machine.signals.report;
}

export function seconds(machine: Machine): i64 {
  return machine.rtc.seconds;
}

export function pressPowerButton(machine: Machine): void {
  machine.power.pressPowerButton();
}

export function reset(machine: Machine): void {
  machine.reset();
}

export function save(machine: Machine, table: StateTable): u32 {
  table.startSaving();
  machine.visit(table);
  return table.status;
}

export function restore(machine: Machine, table: StateTable): u32 {
  table.startRestoring();
  machine.visit(table);
  return table.status;
}

export function tableLength(table: StateTable): i32 {
  return table.length;
}

export function tableNumber(table: StateTable, index: i32): u64 {
  return table.numbers[index];
}

export function setTableNumber(table: StateTable, index: i32, value: u64): void {
  table.numbers[index] = value;
}
