// What a PC's firmware leaves in the CMOS memory behind the clock's registers (IBM PC AT Technical Reference, "CMOS
// RAM").

export const CMOS_BYTES: i32 = 128;

const EQUIPMENT: u32 = 0x14;
/** A coprocessor is there; no floppy, no display that is not found by itself. */
const HAS_COPROCESSOR: u8 = 0x02;

// Sizes of memory, in two bytes each.
const BASE_MEMORY: u32 = 0x15;
const EXTENDED_MEMORY: u32 = 0x17;
const EXTENDED_MEMORY_FOUND: u32 = 0x30;
const MEMORY_ABOVE_16_MIB: u32 = 0x34;

const CHECKED_FIRST: u32 = 0x10;
const CHECKED_LAST: u32 = 0x2d;
const CHECKSUM: u32 = 0x2e;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const BASE_KIB: u64 = 640;

/** How many `units` of bytes of RAM lie at `start` and above, as far as 16 bits tell it. */
function unitsAbove(ramBytes: u64, start: u64, units: u64): u32 {
  return ramBytes > start ? <u32>min<u64>(0xffff, (ramBytes - start) / units) : 0;
}

function putLowFirst(registers: StaticArray<u8>, index: u32, value: u32): void {
  registers[index] = <u8>value;
  registers[index + 1] = <u8>(value >> 8);
}

/**
 * Fills in what does not belong to the clock, in CMOS_BYTES `registers`. RAM is [0, ramBytes), and none lies above 4
 * GiB.
 */
export function fillCmos(registers: StaticArray<u8>, ramBytes: u64): void {
  const extended = unitsAbove(ramBytes, MIB, KIB);
  registers[EQUIPMENT] = HAS_COPROCESSOR;
  putLowFirst(registers, BASE_MEMORY, <u32>min(BASE_KIB, ramBytes / KIB));
  putLowFirst(registers, EXTENDED_MEMORY, extended);
  putLowFirst(registers, EXTENDED_MEMORY_FOUND, extended);
  putLowFirst(registers, MEMORY_ABOVE_16_MIB, unitsAbove(ramBytes, 16 * MIB, 64 * KIB));
  let sum: u32 = 0;
  for (let i = CHECKED_FIRST; i <= CHECKED_LAST; i++) sum += registers[i];
  // The checksum alone has its high byte first.
  registers[CHECKSUM] = <u8>(sum >> 8);
  registers[CHECKSUM + 1] = <u8>sum;
}
