// Wakes another processor (SDM 3A 9.4.4.1; Intel MultiProcessor Specification 1.4, appendix B.4).

import { BASE_MEMORY_END, extendedBiosDataArea } from "../firmware/bios-data-area";
import { LocalApic } from "../interrupts/local-apic";
import { PhysicalMemory } from "../memory/physical-memory";
import { Delay } from "./delay";

export const AFTER_INIT_MICROSECONDS: u32 = 10000;
const AFTER_STARTUP_MICROSECONDS: u32 = 200;

/** How the waker sees that a processor runs the trampoline. */
export abstract class Arrival {
  abstract hasArrived(): bool;
}

/**
 * The page for the trampoline: the highest free one below 640 KiB, page 0 and what the extended BIOS data area touches left
 * out. Its physical address, 0x1000 to 0x9F000; 0 where none is free. Nobody else gets low memory, so it need not be taken.
 */
export function findTrampolinePage(memory: PhysicalMemory): u64 {
  const ebda = extendedBiosDataArea();
  return memory.low.highestPageBelow(ebda == 0 ? BASE_MEMORY_END : ebda);
}

/**
 * INIT. `start` follows AFTER_INIT_MICROSECONDS later, which several processors can wait for at once. False where this processor's
 * APIC could not send.
 */
export function reset(apic: LocalApic, apicId: u32): bool {
  return apic.sendInit(apicId);
}

/**
 * Has the processor `apicId`, behind `reset`, begin in real mode at the start of `page`, which findTrampolinePage gave: by a start-up
 * interrupt, and a second one where it has not arrived 200 microseconds later. It may begin at any time from here on, also after
 * this function has returned; or never, if it is broken. False where this processor's APIC could not send.
 */
export function start(apic: LocalApic, apicId: u32, page: u64, delay: Delay, arrival: Arrival): bool {
  const vector = <u32>(page >> 12);
  if (!apic.sendStartup(apicId, vector)) return false;
  delay.wait(AFTER_STARTUP_MICROSECONDS);
  return arrival.hasArrived() || apic.sendStartup(apicId, vector);
}
