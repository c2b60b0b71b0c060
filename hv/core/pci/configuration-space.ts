// PCI configuration space: registers of 32 bits (PCI Local Bus 3.0, 3.2.2.3.2; PCI Express Base 4.0, 7.2.2).

import { in32, out32, readDevice32, writeDevice32 } from "../hardware";

// Configuration mechanism 1: the address goes to one port, the register is read and written at another.
const ADDRESS_PORT: u32 = 0xcf8;
const DATA_PORT: u32 = 0xcfc;
const ADDRESS_ENABLE: u32 = 0x80000000;

/** Whether the ports of configuration mechanism 1 answer. */
export function hasConfigurationMechanism1(): bool {
  const before = in32(ADDRESS_PORT);
  out32(ADDRESS_PORT, ADDRESS_ENABLE);
  const hasAnswered = in32(ADDRESS_PORT) == ADDRESS_ENABLE;
  out32(ADDRESS_PORT, before);
  return hasAnswered;
}

/** The configuration space of one segment group: 256 buses of 32 devices of 8 functions. */
export class ConfigurationSpace {
  /** `ecam` is where the enhanced mechanism has bus 0, or 0 for configuration mechanism 1, which has segment 0 only. */
  constructor(
    readonly segment: u32,
    private readonly ecam: u64,
  ) {}

  /** Reads the register at `offset`, a multiple of 4 below 256; all ones where there is no function. */
  read(bus: u32, device: u32, func: u32, offset: u32): u32 {
    if (this.ecam != 0) return readDevice32(this.ecamAddress(bus, device, func, offset));
    out32(ADDRESS_PORT, mechanism1Address(bus, device, func, offset));
    return in32(DATA_PORT);
  }

  write(bus: u32, device: u32, func: u32, offset: u32, value: u32): void {
    if (this.ecam != 0) {
      writeDevice32(this.ecamAddress(bus, device, func, offset), value);
      return;
    }
    out32(ADDRESS_PORT, mechanism1Address(bus, device, func, offset));
    out32(DATA_PORT, value);
  }

  private ecamAddress(bus: u32, device: u32, func: u32, offset: u32): u64 {
    return this.ecam + <u64>((bus << 20) | (device << 15) | (func << 12) | offset);
  }
}

function mechanism1Address(bus: u32, device: u32, func: u32, offset: u32): u32 {
  return ADDRESS_ENABLE | (bus << 16) | (device << 11) | (func << 8) | offset;
}
