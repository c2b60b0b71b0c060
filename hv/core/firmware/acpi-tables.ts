// ACPI's tables, from the root pointer on (ACPI 6.5, 5.2.5 to 5.2.8).

import { Bytes } from "../memory/bytes";

/** Of every system description table. */
export const TABLE_HEADER_BYTES: u32 = 36;
const TABLE_LENGTH: u32 = 4;
const ROOT_REVISION: u32 = 15;
const ROOT_RSDT: u32 = 16;
const ROOT_XSDT: u32 = 24;
/** Of the root pointer's structure from revision 2 on. */
const ROOT_BYTES: u32 = 36;
/** A table that Basalt copies whole is far shorter; the DSDT and the SSDTs are searched where they lie. */
const MAXIMUM_COPIED_BYTES: u32 = 64 << 10;

/** Where a table is, and how long it says that it is, header included. */
export class TableLocation {
  constructor(
    readonly address: u64,
    readonly bytes: u32,
  ) {}
}

/** The tables that the root pointer leads to. */
export class AcpiTables {
  /** Why there are none; "" where there are. */
  problem: string = "";
  private root: Bytes | null = null;
  /** Of an entry of the root table: 8 for the XSDT, 4 for the RSDT. */
  private entryBytes: u32 = 8;
  private readonly header: Bytes = new Bytes(TABLE_HEADER_BYTES);

  constructor(rsdp: Bytes | null) {
    if (!rsdp) this.problem = "the boot loader passed no ACPI root pointer";
    else if (!rsdp.holds(0, "RSD PTR ")) this.problem = "the root pointer has no signature";
    else this.problem = this.readRoot(rsdp);
  }

  private readRoot(rsdp: Bytes): string {
    // Revision 2 and later have the 64-bit XSDT; the 20-byte structure of older firmwares only the RSDT.
    const hasXsdt = rsdp.u8(ROOT_REVISION) >= 2 && rsdp.length >= ROOT_BYTES && rsdp.u64(ROOT_XSDT) != 0;
    const name = hasXsdt ? "XSDT" : "RSDT";
    this.entryBytes = hasXsdt ? 8 : 4;
    this.root = copyTable(this.at(hasXsdt ? rsdp.u64(ROOT_XSDT) : <u64>rsdp.u32(ROOT_RSDT), name));
    return this.root ? "" : "the " + name + " is not where the root pointer says";
  }

  /** The `index`th table (from 0 on) with `signature`, four letters; null where there are not so many. */
  find(signature: string, index: u32 = 0): TableLocation | null {
    const root = this.root;
    if (!root) return null;
    const bytes = this.entryBytes;
    for (let at = TABLE_HEADER_BYTES; at + bytes <= root.length; at += bytes) {
      const table = this.at(bytes == 8 ? root.u64(at) : <u64>root.u32(at), signature);
      if (table && index-- == 0) return table;
    }
    return null;
  }

  /** A copy of the first table with `signature`; null where there is none. */
  copy(signature: string): Bytes | null {
    return copyTable(this.find(signature));
  }

  /** The table at `address`; null where that is not the one that `signature` names. */
  at(address: u64, signature: string): TableLocation | null {
    const header = this.header;
    if (!header.readPhysical(address, TABLE_HEADER_BYTES) || !header.holds(0, signature)) return null;
    const length = header.u32(TABLE_LENGTH);
    return length < TABLE_HEADER_BYTES ? null : new TableLocation(address, length);
  }
}

function copyTable(table: TableLocation | null): Bytes | null {
  return table ? Bytes.ofPhysical(table.address, min(table.bytes, MAXIMUM_COPIED_BYTES)) : null;
}
