// The segment groups of PCI: segment 0 by configuration mechanism 1, what ACPI's MCFG names besides by the enhanced
// mechanism (PCI Firmware 3.2, 4.1.2).

import { Console } from "../console/console";
import { Bytes } from "../memory/bytes";
import { isRam, PhysicalMemory } from "../memory/physical-memory";
import { BusMastering } from "./bus-mastering";
import { ConfigurationSpace, hasConfigurationMechanism1 } from "./configuration-space";

const FIRST_ALLOCATION: u32 = 44;
const ALLOCATION_BYTES: u32 = 16;
const LAST_BUS: u32 = 255;
const BUS_BYTES_SHIFT: u32 = 20;

/**
 * Switches bus mastering off on every function of every segment but display controllers, and says how many there were.
 * `mcfg` is null where ACPI has none; `followsBridges` as in BusMastering; `memory` is free RAM, where no registers are.
 */
export function silencePci(
  mcfg: Bytes | null,
  addressBits: u32,
  followsBridges: bool,
  memory: PhysicalMemory,
  console: Console,
): void {
  const scan = new BusMastering(console);
  const hasMechanism1 = hasConfigurationMechanism1();
  if (hasMechanism1) scan.switchOff(new ConfigurationSpace(0, 0), 0, LAST_BUS, followsBridges);
  const enhanced = mcfg ? switchOffEnhanced(mcfg, addressBits, hasMechanism1, followsBridges, memory, scan) : 0;
  if (hasMechanism1 || enhanced != 0) report(scan, console);
  else console.info().text("PCI: none found").end();
}

/** The segments of the MCFG, less segment 0 where that is `done`; returns how many there were. */
function switchOffEnhanced(
  mcfg: Bytes,
  addressBits: u32,
  done: bool,
  followsBridges: bool,
  memory: PhysicalMemory,
  scan: BusMastering,
): u32 {
  let count: u32 = 0;
  for (let at = FIRST_ALLOCATION; at + ALLOCATION_BYTES <= mcfg.length; at += ALLOCATION_BYTES) {
    const base = mcfg.u64(at);
    const segment = mcfg.u32(at + 8) & 0xffff;
    const first = mcfg.u8(at + 10);
    const last = mcfg.u8(at + 11);
    if (segment == 0 && done) continue;
    const end = base + ((<u64>last + 1) << BUS_BYTES_SHIFT);
    const isBeyond = end < base || end > (<u64>1) << addressBits;
    if (base == 0 || base & 0xfffff || isBeyond || last < first || isRam(base, end - base, memory)) {
      scan.console.warning().text("PCI: the MCFG has segment ").decimal(segment).text(" at the impossible place ");
      scan.console.hex(base, 16).text("; its functions keep bus mastering").end();
      continue;
    }
    scan.switchOff(new ConfigurationSpace(segment, base), first, last, followsBridges);
    count++;
  }
  return count;
}

function report(scan: BusMastering, console: Console): void {
  console.info().text("PCI: ").decimal(scan.functions).text(" functions, bus mastering switched off on ");
  console.decimal(scan.switchedOff);
  if (scan.displays != 0) {
    console.text(", left on for ").decimal(scan.displays);
    console.text(scan.displays == 1 ? " display controller" : " display controllers");
  }
  if (scan.stuck != 0) console.text(", still on at ").decimal(scan.stuck);
  console.end();
}
