// Which processors the machine has: by the MADT, else by the MP table, else the one that Basalt runs on.

import { Console } from "../console/console";
import { AcpiTables } from "../firmware/acpi-tables";
import { APIC_MODE_NAMES } from "../interrupts/local-apic";
import { offerMadtProcessors } from "./madt";
import { offerMpTableProcessors } from "./mp-table";
import { ProcessorList } from "./processor-list";
import { MAX_CPUS } from "./shared-words";

/**
 * The usable processors; the first is this one, whose local APIC has the ID `bootApicId` and is in `mode`. What firmware tells
 * and Basalt cannot use is said by warnings.
 */
export function findProcessors(tables: AcpiTables, mode: u32, bootApicId: u32, console: Console): ProcessorList {
  const list = new ProcessorList(mode, bootApicId);
  const madt = tables.copy("APIC");
  let source = "";
  if (madt && offerMadtProcessors(madt, list, console)) source = "MADT";
  else if (offerMpTableProcessors(list, console)) source = "MP table";
  if (source == "") {
    console
      .info()
      .text("neither a MADT nor an MP table lists the processors; Basalt uses the boot processor alone")
      .end();
    return list;
  }

  if (!list.hasBootProcessor) {
    console.warning().text("the ").text(source).text(" does not list the boot processor, APIC ID ").hex(bootApicId);
    console.text(", which is used all the same").end();
  }
  if (list.unreachable != 0) {
    console.warning().decimal(list.unreachable).text(" processors of the ").text(source).text(" stay unused: APIC ID ");
    console.hex(list.firstUnreachable).text(" cannot be addressed in ").text(APIC_MODE_NAMES[mode]).text(" mode").end();
  }
  if (list.unused != 0) {
    console.warning().decimal(list.unused).text(" processors stay unused: Basalt uses ").decimal(MAX_CPUS);
    console.text(" at most").end();
  }
  console.debug().decimal(list.count).text(" processors, by the ").text(source).end();
  return list;
}
