// Where ACPI's soft-off is: PM1a_CNT and PM1b_CNT from the FADT, the value for S5 from the DSDT (ACPI 6.5, 4.8.3.2,
// 5.2.9, 7.4.2.6). Basalt has no AML interpreter: the object \_S5 is found by its bytes, as boot loaders do.

import { Bytes } from "../memory/bytes";

const SLP_EN: u32 = 1 << 13;
const SLP_TYP_SHIFT: u32 = 10;
const HEADER_BYTES: u32 = 36;
/** Of a longer DSDT only the start is searched: core's heap holds no more. */
const MAXIMUM_TABLE_BYTES: u32 = 512 << 10;
const FADT_DSDT: u32 = 40;
const FADT_PM1A_CONTROL: u32 = 64;
const FADT_PM1B_CONTROL: u32 = 68;
const FADT_X_DSDT: u32 = 140;

// AML encodings (ACPI 6.5, 20.3): NameOp NameString DefPackage of small integers.
const AML_PACKAGE: u32 = 0x12;
const AML_BYTE_PREFIX: u32 = 0x0a;
/** "_S5_", PackageOp, PkgLength, NumElements and two elements of one byte each. */
const MINIMUM_S5_BYTES: u32 = 9;
const AML_ZERO: u32 = 0x00;
const AML_ONE: u32 = 0x01;

/** The two ports of soft-off and what to write to them; port 0 where there is none. */
export class PowerOff {
  pm1aPort: u32 = 0;
  pm1aValue: u32 = 0;
  pm1bPort: u32 = 0;
  pm1bValue: u32 = 0;

  /** Looks it up by the ACPI root pointer's structure; returns what was not found, "" where all was. */
  find(rsdp: Bytes): string {
    if (!rsdp.holds(0, "RSD PTR ")) return "the root pointer has no signature";
    // Revision 2 and later have the 64-bit XSDT; the 20-byte structure of older firmwares only the RSDT.
    const hasXsdt = rsdp.u8(15) >= 2 && rsdp.length >= 36 && rsdp.u64(24) != 0;
    const root = table(hasXsdt ? rsdp.u64(24) : <u64>rsdp.u32(16), hasXsdt ? "XSDT" : "RSDT");
    if (!root)
      return hasXsdt ? "the XSDT is not where the root pointer says" : "the RSDT is not where the root pointer says";
    const entryBytes: u32 = hasXsdt ? 8 : 4;
    for (let at = HEADER_BYTES; at + entryBytes <= root.length; at += entryBytes) {
      const fadt = table(hasXsdt ? root.u64(at) : <u64>root.u32(at), "FACP");
      if (fadt) return this.readFadt(fadt);
    }
    return "there is no FADT";
  }

  private readFadt(fadt: Bytes): string {
    const hasXDsdt = fadt.length >= FADT_X_DSDT + 8 && fadt.u64(FADT_X_DSDT) != 0;
    const dsdt = table(hasXDsdt ? fadt.u64(FADT_X_DSDT) : <u64>fadt.u32(FADT_DSDT), "DSDT");
    if (!dsdt) return "the DSDT is not where the FADT says";
    const values = sleepTypeOfS5(dsdt);
    if (values < 0) return "the DSDT has no \\_S5 of two small integers";
    this.pm1aPort = fadt.u32(FADT_PM1A_CONTROL) & 0xffff;
    this.pm1bPort = fadt.u32(FADT_PM1B_CONTROL) & 0xffff;
    this.pm1aValue = (((<u32>values) & 7) << SLP_TYP_SHIFT) | SLP_EN;
    this.pm1bValue = ((((<u32>values) >> 8) & 7) << SLP_TYP_SHIFT) | SLP_EN;
    return this.pm1aPort != 0 ? "" : "the FADT has no PM1a_CNT port";
  }
}

/** Copies the ACPI table at `address`; null where it is not the one that `signature` names. */
function table(address: u64, signature: string): Bytes | null {
  const header = Bytes.ofPhysical(address, HEADER_BYTES);
  if (!header || !header.holds(0, signature)) return null;
  const length = header.u32(4);
  return length < HEADER_BYTES ? null : Bytes.ofPhysical(address, min(length, MAXIMUM_TABLE_BYTES));
}

/** SLP_TYPa in bits 7:0 and SLP_TYPb in bits 15:8 of \_S5, or -1. */
function sleepTypeOfS5(dsdt: Bytes): i32 {
  for (let at = HEADER_BYTES; at + MINIMUM_S5_BYTES <= dsdt.length; at++) {
    if (!dsdt.holds(at, "_S5_") || dsdt.u8(at + 4) != AML_PACKAGE) continue;
    // PkgLength: the top two bits of its first byte say how many more bytes it has; NumElements follows.
    const elements = at + 5 + (dsdt.u8(at + 5) >> 6) + 1;
    if (dsdt.u8(elements) < 2) continue;
    const first = integer(dsdt, elements + 1);
    const second = integer(dsdt, elements + 1 + (first >> 8));
    if (first < 0 || second < 0) continue;
    return (first & 0xff) | ((second & 0xff) << 8);
  }
  return -1;
}

/** A small AML integer: its value in bits 7:0 and the bytes it takes in bits 15:8; -1 for anything else. */
function integer(aml: Bytes, at: u32): i32 {
  const operation = aml.u8(at);
  if (operation == AML_ZERO || operation == AML_ONE) return (1 << 8) | operation;
  return operation == AML_BYTE_PREFIX ? (2 << 8) | aml.u8(at + 1) : -1;
}
