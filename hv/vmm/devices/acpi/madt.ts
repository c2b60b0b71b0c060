// The MADT (ACPI 6.4, section 5.2.12): one processor's local APIC, the I/O APIC, and where ISA's interrupts lead.

import { IO_APIC_ADDRESS } from "../io-apic";
import { LOCAL_APIC_ADDRESS } from "../local-apic/apic-base";
import { SCI_IRQ } from "./fadt";
import { HEADER_BYTES, TableWriter } from "./table-writer";

/** "APIC" */
const SIGNATURE: u32 = 0x43495041;
const REVISION: u8 = 5;
/** The machine has two 8259s, too. */
const PCAT_COMPAT: u32 = 1;

// Interrupt controller structures: type and length.
const LOCAL_APIC: u32 = 0;
const LOCAL_APIC_BYTES: u32 = 8;
const IO_APIC: u32 = 1;
const IO_APIC_STRUCTURE_BYTES: u32 = 12;
const SOURCE_OVERRIDE: u32 = 2;
const SOURCE_OVERRIDE_BYTES: u32 = 10;
const LOCAL_APIC_NMI: u32 = 4;
const LOCAL_APIC_NMI_BYTES: u32 = 6;
/** Of all fields and structures behind the header. */
const BODY_BYTES: u32 =
  8 + LOCAL_APIC_BYTES + IO_APIC_STRUCTURE_BYTES + 2 * SOURCE_OVERRIDE_BYTES + LOCAL_APIC_NMI_BYTES;
export const MADT_BYTES: u32 = HEADER_BYTES + BODY_BYTES;

const ENABLED: u32 = 1;
const ALL_PROCESSORS: u32 = 0xff;
const NMI_LINT: u32 = 1;

const TIMER_IRQ: u32 = 0;
/** The I/O APIC's input of the timer. */
const TIMER_GSI: u32 = 2;

// MPS INTI flags (table 5.26).
const ACTIVE_HIGH: u32 = 1;
const EDGE: u32 = 1 << 2;
const LEVEL: u32 = 3 << 2;

export function writeMadt(writer: TableWriter, address: u64): void {
  writer.startTable(address, SIGNATURE, REVISION);
  writer.put32(<u32>LOCAL_APIC_ADDRESS);
  writer.put32(PCAT_COMPAT);

  // Processor UID 0 and APIC ID 0.
  putStructure(writer, LOCAL_APIC, LOCAL_APIC_BYTES);
  writer.put16(0);
  writer.put32(ENABLED);

  // I/O APIC ID 0, whose first input is GSI 0.
  putStructure(writer, IO_APIC, IO_APIC_STRUCTURE_BYTES);
  writer.put16(0);
  writer.put32(IO_APIC_ADDRESS);
  writer.put32(0);

  putOverride(writer, TIMER_IRQ, TIMER_GSI, ACTIVE_HIGH | EDGE);
  putOverride(writer, SCI_IRQ, SCI_IRQ, ACTIVE_HIGH | LEVEL);

  putStructure(writer, LOCAL_APIC_NMI, LOCAL_APIC_NMI_BYTES);
  writer.put8(ALL_PROCESSORS);
  writer.put16(0);
  writer.put8(NMI_LINT);
  writer.endTable();
}

/** Of the ISA bus, number 0. */
function putOverride(writer: TableWriter, irq: u32, gsi: u32, flags: u32): void {
  putStructure(writer, SOURCE_OVERRIDE, SOURCE_OVERRIDE_BYTES);
  writer.put8(0);
  writer.put8(irq);
  writer.put32(gsi);
  writer.put16(flags);
}

function putStructure(writer: TableWriter, type: u32, bytes: u32): void {
  writer.put8(type);
  writer.put8(bytes);
}
