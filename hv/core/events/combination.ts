// What comes of an exception that arises while another event is delivered (SDM 3A 6.15, "Interrupt 8", table 6-5).

import {
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_TYPE_MASK,
  INTERRUPTION_VECTOR_MASK,
  VECTOR_CONTROL_PROTECTION,
  VECTOR_DIVIDE_ERROR,
  VECTOR_DOUBLE_FAULT,
  VECTOR_GENERAL_PROTECTION,
  VECTOR_INVALID_TSS,
  VECTOR_PAGE_FAULT,
  VECTOR_SEGMENT_NOT_PRESENT,
  VECTOR_STACK_FAULT,
  VECTOR_VIRTUALIZATION,
} from "../../x86/exceptions";

/** The second is delivered, and the first is not: a fault or a software interrupt comes again with its instruction. */
export const COMBINES_TO_SECOND: u32 = 0;
export const COMBINES_TO_DOUBLE_FAULT: u32 = 1;
/** The processor shuts down. */
export const COMBINES_TO_TRIPLE_FAULT: u32 = 2;

// The classes of table 6-4; what is in none of the three is benign.
const CONTRIBUTORY: u32 =
  (1 << VECTOR_DIVIDE_ERROR) |
  (1 << VECTOR_INVALID_TSS) |
  (1 << VECTOR_SEGMENT_NOT_PRESENT) |
  (1 << VECTOR_STACK_FAULT) |
  (1 << VECTOR_GENERAL_PROTECTION) |
  (1 << VECTOR_CONTROL_PROTECTION);
const PAGE_FAULTS: u32 = (1 << VECTOR_PAGE_FAULT) | (1 << VECTOR_VIRTUALIZATION);
const DOUBLE_FAULT: u32 = 1 << VECTOR_DOUBLE_FAULT;

/**
 * One of COMBINES_TO_*, for exception `vector`, below 32, that arises while `first` is delivered, an event in the form of
 * hv/x86/exceptions.ts. Interrupts, NMIs and what software raises by INT n, INT1, INT3 and INTO are benign, whatever their vector.
 */
export function combine(first: u32, vector: u32): u32 {
  if ((first & INTERRUPTION_TYPE_MASK) != INTERRUPTION_TYPE_HARDWARE_EXCEPTION) return COMBINES_TO_SECOND;
  const firstBit = (<u32>1) << (first & INTERRUPTION_VECTOR_MASK);
  const isContributory = (CONTRIBUTORY & (1 << vector)) != 0;
  const isPageFault = (PAGE_FAULTS & (1 << vector)) != 0;
  if (!isContributory && !isPageFault) return COMBINES_TO_SECOND;
  if (firstBit & DOUBLE_FAULT) return COMBINES_TO_TRIPLE_FAULT;
  if (firstBit & PAGE_FAULTS) return COMBINES_TO_DOUBLE_FAULT;
  return isContributory && firstBit & CONTRIBUTORY ? COMBINES_TO_DOUBLE_FAULT : COMBINES_TO_SECOND;
}
