// Takes the machine over from firmware and boot loader: what they left running stops, and how to end is found.

import { CPUID_1_ECX_HYPERVISOR, CPUID_LEAF_FEATURES } from "../../x86/cpuid";
import { PAGE_SIZE_4_KIB } from "../../x86/paging";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import { maskIoApics } from "../interrupts/io-apics";
import { maskLegacyControllers } from "../interrupts/legacy-controllers";
import { APIC_ABSENT, APIC_MODE_NAMES, APIC_XAPIC, LocalApic } from "../interrupts/local-apic";
import { PhysicalMemory } from "../memory/physical-memory";
import { maskIsaDma } from "../pci/isa-dma";
import { silencePci } from "../pci/segments";
import { AcpiTables } from "./acpi-tables";

/**
 * Before any free RAM is used: DMA and interrupts that firmware's drivers left on are switched off. The local APIC, whose timer
 * runs now.
 */
export function silenceMachine(console: Console, tables: AcpiTables, memory: PhysicalMemory): LocalApic {
  const cpuid = new Cpuid();
  const bits = cpuid.maximumPhysicalAddress();
  cpuid.read(CPUID_LEAF_FEATURES, 0);
  // A PC may have root buses that no bridge leads to, and 8,192 reads find them. Under a hypervisor each
  // read is a VM exit, and there the buses are those that bridges lead to.
  const followsBridges = (cpuid.ecx & CPUID_1_ECX_HYPERVISOR) != 0;
  silencePci(tables.copy("MCFG"), bits, followsBridges, memory, console);
  maskIsaDma();

  maskLegacyControllers();
  const madt = tables.copy("APIC");
  if (madt) maskIoApics(madt, memory, console);
  const apic = new LocalApic(cpuid);
  if (apic.mode == APIC_ABSENT) {
    console.warning().text("no local APIC, so nothing bounds the time of a vmm call").end();
    return apic;
  }
  if (apic.mode == APIC_XAPIC) memory.remove(apic.base, PAGE_SIZE_4_KIB);
  apic.start();
  console.debug().text("local APIC in ").text(APIC_MODE_NAMES[apic.mode]).text(" mode, at ").hex(apic.base, 8).end();
  return apic;
}
