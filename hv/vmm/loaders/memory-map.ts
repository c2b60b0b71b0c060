// The memory map of a guest that a loader starts: RAM with a PC's hole below 1 MiB.

/** Conventional memory ends here; what lies between it and HIGH_MEMORY is the adapters' and the firmware's on a PC. */
export const LOW_MEMORY_END: u64 = 0xa0000;
export const HIGH_MEMORY: u64 = 0x100000;

// Types of entries, the same in both versions of Multiboot.
export const TYPE_RAM: u32 = 1;
export const TYPE_RESERVED: u32 = 2;

export const MEMORY_MAP_ENTRIES: u32 = 3;

/** The entries [0, LOW_MEMORY_END), [LOW_MEMORY_END, HIGH_MEMORY), [HIGH_MEMORY, ramBytes) by their number. */
export class MemoryMap {
  /** `ramBytes` is above HIGH_MEMORY. */
  constructor(private readonly ramBytes: u64) {}

  start(entry: u32): u64 {
    return entry == 0 ? 0 : entry == 1 ? LOW_MEMORY_END : HIGH_MEMORY;
  }

  bytes(entry: u32): u64 {
    const end = entry == 0 ? LOW_MEMORY_END : entry == 1 ? HIGH_MEMORY : this.ramBytes;
    return end - this.start(entry);
  }

  type(entry: u32): u32 {
    return entry == 1 ? TYPE_RESERVED : TYPE_RAM;
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
