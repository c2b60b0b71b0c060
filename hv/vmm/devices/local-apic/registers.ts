// The local APIC's registers by number: offset / 16 in xAPIC mode, the MSR less 0x800 in x2APIC mode (SDM 3A tables 11-1 and
// 11-6).

export const REGISTERS: u32 = 64;

export const REGISTER_ID: u32 = 0x02;
export const REGISTER_VERSION: u32 = 0x03;
export const REGISTER_TASK_PRIORITY: u32 = 0x08;
export const REGISTER_PROCESSOR_PRIORITY: u32 = 0x0a;
export const REGISTER_EOI: u32 = 0x0b;
export const REGISTER_LOGICAL_DESTINATION: u32 = 0x0d;
export const REGISTER_DESTINATION_FORMAT: u32 = 0x0e;
export const REGISTER_SPURIOUS: u32 = 0x0f;
export const REGISTER_IN_SERVICE: u32 = 0x10;
export const REGISTER_TRIGGER_MODE: u32 = 0x18;
export const REGISTER_REQUESTED: u32 = 0x20;
export const REGISTER_ERROR_STATUS: u32 = 0x28;
export const REGISTER_COMMAND: u32 = 0x30;
export const REGISTER_COMMAND_HIGH: u32 = 0x31;
/** The first of the local vector table, in the order of LVT_*. */
export const REGISTER_LVT: u32 = 0x32;
export const REGISTER_INITIAL_COUNT: u32 = 0x38;
export const REGISTER_CURRENT_COUNT: u32 = 0x39;
export const REGISTER_DIVIDE: u32 = 0x3e;
export const REGISTER_SELF_IPI: u32 = 0x3f;

// How a register may be accessed.
export const XAPIC_READ: u8 = 1;
export const XAPIC_WRITE: u8 = 2;
export const X2APIC_READ: u8 = 4;
export const X2APIC_WRITE: u8 = 8;
/** In xAPIC mode there is such a register; what it does not allow does nothing. */
export const XAPIC_EXISTS: u8 = XAPIC_READ | XAPIC_WRITE;

const NO: u8 = 0;
const RO: u8 = XAPIC_READ | X2APIC_READ;
const WO: u8 = XAPIC_WRITE | X2APIC_WRITE;
const RW: u8 = RO | WO;
/** In xAPIC mode only. */
const XA: u8 = XAPIC_READ | XAPIC_WRITE;
/** Written in xAPIC mode only. */
const LD: u8 = RO | XAPIC_WRITE;
/** SELF IPI. */
const X2: u8 = X2APIC_WRITE;

// prettier-ignore
const ACCESS: StaticArray<u8> = [
  NO, NO, RO, RO, NO, NO, NO, NO, RW, NO, RO, WO, NO, LD, XA, RW,
  RO, RO, RO, RO, RO, RO, RO, RO, RO, RO, RO, RO, RO, RO, RO, RO,
  RO, RO, RO, RO, RO, RO, RO, RO, RW, NO, NO, NO, NO, NO, NO, NO,
  RW, XA, RW, RW, RW, RW, RW, RW, RW, RO, NO, NO, NO, NO, RW, X2,
];

/** X..._READ and X..._WRITE of a register, 0 for a number that is none's. */
export function accessOf(register: u32): u8 {
  return register < REGISTERS ? ACCESS[register] : NO;
}
