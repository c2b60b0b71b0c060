// Where the parts of a kernel go in guest RAM: each is checked before any is loaded.

import { ModuleBytes } from "../memory/module-bytes";
import { Ram, RAM_OK } from "../memory/ram";
import { HIGH_MEMORY, LOW_MEMORY_END, MemoryMap } from "./memory-map";

/** What is well: every check here answers with a sentence else. */
export const GOOD: string = "";

const DEFECT: string = "a part of it could not be copied, which is a defect of Basalt's";

const MAXIMUM_PARTS: i32 = 64;
const PAGE_BYTES: u64 = 4096;

/** The parts of one kernel. */
export class LoadPlan {
  private readonly offsets: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_PARTS);
  private readonly fileBytes: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_PARTS);
  private readonly starts: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_PARTS);
  private readonly memoryBytes: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_PARTS);
  private count: i32 = 0;
  /** The guest-physical address at which the kernel starts; `checkEntry` has seen it. */
  entry: u64 = 0;

  constructor(
    private readonly module: ModuleBytes,
    readonly map: MemoryMap,
  ) {}

  /** Forgets all parts. */
  clear(): void {
    this.count = 0;
    this.entry = 0;
  }

  /**
   * Adds a part: `fileBytes` from `offset` of the module on go to guest-physical `start`, and zeroes behind them fill
   * `memoryBytes` in all. GOOD, or what is wrong with it.
   */
  add(offset: u64, fileBytes: u64, start: u64, memoryBytes: u64): string {
    if (memoryBytes == 0 && fileBytes == 0) return GOOD;
    if (fileBytes > memoryBytes) return "a part of it has more bytes in the file than in memory";
    if (fileBytes != 0 && !this.module.holds(offset, fileBytes)) return "a part of it lies beyond the end of the file";
    if (!this.map.isRam(start, memoryBytes)) {
      return "a part of it goes where this VM has no RAM; give the VM more (memory=), or link the kernel elsewhere";
    }
    if (this.touches(start, memoryBytes)) return "two parts of it go to the same memory";
    if (this.count == MAXIMUM_PARTS) return "it has more than 64 parts to be loaded";
    this.offsets[this.count] = offset;
    this.fileBytes[this.count] = fileBytes;
    this.starts[this.count] = start;
    this.memoryBytes[this.count++] = memoryBytes;
    return GOOD;
  }

  /** GOOD where `entry` lies in what is loaded. */
  checkEntry(): string {
    if (this.count == 0) return "nothing in it is to be loaded";
    return this.touches(this.entry, 1) ? GOOD : "its entry point is not in what is loaded";
  }

  /** The lowest address of all parts, of which there is one at least. */
  get base(): u64 {
    let base = u64.MAX_VALUE;
    for (let i = 0; i < this.count; i++) base = min(base, this.starts[i]);
    return base;
  }

  /**
   * Copies the parts into RAM. Where `isClean` all of it is zero, as core hands it over, and the zeroes behind what the file
   * has need no writing. GOOD, or why not all of them.
   */
  load(ram: Ram, isClean: bool): string {
    for (let i = 0; i < this.count; i++) {
      const zeroes = this.memoryBytes[i] - this.fileBytes[i];
      if (!isClean && ram.fill(this.starts[i] + this.fileBytes[i], 0, zeroes) != RAM_OK) return DEFECT;
      if (this.fileBytes[i] == 0) continue;
      const from = this.module.pointer(this.offsets[i], this.fileBytes[i]);
      if (from == 0 || ram.copyIn(this.starts[i], from, this.fileBytes[i]) != RAM_OK) {
        return DEFECT;
      }
    }
    return GOOD;
  }

  /**
   * The highest page-aligned room for `bytes` below LOW_MEMORY_END that no part takes, or, where there is none, the
   * lowest one above HIGH_MEMORY. 0 where there is none either. The first page stays free: an address of 0 says nothing.
   */
  findRoom(bytes: u64): u64 {
    for (let start = (LOW_MEMORY_END - 1) & ~(PAGE_BYTES - 1); start >= PAGE_BYTES; start -= PAGE_BYTES) {
      if (this.map.isRam(start, bytes) && !this.touches(start, bytes)) return start;
    }
    // The lowest room begins at the start of high memory, or behind a part.
    let best: u64 = 0;
    for (let i = -1; i < this.count; i++) {
      const end = i < 0 ? HIGH_MEMORY : this.starts[i] + this.memoryBytes[i];
      const start = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
      if (!this.map.isRam(start, bytes) || this.touches(start, bytes)) continue;
      if (best == 0 || start < best) best = start;
    }
    return best;
  }

  /**
   * Takes the highest page-aligned room for `bytes` in RAM above HIGH_MEMORY that no part takes: its address, 0 where there
   * is none. What is there is the caller's to write, after `load`.
   */
  takeHighRoom(bytes: u64): u64 {
    let best: u64 = 0;
    // It ends at the end of RAM, or at a part.
    for (let i = -1; i < this.count; i++) {
      const end = i < 0 ? this.map.ramBytes : this.starts[i];
      if (bytes > end) continue;
      const start = (end - bytes) & ~(PAGE_BYTES - 1);
      if (start < HIGH_MEMORY || !this.map.isRam(start, bytes) || this.touches(start, bytes)) continue;
      best = max(best, start);
    }
    return best != 0 && this.add(0, 0, best, bytes).length == 0 ? best : 0;
  }

  /** Whether any of [start, start + bytes) belongs to a part. */
  private touches(start: u64, bytes: u64): bool {
    for (let i = 0; i < this.count; i++) {
      if (start < this.starts[i] + this.memoryBytes[i] && this.starts[i] < start + bytes) return true;
    }
    return false;
  }
}
