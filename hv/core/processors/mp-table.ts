// The processors that the MP table of older firmware lists (Intel MultiProcessor Specification 1.4, chapters 4 and 5).

import { X2APIC_BROADCAST, XAPIC_BROADCAST } from "../../x86/apic";
import { Console } from "../console/console";
import { baseMemoryEnd, extendedBiosDataArea } from "../firmware/bios-data-area";
import { Bytes } from "../memory/bytes";
import { ProcessorList } from "./processor-list";

// The floating pointer structure (4.1).
const POINTER_BYTES: u32 = 16;
const POINTER_TABLE: u32 = 4;
/** Its length in units of 16 bytes: 1. */
const POINTER_LENGTH: u32 = 8;
/** Feature byte 1: 0, or the number of a default configuration, which needs no table (chapter 5). */
const POINTER_DEFAULT_CONFIGURATION: u32 = 11;

// The configuration table's header (4.2).
const HEADER_BYTES: u32 = 44;
const TABLE_LENGTH: u32 = 4;
const TABLE_ENTRY_COUNT: u32 = 34;

// Its entries (4.3): all but processors have the same length.
const ENTRY_PROCESSOR: u32 = 0;
const LAST_ENTRY_TYPE: u32 = 4;
const PROCESSOR_BYTES: u32 = 20;
const OTHER_BYTES: u32 = 8;
const PROCESSOR_APIC_ID: u32 = 1;
const PROCESSOR_FLAGS: u32 = 3;
const FLAG_ENABLED: u32 = 1 << 0;

const KIB: u32 = 1024;
const ROM_START: u64 = 0xf0000;
const ROM_KIB: u32 = 64;

/** Offers the MP table's enabled processors to `list`. False where there is no MP table, or none that makes sense: then warns. */
export function offerMpTableProcessors(list: ProcessorList, console: Console): bool {
  const pointer = findPointer();
  if (!pointer) return false;
  if (pointer.u8(POINTER_DEFAULT_CONFIGURATION) != 0) {
    list.offer(0);
    list.offer(1);
    return true;
  }
  const address = <u64>pointer.u32(POINTER_TABLE);
  const table = configurationTable(address);
  if (table) {
    offerEntries(table, list, console);
    return true;
  }
  console.warning().text("the MP table at ").hex(address, 8);
  console.text(" has a wrong signature, length or checksum, so its processors stay unused").end();
  return false;
}

/** The first floating pointer structure that is whole, in the specification's order; null where there is none. */
function findPointer(): Bytes | null {
  const bytes = new Bytes(KIB);
  const ebda = extendedBiosDataArea();
  let found: Bytes | null = null;
  if (ebda != 0) found = pointerIn(ebda, bytes);
  if (!found) found = pointerIn(baseMemoryEnd() - KIB, bytes);
  for (let kib: u32 = 0; kib < ROM_KIB && !found; kib++) found = pointerIn(ROM_START + kib * KIB, bytes);
  return found;
}

function pointerIn(start: u64, bytes: Bytes): Bytes | null {
  if (!bytes.readPhysical(start, KIB)) return null;
  for (let at: u32 = 0; at < KIB; at += POINTER_BYTES) {
    if (!bytes.holds(at, "_MP_") || bytes.u8(at + POINTER_LENGTH) != 1) continue;
    const pointer = new Bytes(POINTER_BYTES);
    pointer.copy(bytes, at);
    if (pointer.sum() == 0) return pointer;
  }
  return null;
}

function configurationTable(address: u64): Bytes | null {
  const header = Bytes.ofPhysical(address, HEADER_BYTES);
  if (!header || !header.holds(0, "PCMP") || header.u16(TABLE_LENGTH) < HEADER_BYTES) return null;
  const table = Bytes.ofPhysical(address, header.u16(TABLE_LENGTH));
  return table && table.sum() == 0 ? table : null;
}

function offerEntries(table: Bytes, list: ProcessorList, console: Console): void {
  let at = HEADER_BYTES;
  for (let rest = table.u16(TABLE_ENTRY_COUNT); rest > 0; rest--) {
    const type = table.u8(at);
    const bytes = type == ENTRY_PROCESSOR ? PROCESSOR_BYTES : OTHER_BYTES;
    if (type > LAST_ENTRY_TYPE || at + bytes > table.length) {
      console.warning().text("the MP table ends before its last ").decimal(rest);
      console.text(" entries; processors among them stay unused").end();
      return;
    }
    if (type == ENTRY_PROCESSOR && table.u8(at + PROCESSOR_FLAGS) & FLAG_ENABLED) {
      const id = table.u8(at + PROCESSOR_APIC_ID);
      list.offer(id == XAPIC_BROADCAST ? X2APIC_BROADCAST : id);
    }
    at += bytes;
  }
}
