// The PCI host bridge with bus 0: configuration, windows of memory and ports, interrupt wires (PCI Local Bus 3.0).

import { Bus, Device } from "../../bus";
import { InterruptInputs, InterruptLine } from "../../interrupts";
import { PortBus } from "../../port-bus";
import { StateTable } from "../../state";
import {
  CONFIGURATION_ADDRESS_PORT,
  CONFIGURATION_DATA_PORT,
  CONFIGURATION_PORTS,
  ConfigurationAddress,
  ConfigurationData,
  Ecam,
  PCI_DEVICES,
  PciBusFunctions,
} from "./configuration-access";
import { PciFunction } from "./function";
import { FIRST_INTX_GSI, gsiOf, INTX_WIRES, SharedLine } from "./intx";
import { BarWindow } from "./window";

/** ECAM of bus 0, which MCFG tells. */
export const ECAM_START: u64 = 0xe000_0000;
export const ECAM_BYTES: u64 = 0x10_0000;
/** Where base addresses of memory are: the host bridge's _CRS. */
export const PCI_MEMORY_START: u32 = 0xc000_0000;
export const PCI_MEMORY_BYTES: u32 = 0x2000_0000;
/** Where base addresses of ports are: _CRS again. */
export const PCI_PORTS_START: u32 = 0xc000;
export const PCI_PORTS: u32 = 0x1000;
const WIDEST_PORT_ACCESS: u32 = 4;

const TAG: u32 = 0x50434948; // PCIH
const VERSION: u32 = 1;

// The bridge itself: "QEMU PCIe host bridge", of which no driver wants anything.
const BRIDGE_VENDOR: u32 = 0x1b36;
const BRIDGE_DEVICE: u32 = 0x0008;
const CLASS_HOST_BRIDGE: u32 = 0x060000;

export class PciHost {
  private readonly buses: PciBusFunctions = new PciBusFunctions();
  private readonly functions: Array<PciFunction> = [];
  private readonly memory: BarWindow = new BarWindow(PCI_MEMORY_START, PCI_MEMORY_BYTES);
  readonly ports: BarWindow = new BarWindow(PCI_PORTS_START, PCI_PORTS);
  private readonly wires: Array<SharedLine> = [];
  private readonly address: ConfigurationAddress;

  /**
   * Attaches itself to `ports` and `memory`; `beside` answers accesses to 0xcf8 to 0xcfb that are no double words, at offsets
   * from 0xcf8. The bridge is 00:00.0.
   */
  constructor(inputs: InterruptInputs, ports: PortBus, memory: Bus, beside: Device | null) {
    const address = new ConfigurationAddress(beside);
    this.address = address;
    for (let i: u32 = 0; i < INTX_WIRES; i++) {
      this.wires.push(new SharedLine(new InterruptLine(inputs, FIRST_INTX_GSI + i)));
    }
    const data = new ConfigurationData(address, this.buses);
    ports.attachWide(CONFIGURATION_ADDRESS_PORT, CONFIGURATION_PORTS, WIDEST_PORT_ACCESS, address);
    ports.attachWide(CONFIGURATION_DATA_PORT, CONFIGURATION_PORTS, WIDEST_PORT_ACCESS, data);
    ports.attachWide(PCI_PORTS_START, PCI_PORTS, WIDEST_PORT_ACCESS, this.ports);
    memory.attach(ECAM_START, ECAM_BYTES, new Ecam(this.buses));
    memory.attach(PCI_MEMORY_START, PCI_MEMORY_BYTES, this.memory);
    this.plug(new PciFunction(BRIDGE_VENDOR, BRIDGE_DEVICE, 0, CLASS_HOST_BRIDGE));
  }

  /** Adds a function as function 0 of the next device: its number. While the machine is put together only. */
  plug(added: PciFunction): u32 {
    const device = <u32>this.functions.length;
    assert(device < PCI_DEVICES, "the PCI bus is full");
    this.functions.push(added);
    this.buses.add(device, added);
    for (let i = 0; i < added.bars.length; i++) {
      const bar = added.bars[i];
      if (bar.isIo) this.ports.add(bar);
      else this.memory.add(bar);
    }
    added.plug(device, this.wires[gsiOf(device, 1) - FIRST_INTX_GSI]);
    return device;
  }

  /** What firmware does before it starts a system: base addresses, decoding, interrupt lines. After all are plugged in. */
  assign(): void {
    this.memory.place();
    this.ports.place();
    for (let i = 0; i < this.functions.length; i++) {
      const assigned = this.functions[i];
      for (let j = 0; j < assigned.bars.length; j++) {
        const bar = assigned.bars[j];
        assigned.space.set(bar.offset >> 2, bar.start, bar.addressMask);
      }
      assigned.start();
    }
  }

  /** As after a reset of the machine, and its firmware. */
  reset(): void {
    this.address.value = 0;
    for (let i = 0; i < this.functions.length; i++) this.functions[i].reset();
    this.assign();
  }

  /** Its own state and that of all functions with their models. */
  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.address.visit(table);
    for (let i = 0; i < this.functions.length; i++) this.functions[i].visit(table);
  }
}
