// The events that bases inject (SDM 3C 25.8.3).

const VALID: u64 = 0x80000000;
const INTERRUPT_20H: u64 = VALID | 0x20;
const NMI: u64 = VALID | (2 << 8) | 2;
const UNDEFINED_OPCODE: u64 = VALID | (3 << 8) | 6;
const GENERAL_PROTECTION: u64 = VALID | (1 << 11) | (3 << 8) | 13;
const SOFTWARE_INTERRUPT: u64 = VALID | (4 << 8) | 0x80;
const MONITOR_TRAP: u64 = VALID | (7 << 8);
const GENERAL_PROTECTION_WITHOUT_CODE: u64 = VALID | (3 << 8) | 13;

/** By base, from BASE_INTERRUPT on. */
export const EVENTS: StaticArray<u64> = [
  INTERRUPT_20H,
  NMI,
  UNDEFINED_OPCODE,
  GENERAL_PROTECTION,
  SOFTWARE_INTERRUPT,
  MONITOR_TRAP,
  GENERAL_PROTECTION_WITHOUT_CODE,
];
