// Blocks of zeroed physical memory, of which guest RAM is made.

import { PAGE_SIZE_2_MIB } from "../../x86/paging";
import { zeroBlock } from "../hardware";
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

/** Takes blocks from the machine's free memory one by one, wherever they are, and zeroes each before anybody sees it. */
export class BlockPool {
  /** Blocks that VMs may still take: who creates a VM reserves all that it can come to touch. */
  private reserved: i32 = 0;

  constructor(
    private readonly memory: PhysicalMemory,
    private readonly mtrrs: Mtrrs,
  ) {}

  /** Sets `blocks` aside, so that a VM once created does not run out of memory; false where so many are not free. */
  reserve(blocks: i32): bool {
    if (this.memory.pieces(BLOCK_BYTES) < <u64>(this.reserved + blocks)) return false;
    this.reserved += blocks;
    return true;
  }

  /** Undoes it, for as many blocks as were not taken. */
  unreserve(blocks: i32): void {
    this.reserved -= blocks;
  }

  /** Of the blocks that were reserved: the host-physical address of a zeroed block, ORed with its memory type; 0 where none is free. */
  take(): u64 {
    const block = this.find();
    if (block == 0) return 0;
    zeroBlock(block & ~BLOCK_TYPE_MASK);
    this.reserved--;
    return block;
  }

  /** A block whose memory has one type: a page of nested paging has one. What has several is left alone for good. */
  private find(): u64 {
    while (true) {
      const block = this.memory.allocate(BLOCK_BYTES, BLOCK_BYTES);
      if (block == 0) return 0;
      const type = this.mtrrs.typeOfBlock(block, BLOCK_BYTES);
      if (type != MEMORY_TYPE_MIXED) return block | type;
    }
  }

  /** Takes back a block that nobody maps any more; it is zeroed again before it is anybody's. */
  giveBack(block: u64): void {
    this.memory.add(block & ~BLOCK_TYPE_MASK, BLOCK_BYTES);
  }
}
