// AssemblyScript: what the vmm emulates instructions with, as exports for the tests of this folder. Holds no logic.

import { Bus, Device } from "../../../hv/vmm/bus";
import { TaskSwitch } from "../../../hv/vmm/cpu/task-switch";
import { VcpuViews } from "../../../hv/vmm/cpu/vcpu-views";
import { FETCH_BYTES, LinearMemory } from "../../../hv/vmm/decode/linear-memory";
import { Executor } from "../../../hv/vmm/decode/execute";
import { Ram } from "../../../hv/vmm/memory/ram";

declare function deviceRead(space: u32, offset: u32, bytes: u32): u64;
declare function deviceWrite(space: u32, offset: u32, bytes: u32, value: u64): void;

const DEVICE_PORT: u64 = 0x1f0;
const DEVICE_PORTS: u64 = 8;

class TestDevice extends Device {
  constructor(private readonly space: u32) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    return deviceRead(this.space, offset, bytes);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    deviceWrite(this.space, offset, bytes, value);
  }
}

class Machine {
  readonly memory: LinearMemory;
  readonly executor: Executor;
  readonly taskSwitch: TaskSwitch;
  readonly instruction: StaticArray<u8> = new StaticArray<u8>(FETCH_BYTES);

  constructor(ramBytes: u64, page: u32, deviceAddress: u64, deviceBytes: u64) {
    const bus = new Bus();
    bus.attach(deviceAddress, deviceBytes, new TestDevice(0));
    const ports = new Bus();
    ports.attach(DEVICE_PORT, DEVICE_PORTS, new TestDevice(1));
    const vcpu = new VcpuViews(page);
    const memory = new LinearMemory(new Ram(ramBytes), bus, vcpu);
    this.memory = memory;
    this.executor = new Executor(vcpu, memory, ports);
    this.taskSwitch = new TaskSwitch(vcpu, memory);
  }
}

export function allocatePage(): usize {
  return heap.alloc(4096);
}

export function createMachine(ramBytes: u64, page: u32, deviceAddress: u64, deviceBytes: u64): Machine {
  return new Machine(ramBytes, page, deviceAddress, deviceBytes);
}

export function setHas1GibPages(machine: Machine, has: bool): void {
  machine.memory.walker.has1GibPages = has;
}

export function translate(machine: Machine, linear: u64, access: u32): bool {
  return machine.memory.walker.translate(linear, access);
}

export function physical(machine: Machine): u64 {
  return machine.memory.walker.physical;
}

export function errorCode(machine: Machine): u32 {
  return machine.memory.walker.errorCode;
}

export function toLinear(machine: Machine, segment: u32, offset: u64, bytes: u32, isWrite: bool): u32 {
  return machine.memory.toLinear(segment, offset, bytes, isWrite);
}

export function linear(machine: Machine): u64 {
  return machine.memory.linear;
}

export function read(machine: Machine, linear: u64, bytes: u32): u32 {
  return machine.memory.read(linear, bytes);
}

export function value(machine: Machine): u64 {
  return machine.memory.value;
}

export function write(machine: Machine, linear: u64, bytes: u32, value: u64): u32 {
  return machine.memory.write(linear, bytes, value);
}

export function checkWrite(machine: Machine, linear: u64, bytes: u32): u32 {
  return machine.memory.checkWrite(linear, bytes);
}

export function readImplicitly(machine: Machine, linear: u64, bytes: u32): u32 {
  return machine.memory.readImplicitly(linear, bytes);
}

export function writeImplicitly(machine: Machine, linear: u64, bytes: u32, value: u64): u32 {
  return machine.memory.writeImplicitly(linear, bytes, value);
}

export function fetchAtRip(machine: Machine): u32 {
  return machine.memory.fetchAtRip(machine.instruction);
}

export function instructionBytes(machine: Machine): usize {
  return changetype<usize>(machine.instruction);
}

export function faultVector(machine: Machine): u32 {
  return machine.memory.faultVector;
}

export function faultErrorCode(machine: Machine): u32 {
  return machine.memory.faultErrorCode;
}

export function faultAddress(machine: Machine): u64 {
  return machine.memory.faultAddress;
}

export function stringIo(machine: Machine): u32 {
  return machine.executor.emulate();
}

export function stringIoFailure(machine: Machine): string {
  return machine.executor.complaint();
}

export function taskSwitch(machine: Machine): u32 {
  return machine.taskSwitch.exit();
}

export function taskSwitchFailure(machine: Machine): string {
  return machine.taskSwitch.failure;
}
