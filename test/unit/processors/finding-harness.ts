// AssemblyScript: what finds and wakes processors as exports, for the tests of this folder. Holds no logic of its own.

import { BootInformation } from "../../../hv/core/boot/boot-information";
import { Console, LEVEL_DEBUG } from "../../../hv/core/console/console";
import { Cpuid } from "../../../hv/core/cpu/cpuid";
import { AcpiTables } from "../../../hv/core/firmware/acpi-tables";
import { LocalApic } from "../../../hv/core/interrupts/local-apic";
import { Bytes } from "../../../hv/core/memory/bytes";
import { PhysicalMemory } from "../../../hv/core/memory/physical-memory";
import { Delay } from "../../../hv/core/processors/delay";
import { findProcessors } from "../../../hv/core/processors/find-processors";
import { ProcessorList } from "../../../hv/core/processors/processor-list";
import {
  AFTER_INIT_MICROSECONDS,
  Arrival,
  findTrampolinePage,
  reset,
  start,
} from "../../../hv/core/processors/start-up";

/** Whether the processor that is woken has come. */
export declare function arrived(): bool;

class TestArrival extends Arrival {
  hasArrived(): bool {
    return arrived();
  }
}

/** Without ACPI where `rsdp` is 0. */
export function find(rsdp: u64, mode: u32, bootApicId: u32): ProcessorList {
  const console = new Console();
  console.level = LEVEL_DEBUG;
  return findProcessors(new AcpiTables(rsdp == 0 ? null : Bytes.ofPhysical(rsdp, 36)), mode, bootApicId, console);
}

export function count(list: ProcessorList): i32 {
  return list.count;
}

export function apicId(list: ProcessorList, index: i32): u32 {
  return list.apicId(index);
}

export function trampolinePage(kind: u32, information: u64): u64 {
  const memory = new PhysicalMemory();
  new BootInformation(kind, information, memory);
  return findTrampolinePage(memory);
}

export function createApic(): LocalApic {
  return new LocalApic(new Cpuid());
}

export function idOf(apic: LocalApic): u32 {
  return apic.id;
}

export function modeOf(apic: LocalApic): u32 {
  return apic.mode;
}

export function startLike(apic: LocalApic, mode: u32, base: u64): string {
  return apic.startLike(mode, base);
}

export function sendInit(apic: LocalApic, id: u32): bool {
  return apic.sendInit(id);
}

export function sendStartup(apic: LocalApic, id: u32, vector: u32): bool {
  return apic.sendStartup(id, vector);
}

export function sendInterrupt(apic: LocalApic, id: u32, vector: u32): bool {
  return apic.sendInterrupt(id, vector);
}

export function createDelay(): Delay {
  return new Delay();
}

export function wait(delay: Delay, microseconds: u32): bool {
  return delay.wait(microseconds);
}

export function wakeProcessor(apic: LocalApic, id: u32, page: u64, delay: Delay): bool {
  if (!reset(apic, id)) return false;
  delay.wait(AFTER_INIT_MICROSECONDS);
  return start(apic, id, page, delay, new TestArrival());
}
