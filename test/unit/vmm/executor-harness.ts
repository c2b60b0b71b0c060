// AssemblyScript: the executor with RAM, one device and one port as exports, for the tests. Holds no logic of its own
// but the device's, which is memory that counts how it was asked.

import { Bus, Device } from "../../../hv/vmm/bus";
import { VcpuViews } from "../../../hv/vmm/cpu/vcpu-views";
import { EMULATE_AGAIN, Executor } from "../../../hv/vmm/decode/execute";
import { LinearMemory } from "../../../hv/vmm/decode/linear-memory";
import { Ram } from "../../../hv/vmm/memory/ram";

const DEVICE_BYTES: i32 = 4096;

class MemoryDevice extends Device {
  readonly bytes: StaticArray<u8> = new StaticArray<u8>(DEVICE_BYTES);
  reads: u32 = 0;
  writes: u32 = 0;

  read(offset: u32, bytes: u32): u64 {
    this.reads++;
    let value: u64 = 0;
    for (let i: u32 = 0; i < bytes; i++) value |= (<u64>this.bytes[offset + i]) << (8 * i);
    return value;
  }

  write(offset: u32, bytes: u32, value: u64): void {
    this.writes++;
    for (let i: u32 = 0; i < bytes; i++) this.bytes[offset + i] = <u8>(value >> (8 * i));
  }
}

class Machine {
  constructor(
    readonly device: MemoryDevice,
    readonly portDevice: MemoryDevice,
    readonly executor: Executor,
  ) {}
}

export function create(page: u32, ramBytes: u64, deviceAddress: u64, port: u64): Machine {
  const device = new MemoryDevice();
  const memory = new Bus();
  memory.attach(deviceAddress, DEVICE_BYTES, device);
  const portDevice = new MemoryDevice();
  const ports = new Bus();
  ports.attach(port, 16, portDevice);
  const vcpu = new VcpuViews(page);
  return new Machine(device, portDevice, new Executor(vcpu, new LinearMemory(new Ram(ramBytes), memory, vcpu), ports));
}

export function emulate(machine: Machine): u32 {
  const answer = machine.executor.emulate();
  return answer == EMULATE_AGAIN ? machine.executor.emulate() : answer;
}

export function complaint(machine: Machine): string {
  return machine.executor.complaint();
}

export function deviceBytes(machine: Machine): StaticArray<u8> {
  return machine.device.bytes;
}

export function portBytes(machine: Machine): StaticArray<u8> {
  return machine.portDevice.bytes;
}

export function portReads(machine: Machine): u32 {
  return machine.portDevice.reads;
}

export function deviceReads(machine: Machine): u32 {
  return machine.device.reads;
}

export function deviceWrites(machine: Machine): u32 {
  return machine.device.writes;
}
