// The sleep types of ACPI's soft-off: the object \_S5, found by its bytes in the DSDT or an SSDT (ACPI 6.5, 7.4.2.6).
// Basalt has no AML interpreter; boot loaders do the same.

import { Bytes } from "../memory/bytes";
import { AcpiTables, TABLE_HEADER_BYTES, TableLocation } from "./acpi-tables";

// AML encodings (ACPI 6.5, 20.3): NameOp NameString DefPackage of small integers.
const AML_PACKAGE: u32 = 0x12;
const AML_BYTE_PREFIX: u32 = 0x0a;
const AML_ZERO: u32 = 0x00;
const AML_ONE: u32 = 0x01;
/** "_S5_", PackageOp, PkgLength of up to 4 bytes, NumElements and two elements of up to two bytes. */
const MAXIMUM_S5_BYTES: u32 = 14;

/** Firmware's tables have some hundred KiB; of a table that claims more than this, the start is searched. */
const MAXIMUM_SEARCHED_BYTES: u32 = 1 << 20;
const MAXIMUM_SSDTS: u32 = 64;
const PIECE_BYTES: u32 = 4096;

/** SLP_TYPa in bits 7:0 and SLP_TYPb in bits 15:8, or -1 where neither the DSDT nor an SSDT has them. */
export function findSleepType(dsdt: TableLocation, tables: AcpiTables): i32 {
  const piece = new Bytes(PIECE_BYTES);
  let types = search(dsdt, piece);
  for (let i: u32 = 0; i < MAXIMUM_SSDTS && types < 0; i++) {
    const ssdt = tables.find("SSDT", i);
    if (!ssdt) break;
    types = search(ssdt, piece);
  }
  return types;
}

/** Piece by piece, each with the last bytes of the one before it. */
function search(table: TableLocation, piece: Bytes): i32 {
  const end = min(table.bytes, MAXIMUM_SEARCHED_BYTES);
  for (let from = TABLE_HEADER_BYTES; from < end; from += PIECE_BYTES - MAXIMUM_S5_BYTES) {
    const bytes = min(end - from, PIECE_BYTES);
    if (!piece.readPhysical(table.address + from, bytes)) return -1;
    for (let at: u32 = 0; at < bytes; at++) {
      const types = piece.u8(at) == 0x5f ? sleepTypesAt(piece, at, bytes) : -1;
      if (types >= 0) return types;
    }
  }
  return -1;
}

/** Of the `end` first bytes of `aml`, the object at `at`; -1 where there is none, or where it is cut off. */
function sleepTypesAt(aml: Bytes, at: u32, end: u32): i32 {
  if (!aml.holds(at, "_S5_") || aml.u8(at + 4) != AML_PACKAGE) return -1;
  // PkgLength: the top two bits of its first byte say how many more bytes it has; NumElements follows.
  const elements = at + 6 + (aml.u8(at + 5) >> 6);
  if (aml.u8(elements) < 2) return -1;
  const first = integer(aml, elements + 1);
  const second = integer(aml, elements + 1 + (first >> 8));
  if (first < 0 || second < 0 || elements + 1 + (first >> 8) + (second >> 8) > end) return -1;
  return (first & 0xff) | ((second & 0xff) << 8);
}

/** A small AML integer: its value in bits 7:0 and the bytes it takes in bits 15:8; -1 for anything else. */
function integer(aml: Bytes, at: u32): i32 {
  const operation = aml.u8(at);
  if (operation == AML_ZERO || operation == AML_ONE) return (1 << 8) | operation;
  return operation == AML_BYTE_PREFIX ? (2 << 8) | aml.u8(at + 1) : -1;
}
