// The processors that the MADT lists (ACPI 6.5, 5.2.12.2 and 5.2.12.12).

import { X2APIC_BROADCAST, XAPIC_BROADCAST } from "../../x86/apic";
import { Console } from "../console/console";
import { MADT_LOCAL_APIC, MADT_LOCAL_X2APIC, MadtEntries } from "../firmware/madt-entries";
import { Bytes } from "../memory/bytes";
import { ProcessorList } from "./processor-list";

const LOCAL_APIC_BYTES: u32 = 8;
const LOCAL_APIC_ID: u32 = 3;
const LOCAL_APIC_FLAGS: u32 = 4;
const LOCAL_X2APIC_BYTES: u32 = 16;
const LOCAL_X2APIC_ID: u32 = 4;
const LOCAL_X2APIC_FLAGS: u32 = 8;
/** The flag "online capable" alone means a socket into which a processor may come. */
const FLAG_ENABLED: u32 = 1 << 0;

/**
 * Offers the MADT's enabled processors to `list`. False, with a warning, where the table's checksum is wrong: none is offered
 * then.
 */
export function offerMadtProcessors(madt: Bytes, list: ProcessorList, console: Console): bool {
  if (madt.sum() != 0) {
    console.warning().text("the MADT's checksum is wrong, so the processors are looked for in the MP table").end();
    return false;
  }
  const entries = new MadtEntries(madt);
  while (entries.next()) {
    const isX2apic = entries.type == MADT_LOCAL_X2APIC;
    if (!isX2apic && entries.type != MADT_LOCAL_APIC) continue;
    const needed = isX2apic ? LOCAL_X2APIC_BYTES : LOCAL_APIC_BYTES;
    if (entries.bytes < needed) {
      entries.isCutOff = true;
      break;
    }
    const flags = madt.u32(entries.at + (isX2apic ? LOCAL_X2APIC_FLAGS : LOCAL_APIC_FLAGS));
    if (flags & FLAG_ENABLED) list.offer(isX2apic ? madt.u32(entries.at + LOCAL_X2APIC_ID) : shortId(madt, entries.at));
  }
  if (entries.isCutOff) {
    console.warning().text("the MADT has an entry of the impossible length ").decimal(entries.bytes);
    console.text("; processors behind it stay unused").end();
  }
  return true;
}

function shortId(madt: Bytes, at: u32): u32 {
  const id = madt.u8(at + LOCAL_APIC_ID);
  return id == XAPIC_BROADCAST ? X2APIC_BROADCAST : id;
}
