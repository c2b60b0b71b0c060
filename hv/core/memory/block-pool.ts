// Blocks of zeroed physical memory, of which guest RAM is made. All CPUs take them from one pool, in shared words.

import { PAGE_SIZE_2_MIB } from "../../x86/paging";
import { sharedCompareExchange, sharedLoad, sharedOr, sharedStore, zeroBlock } from "../hardware";
import { RAM_AVAILABLE, RAM_MAP, RAM_WORDS } from "../processors/shared-words";
import { MEMORY_TYPE_MIXED, Mtrrs } from "./memory-type";
import { PhysicalMemory } from "./physical-memory";

/**
 * 2 MiB: one entry of nested paging and one of the host's maps a block, where 4-KiB pages would need a table of each kind for
 * every 2 MiB and 512 exits to fill it; zeroing costs the same a byte.
 */
export const BLOCK_BYTES: u64 = PAGE_SIZE_2_MIB;
export const BLOCK_SHIFT: u64 = 21;

/** In the low bits of what `take` returns: the block's memory type (SDM 3A table 12-2). */
export const BLOCK_TYPE_MASK: u64 = 0xf;

const BITS: u64 = 64;
const MOST_BLOCKS: u64 = <u64>RAM_WORDS * BITS;

/**
 * Takes blocks one by one, wherever they are, and zeroes each before anybody sees it. The blocks of the machine have numbers, by
 * the ranges of its free memory; which are free is in shared words, that CPUs change by one compare and exchange, without a lock.
 */
export class BlockPool {
  /** Ranges of blocks, the lowest first: where each starts, and how many blocks it has. */
  private readonly starts: Array<u64> = [];
  private readonly counts: Array<u64> = [];
  /** No word of the map before this one has a free block, as far as this CPU knows. */
  private hint: u32 = 0;

  constructor(
    private readonly memory: PhysicalMemory,
    private readonly mtrrs: Mtrrs,
  ) {}

  /**
   * Once, on the CPU that booted, before the others have their copy of this object: all of the machine's free memory becomes
   * blocks. Those whose memory has several types are left alone for good: a page of nested paging has one. False where there is
   * more than 1 TiB, whose rest is left alone, too.
   */
  fill(): bool {
    let total: u64 = 0;
    let available: u64 = 0;
    let start = this.memory.nextPiece(0, BLOCK_BYTES);
    while (start != 0) {
      const end = this.memory.endOf(start) & ~(BLOCK_BYTES - 1);
      const count = min((end - start) >> BLOCK_SHIFT, MOST_BLOCKS - total);
      this.starts.push(start);
      this.counts.push(count);
      available += this.free(start, count, total);
      total += count;
      start = this.memory.nextPiece(end, BLOCK_BYTES);
      if (total == MOST_BLOCKS) break;
    }
    sharedStore(RAM_AVAILABLE, available);
    return start == 0;
  }

  /** Marks `count` blocks from `start` on, which have numbers from `first` on, as free: how many of them have one memory type. */
  private free(start: u64, count: u64, first: u64): u64 {
    let free: u64 = 0;
    for (let n: u64 = 0; n < count; n++) {
      if (this.mtrrs.typeOfBlock(start + (n << BLOCK_SHIFT), BLOCK_BYTES) == MEMORY_TYPE_MIXED) continue;
      const number = first + n;
      sharedOr(RAM_MAP + <u32>(number / BITS), (<u64>1) << (number % BITS));
      free++;
    }
    return free;
  }

  /** Blocks that are free and not reserved. */
  get available(): u64 {
    return sharedLoad(RAM_AVAILABLE);
  }

  /** Sets `blocks` aside, so that a VM once created does not run out of memory; false where so many are not there. */
  reserve(blocks: i32): bool {
    while (true) {
      const available = sharedLoad(RAM_AVAILABLE);
      if (available < <u64>blocks) return false;
      if (sharedCompareExchange(RAM_AVAILABLE, available, available - blocks) == available) return true;
    }
  }

  /** Undoes it, for as many blocks as were not taken. */
  unreserve(blocks: i32): void {
    while (true) {
      const available = sharedLoad(RAM_AVAILABLE);
      if (sharedCompareExchange(RAM_AVAILABLE, available, available + blocks) == available) return;
    }
  }

  /** Of the blocks that were reserved: the host-physical address of a zeroed block, ORed with its memory type; 0 where none is free. */
  take(): u64 {
    for (let n: u32 = 0; n < RAM_WORDS; n++) {
      const word = (this.hint + n) % RAM_WORDS;
      // Another CPU may be faster, but not for ever: each time one of all blocks is gone.
      for (let bits = sharedLoad(RAM_MAP + word); bits != 0; bits = sharedLoad(RAM_MAP + word)) {
        if (sharedCompareExchange(RAM_MAP + word, bits, bits & (bits - 1)) != bits) continue;
        this.hint = word;
        const block = this.addressOf(word * BITS + ctz(bits));
        zeroBlock(block);
        return block | this.mtrrs.typeOfBlock(block, BLOCK_BYTES);
      }
    }
    return 0;
  }

  /** Undoes `take`: the block is reserved as before. */
  putBack(block: u64): void {
    const number = this.numberOf(block & ~BLOCK_TYPE_MASK);
    const word = <u32>(number / BITS);
    this.hint = min(this.hint, word);
    sharedOr(RAM_MAP + word, (<u64>1) << (number % BITS));
  }

  /** Takes back a block that nobody maps any more; it is zeroed again before it is anybody's. */
  giveBack(block: u64): void {
    this.putBack(block);
    this.unreserve(1);
  }

  private addressOf(number: u64): u64 {
    let range = 0;
    for (; number >= this.counts[range]; range++) number -= this.counts[range];
    return this.starts[range] + (number << BLOCK_SHIFT);
  }

  private numberOf(address: u64): u64 {
    let before: u64 = 0;
    let range = 0;
    for (; (address - this.starts[range]) >> BLOCK_SHIFT >= this.counts[range]; range++) before += this.counts[range];
    return before + ((address - this.starts[range]) >> BLOCK_SHIFT);
  }
}
