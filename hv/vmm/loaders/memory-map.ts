// The memory map of a guest that a loader starts: RAM with a PC's hole below 1 MiB, and PCI's configuration space.

/** Conventional memory ends here, where a PC's extended BIOS data area lies; from here to HIGH_MEMORY there is no RAM. */
export const LOW_MEMORY_END: u64 = 0x9fc00;
export const HIGH_MEMORY: u64 = 0x100000;

// Types of entries, the same in e820, PVH and both versions of Multiboot.
export const TYPE_RAM: u32 = 1;
export const TYPE_RESERVED: u32 = 2;

export const MEMORY_MAP_ENTRIES: u32 = 5;

/** Stands for the end of RAM. */
const RAM_END: u64 = 0;

// What the entries are: conventional memory, EBDA, firmware (ACPI tables), RAM, ECAM of bus 0.
const STARTS: StaticArray<u64> = [0, LOW_MEMORY_END, 0xe0000, HIGH_MEMORY, 0xe0000000];
const ENDS: StaticArray<u64> = [LOW_MEMORY_END, 0xa0000, HIGH_MEMORY, RAM_END, 0xe0100000];
const TYPES: StaticArray<u32> = [TYPE_RAM, TYPE_RESERVED, TYPE_RESERVED, TYPE_RAM, TYPE_RESERVED];

/** The map's entries by their number, below MEMORY_MAP_ENTRIES. */
export class MemoryMap {
  /** `ramBytes` is above HIGH_MEMORY. */
  constructor(readonly ramBytes: u64) {}

  start(entry: u32): u64 {
    return STARTS[entry];
  }

  bytes(entry: u32): u64 {
    const end = ENDS[entry];
    return (end == RAM_END ? this.ramBytes : end) - STARTS[entry];
  }

  type(entry: u32): u32 {
    return TYPES[entry];
  }

  /** Whether all of [start, start + bytes) is RAM that the map tells of. */
  isRam(start: u64, bytes: u64): bool {
    const end = start + bytes;
    if (end < start || end > this.ramBytes) return false;
    return end <= LOW_MEMORY_END || start >= HIGH_MEMORY;
  }

  /** RAM from 0 on, in KiB: Multiboot's mem_lower. */
  get lowKiB(): u32 {
    return <u32>(LOW_MEMORY_END >> 10);
  }

  /** RAM from 1 MiB on, in KiB: Multiboot's mem_upper. */
  get highKiB(): u32 {
    return <u32>((this.ramBytes - HIGH_MEMORY) >> 10);
  }
}
