// Which of the events that wait for a vCPU is delivered at the next entry (SDM 3A 6.9, table 6-2, and 6.8).

// What waits, and what blocks: bits of `state`.
/** An exception, or an event whose delivery an exit interrupted: it belongs to what was executed before all that waits. */
export const HAS_RECOGNISED: u32 = 1 << 0;
/** A debug trap on the previous instruction, which the processor delivers by itself when nothing is injected. */
export const HAS_DEBUG_TRAP: u32 = 1 << 1;
export const HAS_NMI: u32 = 1 << 2;
export const HAS_INTERRUPT: u32 = 1 << 3;
/** The handler of an NMI has not executed its IRET. */
export const IS_BLOCKED_BY_NMI: u32 = 1 << 4;
export const IS_BLOCKED_BY_STI: u32 = 1 << 5;
export const IS_BLOCKED_BY_MOV_SS: u32 = 1 << 6;
/** RFLAGS.IF is 1. */
export const TAKES_INTERRUPTS: u32 = 1 << 7;
export const STATES_OF_EVENTS: u32 = 1 << 8;

export const DELIVER_NOTHING: u32 = 0;
export const DELIVER_RECOGNISED: u32 = 1;
export const DELIVER_NMI: u32 = 2;
export const DELIVER_INTERRUPT: u32 = 3;

/**
 * One of DELIVER_*. STI does not hold up an NMI, which the SDM leaves to the processor. An NMI or an interrupt that is not
 * delivered now is to be tried again when its window opens.
 */
export function nextEvent(state: u32): u32 {
  if (state & HAS_RECOGNISED) return DELIVER_RECOGNISED;
  // An injection would make the processor forget the trap.
  if (state & (HAS_DEBUG_TRAP | IS_BLOCKED_BY_MOV_SS)) return DELIVER_NOTHING;
  if ((state & (HAS_NMI | IS_BLOCKED_BY_NMI)) == HAS_NMI) return DELIVER_NMI;
  const forInterrupt = HAS_INTERRUPT | TAKES_INTERRUPTS;
  return (state & (forInterrupt | IS_BLOCKED_BY_STI)) == forInterrupt ? DELIVER_INTERRUPT : DELIVER_NOTHING;
}
