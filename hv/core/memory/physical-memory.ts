// The machine's free RAM: ranges from the boot information, less what is reserved or already taken.

import { imageEnd, imageStart } from "../hardware";
import { LowMemory } from "./low-memory";

const CAPACITY: i32 = 512;
/** Below this lie the BIOS data area, boot loaders' leftovers, and the start-up trampoline. */
const LOW_MEMORY_END: u64 = 0x100000;

/** Whether any of [start, start + bytes) is free memory or Basalt's image: no device's registers are there. */
export function isRam(start: u64, bytes: u64, memory: PhysicalMemory): bool {
  return memory.touches(start, bytes) || (start < imageEnd() && start + bytes > imageStart());
}

/** Disjoint ranges of free physical memory. Order of use: `add` all RAM, `remove` all that is not, then `allocate`. */
export class PhysicalMemory {
  /** What `add` and `remove` leave of the first 640 KiB, which is in none of the ranges. */
  readonly low: LowMemory = new LowMemory();
  private readonly starts: StaticArray<u64> = new StaticArray<u64>(CAPACITY);
  private readonly ends: StaticArray<u64> = new StaticArray<u64>(CAPACITY);
  private count: i32 = 0;
  /** More ranges than fit: the rest was left out, which wastes memory and harms nothing. */
  isTruncated: bool = false;

  /** Free bytes. */
  get freeBytes(): u64 {
    let bytes: u64 = 0;
    for (let i = 0; i < this.count; i++) bytes += this.ends[i] - this.starts[i];
    return bytes;
  }

  /** Adds the whole pages of [start, start + bytes) above the first MiB. Overlaps with earlier ranges or that touch are merged. */
  add(start: u64, bytes: u64): void {
    let end = start + bytes < start ? u64.MAX_VALUE : start + bytes;
    this.low.add(start, end);
    start = max(start, LOW_MEMORY_END);
    start = (start + 4095) & ~4095;
    end &= ~4095;
    if (start >= end) return;
    this.removeRange(start, end);
    for (let i = this.count - 1; i >= 0; i--) {
      if (this.ends[i] != start && this.starts[i] != end) continue;
      start = min(start, this.starts[i]);
      end = max(end, this.ends[i]);
      this.drop(i);
    }
    this.append(start, end);
  }

  /** Takes every page that [start, start + bytes) touches away. */
  remove(start: u64, bytes: u64): void {
    const end = start + bytes < start ? u64.MAX_VALUE : start + bytes;
    if (bytes == 0) return;
    this.low.remove(start, end);
    this.removeRange(start & ~4095, end > u64.MAX_VALUE - 4095 ? u64.MAX_VALUE : (end + 4095) & ~4095);
  }

  /** Whether any of [start, start + bytes) is free memory. */
  touches(start: u64, bytes: u64): bool {
    const end = start + bytes < start ? u64.MAX_VALUE : start + bytes;
    for (let i = 0; i < this.count; i++) {
      if (start < this.ends[i] && end > this.starts[i]) return true;
    }
    return false;
  }

  /**
   * Of the free pieces of `bytes` at multiples of it, a power of two ≥ 4 KiB, that lie at `from` or above: the lowest, 0 where
   * there is none.
   */
  nextPiece(from: u64, bytes: u64): u64 {
    let best: u64 = 0;
    for (let i = 0; i < this.count; i++) {
      const start = (max(this.starts[i], from) + bytes - 1) & ~(bytes - 1);
      if (start < from || start >= this.ends[i] || this.ends[i] - start < bytes) continue;
      if (best == 0 || start < best) best = start;
    }
    return best;
  }

  /** The end of the range that holds `address`, which is in one. */
  endOf(address: u64): u64 {
    for (let i = 0; i < this.count; i++) {
      if (address >= this.starts[i] && address < this.ends[i]) return this.ends[i];
    }
    return address;
  }

  /** Takes the lowest free range of `bytes` at a multiple of `alignment` (a power of two ≥ 4 KiB); 0 where none is. */
  allocate(bytes: u64, alignment: u64): u64 {
    let best: u64 = 0;
    for (let i = 0; i < this.count; i++) {
      const start = (this.starts[i] + alignment - 1) & ~(alignment - 1);
      if (start < this.starts[i] || start >= this.ends[i] || this.ends[i] - start < bytes) continue;
      if (best == 0 || start < best) best = start;
    }
    if (best != 0) this.remove(best, bytes);
    return best;
  }

  private append(start: u64, end: u64): void {
    if (this.count == CAPACITY) {
      this.isTruncated = true;
      return;
    }
    this.starts[this.count] = start;
    this.ends[this.count++] = end;
  }

  private drop(i: i32): void {
    this.count--;
    this.starts[i] = this.starts[this.count];
    this.ends[i] = this.ends[this.count];
  }

  private removeRange(start: u64, end: u64): void {
    for (let i = this.count - 1; i >= 0; i--) {
      const oldStart = this.starts[i];
      const oldEnd = this.ends[i];
      if (oldEnd <= start || oldStart >= end) continue;
      this.drop(i);
      if (oldStart < start) this.append(oldStart, start);
      if (end < oldEnd) this.append(end, oldEnd);
    }
  }
}
