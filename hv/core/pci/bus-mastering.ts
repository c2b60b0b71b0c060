// Takes DMA away from PCI functions: whoever drove them before Basalt may have left it running into memory that is a
// guest's now, and no IOMMU of Basalt's stands between (PCI Local Bus 3.0, 6.2.2; PCI-to-PCI Bridge 1.2, 3.2.4.3).

import { Console } from "../console/console";
import { ConfigurationSpace } from "./configuration-space";

const BUSES: u32 = 256;
const DEVICES: u32 = 32;
const FUNCTIONS: u32 = 8;

// Registers.
const IDENTITY: u32 = 0x00;
const COMMAND: u32 = 0x04;
const CLASS: u32 = 0x08;
const HEADER: u32 = 0x0c;
const BUS_NUMBERS: u32 = 0x18;

const NO_FUNCTION: u32 = 0xffff;
const COMMAND_MASK: u32 = 0xffff;
const BUS_MASTER: u32 = 1 << 2;
const HEADER_TYPE_SHIFT: u32 = 16;
const HEADER_TYPE_MASK: u32 = 0x7f;
const HEADER_MULTIFUNCTION: u32 = 1 << 23;
const HEADER_PCI_BRIDGE: u32 = 1;
const HEADER_CARDBUS_BRIDGE: u32 = 2;
const SECONDARY_BUS_SHIFT: u32 = 8;
/** The class code's two upper bytes: base class and sub-class. */
const CLASS_SHIFT: u32 = 16;
const BASE_CLASS_DISPLAY: u32 = 0x03;
// Host and ISA bridges have the bit hard-wired to 1. The first do no DMA of their own; for the second see isa-dma.ts.
const CLASS_HOST_BRIDGE: u32 = 0x0600;
const CLASS_ISA_BRIDGE: u32 = 0x0601;

// What is known of a bus.
const BUS_UNKNOWN: u8 = 0;
const BUS_TO_VISIT: u8 = 1;
const BUS_VISITED: u8 = 2;

/** Lines at most about functions that keep bus mastering. */
const SHOWN_FUNCTIONS: u32 = 8;

/** Goes through configuration spaces and counts what it found. */
export class BusMastering {
  functions: u32 = 0;
  switchedOff: u32 = 0;
  /** Display controllers, which keep it: an integrated one fetches the screen's picture from RAM (docs/hardware.md). */
  displays: u32 = 0;
  /** Functions that kept it against the write, host and ISA bridges aside. */
  stuck: u32 = 0;
  private readonly buses: StaticArray<u8> = new StaticArray<u8>(BUSES);

  constructor(readonly console: Console) {}

  /**
   * Switches bus mastering off on every function of `space` on the buses from `first` to `last`: on each of them, or
   * with `followsBridges` on the first one and those behind bridges.
   */
  switchOff(space: ConfigurationSpace, first: u32, last: u32, followsBridges: bool): void {
    for (let bus: u32 = 0; bus < BUSES; bus++) {
      const isWanted = bus == first || (!followsBridges && bus > first && bus <= last);
      this.buses[bus] = isWanted ? BUS_TO_VISIT : bus < first || bus > last ? BUS_VISITED : BUS_UNKNOWN;
    }
    // A bridge may lead to a bus with a lower number; each bus is visited once, so loops of bridges end.
    let isNew = true;
    while (isNew) {
      isNew = false;
      for (let bus: u32 = 0; bus < BUSES; bus++) {
        if (this.buses[bus] != BUS_TO_VISIT) continue;
        this.buses[bus] = BUS_VISITED;
        this.visitBus(space, bus);
        isNew = true;
      }
    }
  }

  private visitBus(space: ConfigurationSpace, bus: u32): void {
    for (let device: u32 = 0; device < DEVICES; device++) {
      if (!hasFunction(space, bus, device, 0)) continue;
      this.visitFunction(space, bus, device, 0);
      if (!(space.read(bus, device, 0, HEADER) & HEADER_MULTIFUNCTION)) continue;
      for (let func: u32 = 1; func < FUNCTIONS; func++) {
        if (hasFunction(space, bus, device, func)) this.visitFunction(space, bus, device, func);
      }
    }
  }

  private visitFunction(space: ConfigurationSpace, bus: u32, device: u32, func: u32): void {
    this.functions++;
    const headerType = (space.read(bus, device, func, HEADER) >> HEADER_TYPE_SHIFT) & HEADER_TYPE_MASK;
    if (headerType == HEADER_PCI_BRIDGE || headerType == HEADER_CARDBUS_BRIDGE) {
      const secondary = (space.read(bus, device, func, BUS_NUMBERS) >> SECONDARY_BUS_SHIFT) & (BUSES - 1);
      if (this.buses[secondary] == BUS_UNKNOWN) this.buses[secondary] = BUS_TO_VISIT;
    }

    const command = space.read(bus, device, func, COMMAND) & COMMAND_MASK;
    if (!(command & BUS_MASTER)) return;
    const classCode = space.read(bus, device, func, CLASS) >> CLASS_SHIFT;
    if (classCode >> 8 == BASE_CLASS_DISPLAY) {
      this.displays++;
      return;
    }
    // The status register in the upper half is cleared by ones: zeroes leave it alone.
    space.write(bus, device, func, COMMAND, command & ~BUS_MASTER);
    if (!(space.read(bus, device, func, COMMAND) & BUS_MASTER)) {
      this.switchedOff++;
    } else if (classCode != CLASS_HOST_BRIDGE && classCode != CLASS_ISA_BRIDGE) {
      if (this.stuck++ < SHOWN_FUNCTIONS) this.sayStuck(space, bus, device, func, classCode);
    }
  }

  private sayStuck(space: ConfigurationSpace, bus: u32, device: u32, func: u32, classCode: u32): void {
    const identity = space.read(bus, device, func, IDENTITY);
    const line = this.console.warning().text("PCI: bus mastering of segment ").decimal(space.segment).text(" bus ");
    line.hex(bus, 2).text(" device ").hex(device, 2).text(" function ").decimal(func).text(" (").hex(identity, 8);
    line.text(", class ").hex(classCode, 4).text(") cannot be switched off; it may still write to memory").end();
  }
}

function hasFunction(space: ConfigurationSpace, bus: u32, device: u32, func: u32): bool {
  const identity = space.read(bus, device, func, IDENTITY);
  return identity != 0 && (identity & NO_FUNCTION) != NO_FUNCTION;
}
