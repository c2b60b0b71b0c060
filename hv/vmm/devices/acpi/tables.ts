// The ACPI tables (ACPI 6.4, section 5.2) in guest RAM, from the RSDP on; the MCFG is of the PCI Firmware Specification 3.3, 4.1.2.

import { Ram, RAM_OK } from "../../memory/ram";
import { ECAM_START } from "../pci/host";
import { DSDT } from "./dsdt";
import { FACS_BYTES, FADT_BYTES, writeFacs, writeFadt } from "./fadt";
import { MADT_BYTES, writeMadt } from "./madt";
import { HEADER_BYTES, TableWriter } from "./table-writer";

export const ACPI_OK: u32 = 0;
/** The address is no multiple of ACPI_ALIGNMENT, or not below 4 GiB. */
export const ACPI_WRONG_ADDRESS: u32 = 1;
/** Some of the tables would lie outside RAM. */
export const ACPI_OUT_OF_RANGE: u32 = 2;

/** The FACS asks for it. */
export const ACPI_ALIGNMENT: u64 = 64;
/** All others begin at multiples of 16. */
const TABLE_PADDING: u64 = 15;

/** "RSD PTR " */
const RSDP_SIGNATURE: u64 = 0x2052545020445352;
const RSDP_REVISION: u32 = 2;
const RSDP_BYTES: u32 = 36;
const RSDP_CHECKSUM: u64 = 8;
const RSDP_EXTENDED_CHECKSUM: u64 = 32;

/** "XSDT" and "MCFG" */
const XSDT_SIGNATURE: u32 = 0x54445358;
const XSDT_REVISION: u8 = 1;
const XSDT_BYTES: u32 = HEADER_BYTES + 3 * 8;
const MCFG_SIGNATURE: u32 = 0x4746434d;
const MCFG_REVISION: u8 = 1;
const MCFG_BYTES: u32 = HEADER_BYTES + 8 + 16;

/** PCI's configuration space: bus 0 only. */
const ECAM_SEGMENT: u32 = 0;
const ECAM_FIRST_BUS: u32 = 0;
const ECAM_LAST_BUS: u32 = 0;

// Where each table is, from the RSDP on.
const FACS_OFFSET: u64 = 64;
const FADT_OFFSET: u64 = FACS_OFFSET + FACS_BYTES;
const MADT_OFFSET: u64 = (FADT_OFFSET + FADT_BYTES + TABLE_PADDING) & ~TABLE_PADDING;
const MCFG_OFFSET: u64 = (MADT_OFFSET + MADT_BYTES + TABLE_PADDING) & ~TABLE_PADDING;
const XSDT_OFFSET: u64 = (MCFG_OFFSET + MCFG_BYTES + TABLE_PADDING) & ~TABLE_PADDING;
const DSDT_OFFSET: u64 = (XSDT_OFFSET + XSDT_BYTES + TABLE_PADDING) & ~TABLE_PADDING;

/** Writes a machine's tables whenever it starts. */
export class AcpiTables {
  private readonly writer: TableWriter;

  constructor(private readonly ram: Ram) {
    this.writer = new TableWriter(ram);
  }

  /** How many bytes the tables have. */
  get bytes(): u64 {
    return DSDT_OFFSET + DSDT.length;
  }

  /** Writes all tables, the RSDP at `address` itself: ACPI_OK, or why there are none. For BIOS' ways it is in [0xe0000, 0xfffff]. */
  write(address: u64): u32 {
    if (address & (ACPI_ALIGNMENT - 1) || address >> 32) return ACPI_WRONG_ADDRESS;
    if (!this.ram.holds(address, this.bytes)) return ACPI_OUT_OF_RANGE;
    const writer = this.writer;
    writer.status = RAM_OK;
    writeFacs(writer, address + FACS_OFFSET);
    writeFadt(writer, address + FADT_OFFSET, <u32>(address + FACS_OFFSET), <u32>(address + DSDT_OFFSET));
    writeMadt(writer, address + MADT_OFFSET);
    this.writeMcfg(address + MCFG_OFFSET);
    this.writeXsdt(address);
    this.writeRsdp(address);
    const status = this.ram.write(address + DSDT_OFFSET, DSDT);
    return writer.status == RAM_OK && status == RAM_OK ? ACPI_OK : ACPI_OUT_OF_RANGE;
  }

  private writeMcfg(address: u64): void {
    const writer = this.writer;
    writer.startTable(address, MCFG_SIGNATURE, MCFG_REVISION);
    writer.put64(0);
    writer.put64(ECAM_START);
    writer.put16(ECAM_SEGMENT);
    writer.put8(ECAM_FIRST_BUS);
    writer.put8(ECAM_LAST_BUS);
    writer.put32(0);
    writer.endTable();
  }

  private writeXsdt(rsdp: u64): void {
    const writer = this.writer;
    writer.startTable(rsdp + XSDT_OFFSET, XSDT_SIGNATURE, XSDT_REVISION);
    writer.put64(rsdp + FADT_OFFSET);
    writer.put64(rsdp + MADT_OFFSET);
    writer.put64(rsdp + MCFG_OFFSET);
    writer.endTable();
  }

  /** Without an RSDT: every system for 64-bit processors takes the XSDT. */
  private writeRsdp(address: u64): void {
    const writer = this.writer;
    writer.startAt(address);
    writer.put64(RSDP_SIGNATURE);
    writer.put8(0);
    writer.putOem();
    writer.put8(RSDP_REVISION);
    writer.put32(0);
    // The first checksum is that of the fields so far, which the second one counts too.
    writer.putChecksum(RSDP_CHECKSUM);
    writer.put32(RSDP_BYTES);
    writer.put64(address + XSDT_OFFSET);
    writer.put32(0);
    writer.putChecksum(RSDP_EXTENDED_CHECKSUM);
  }
}
