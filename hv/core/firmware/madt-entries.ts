// The MADT's entries, one after the other (ACPI 6.5, 5.2.12).

import { Bytes } from "../memory/bytes";

/** The types of entries that Basalt reads (table 5.21). */
export const MADT_LOCAL_APIC: u32 = 0;
export const MADT_IO_APIC: u32 = 1;
export const MADT_LOCAL_X2APIC: u32 = 9;

const FIRST_ENTRY: u32 = 44;
/** The type and the length, which begin every entry. */
const ENTRY_HEAD_BYTES: u32 = 2;

/** A walk of the MADT: `while (entries.next())`, and then `type`, `at` and `bytes` describe an entry. */
export class MadtEntries {
  type: u32 = 0;
  /** The entry's offset in the table. */
  at: u32 = FIRST_ENTRY;
  /** The entry's length, head included: 2 at least, and within the table. */
  bytes: u32 = 0;
  /** The walk ended at an entry of an impossible length, not at the table's end. */
  isCutOff: bool = false;

  constructor(private readonly madt: Bytes) {}

  /** Goes to the next entry; false behind the last one. */
  next(): bool {
    const madt = this.madt;
    this.at += this.bytes;
    if (this.at + ENTRY_HEAD_BYTES > madt.length) return false;
    this.type = madt.u8(this.at);
    this.bytes = madt.u8(this.at + 1);
    this.isCutOff = this.bytes < ENTRY_HEAD_BYTES || this.at + this.bytes > madt.length;
    return !this.isCutOff;
  }
}
