// I/O APICs: every line that firmware left open is masked (Intel 82093AA data sheet; ACPI 6.5, 5.2.12 "MADT").

import {
  DELIVERY_MODE_MASK,
  DELIVERY_MODE_SMI,
  INTERRUPT_MASKED,
  IO_APIC_DATA,
  IO_APIC_REDIRECTION,
  IO_APIC_SELECT,
  IO_APIC_VERSION,
  IO_APIC_VERSION_MAX_ENTRY_MASK,
  IO_APIC_VERSION_MAX_ENTRY_SHIFT,
} from "../../x86/apic";
import { PAGE_SIZE_4_KIB } from "../../x86/paging";
import { Console } from "../console/console";
import { MADT_IO_APIC, MadtEntries } from "../firmware/madt-entries";
import { readDevice32, writeDevice32 } from "../hardware";
import { Bytes } from "../memory/bytes";
import { isRam, PhysicalMemory } from "../memory/physical-memory";

const IO_APIC_ENTRY_BYTES: u32 = 12;
/** A register's number has 8 bits: 16 and twice 119, and one more for the high half. */
const LAST_LINE: u32 = 119;
const NO_DEVICE: u32 = 0xffffffff;
/** Its two registers lie 16 bytes apart, within a page. */
const ALIGNMENT_MASK: u64 = 0xf;

/** Masks the lines of each I/O APIC that the MADT names, where that is not RAM: `memory` is what is free of it. */
export function maskIoApics(madt: Bytes, memory: PhysicalMemory, console: Console): void {
  const entries = new MadtEntries(madt);
  while (entries.next()) {
    if (entries.type != MADT_IO_APIC || entries.bytes < IO_APIC_ENTRY_BYTES) continue;
    const address = <u64>madt.u32(entries.at + 4);
    if (address == 0 || address & ALIGNMENT_MASK || isRam(address, PAGE_SIZE_4_KIB, memory)) {
      console.warning().text("the MADT has an I/O APIC at the impossible place ").hex(address, 8);
      console.text("; its lines stay as they are").end();
    } else {
      maskLines(address, console);
    }
  }
  if (entries.isCutOff) {
    console.warning().text("the MADT ends in the middle of an entry; I/O APICs behind it stay as they are").end();
  }
}

function maskLines(address: u64, console: Console): void {
  const version = register(address, IO_APIC_VERSION);
  if (version == NO_DEVICE) {
    console.warning().text("no I/O APIC answers at ").hex(address, 8).text(", where the MADT has one").end();
    return;
  }
  const last = min((version >> IO_APIC_VERSION_MAX_ENTRY_SHIFT) & IO_APIC_VERSION_MAX_ENTRY_MASK, LAST_LINE);
  let wereOpen: u32 = 0;
  for (let line: u32 = 0; line <= last; line++) {
    const entry = register(address, IO_APIC_REDIRECTION + 2 * line);
    // An SMI is firmware's own, and comes to no code of Basalt's.
    if (entry & INTERRUPT_MASKED || (entry & DELIVERY_MODE_MASK) == DELIVERY_MODE_SMI) continue;
    writeDevice32(address + IO_APIC_DATA, entry | INTERRUPT_MASKED);
    wereOpen++;
  }
  console
    .debug()
    .text("I/O APIC at ")
    .hex(address, 8)
    .text(": ")
    .decimal(last + 1)
    .text(" lines, ")
    .decimal(wereOpen);
  console.text(" were open").end();
}

/** Chooses a register and reads it; it stays chosen. */
function register(address: u64, number: u32): u32 {
  writeDevice32(address + IO_APIC_SELECT, number);
  return readDevice32(address + IO_APIC_DATA);
}
