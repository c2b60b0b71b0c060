// The two ways to the configuration spaces: the ports 0xcf8 and 0xcfc (PCI Local Bus 3.0, 3.2.2.3.2), and memory (PCI Express
// Base 3.0, 7.2.2, ECAM).

import { Device } from "../../bus";
import { StateTable } from "../../state";
import { PciFunction } from "./function";
import { CONFIGURATION_BYTES } from "./registers";

/** Device numbers of a bus. */
export const PCI_DEVICES: u32 = 32;

export const CONFIGURATION_ADDRESS_PORT: u32 = 0xcf8;
export const CONFIGURATION_DATA_PORT: u32 = 0xcfc;
/** Ports of each of the two. */
export const CONFIGURATION_PORTS: u32 = 4;

/** In the address register: what the data register leads to is a configuration space. */
const ADDRESS_ENABLE: u32 = 0x8000_0000;
/** Enable, bus, device, function and double word; the bits between them are 0. */
const ADDRESS_BITS: u32 = 0x80ff_fffc;
const ADDRESS_BUS_SHIFT: u32 = 16;

/** Bits of ECAM's addresses that are an offset within a function's 4 KiB. */
const ECAM_FUNCTION_SHIFT: u32 = 12;
const ECAM_OFFSET_MASK: u32 = 0xfff;

/** A function of a device; each device of this machine has function 0 alone. */
const FUNCTIONS_SHIFT: u32 = 3;
const FUNCTION_MASK: u32 = 7;

const ALL_ONES: u32 = 0xffff_ffff;

/** The functions of bus 0, the only bus. */
export class PciBusFunctions {
  private readonly functions: StaticArray<PciFunction | null> = new StaticArray<PciFunction | null>(PCI_DEVICES);

  /** While the machine is put together only. */
  add(device: u32, added: PciFunction): void {
    this.functions[device] = added;
  }

  /** Reads within one double word at `offset` (below 4,096) of the function at `place`, bus x 256 + device x 8 + function. */
  read(place: u32, offset: u32, bytes: u32): u32 {
    const found = this.at(place);
    const mask = ALL_ONES >> (32 - 8 * bytes);
    if (!found) return mask;
    return offset < CONFIGURATION_BYTES ? (found.read(offset >> 2) >> (8 * (offset & 3))) & mask : 0;
  }

  /** Writes; as `read` else. */
  write(place: u32, offset: u32, bytes: u32, value: u32): void {
    const found = this.at(place);
    if (!found || offset >= CONFIGURATION_BYTES) return;
    const shift = 8 * (offset & 3);
    found.write(offset >> 2, value << shift, (ALL_ONES >> (32 - 8 * bytes)) << shift);
  }

  private at(place: u32): PciFunction | null {
    const device = place >> FUNCTIONS_SHIFT;
    return device < PCI_DEVICES && (place & FUNCTION_MASK) == 0 ? this.functions[device] : null;
  }
}

/**
 * CONFIG_ADDRESS: double words only. Other accesses are no configuration's: `beside` answers them, at the same offsets, as
 * chipsets have a reset control register at 0xcf9.
 */
export class ConfigurationAddress extends Device {
  value: u32 = 0;

  constructor(private readonly beside: Device | null) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    if (bytes == CONFIGURATION_PORTS) return this.value;
    const beside = this.beside;
    return beside ? beside.read(offset, bytes) : ALL_ONES;
  }

  write(offset: u32, bytes: u32, value: u64): void {
    const beside = this.beside;
    if (bytes == CONFIGURATION_PORTS) this.value = (<u32>value) & ADDRESS_BITS;
    else if (beside) beside.write(offset, bytes, value);
  }

  visit(table: StateTable): void {
    this.value = table.u32(this.value) & ADDRESS_BITS;
  }
}

/** CONFIG_DATA: the double word that CONFIG_ADDRESS says, or bytes of it. */
export class ConfigurationData extends Device {
  constructor(
    private readonly address: ConfigurationAddress,
    private readonly functions: PciBusFunctions,
  ) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    const address = this.address.value;
    const isLeft = !(address & ADDRESS_ENABLE) || offset + bytes > CONFIGURATION_PORTS;
    return isLeft ? ALL_ONES : this.functions.read(placeOf(address), (address & 0xfc) + offset, bytes);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    const address = this.address.value;
    if (!(address & ADDRESS_ENABLE) || offset + bytes > CONFIGURATION_PORTS) return;
    this.functions.write(placeOf(address), (address & 0xfc) + offset, bytes, <u32>value);
  }
}

function placeOf(address: u32): u32 {
  return (address & ~ADDRESS_ENABLE) >> (ADDRESS_BUS_SHIFT - 8);
}

/** Each function's configuration space at 4 KiB of memory; what lies behind its 256 bytes reads 0. */
export class Ecam extends Device {
  constructor(private readonly functions: PciBusFunctions) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    if (isWithinRegister(offset, bytes)) return this.readRegister(offset, bytes);
    // The root complex may split what crosses a double word: byte by byte.
    let value: u64 = 0;
    for (let i: u32 = 0; i < bytes; i++) value |= (<u64>this.readRegister(offset + i, 1)) << (8 * i);
    return value;
  }

  write(offset: u32, bytes: u32, value: u64): void {
    if (isWithinRegister(offset, bytes)) return this.writeRegister(offset, bytes, <u32>value);
    for (let i: u32 = 0; i < bytes; i++) this.writeRegister(offset + i, 1, (<u32>(value >> (8 * i))) & 0xff);
  }

  private readRegister(offset: u32, bytes: u32): u32 {
    return this.functions.read(offset >> ECAM_FUNCTION_SHIFT, offset & ECAM_OFFSET_MASK, bytes);
  }

  private writeRegister(offset: u32, bytes: u32, value: u32): void {
    this.functions.write(offset >> ECAM_FUNCTION_SHIFT, offset & ECAM_OFFSET_MASK, bytes, value);
  }
}

function isWithinRegister(offset: u32, bytes: u32): bool {
  return (offset & 3) + bytes <= 4;
}
