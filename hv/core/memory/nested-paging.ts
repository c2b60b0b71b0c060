// The guest-physical memory of one VM, whatever format its tables have.

import { Console } from "../console/console";
import { BLOCK_TYPE_MASK } from "./block-pool";
import { EntryWork } from "./entry-work";
import { PageTables, Translation } from "./page-tables";

/** See hv/core/memory/page-tables.ts for the rules of `map`, `unmap`, `protect` and `query`. */
export abstract class NestedPaging {
  constructor(protected readonly tables: PageTables) {}

  /** What the processor is given to find the tables. */
  abstract get pointer(): u64;
  /** MAPPING_OK, or why this processor cannot use them; then every operation returns this status. */
  abstract get status(): u32;
  /** Holds the flag that the processor may hold stale translations of them. */
  get entryWork(): EntryWork {
    return this.tables;
  }
  abstract map(guest: u64, host: u64, bytes: u64, permissions: u32): u32;
  /**
   * Maps a zeroed block (block-pool.ts) where nothing is mapped: at the block around `guest`, with all permissions.
   * False where no page is left for a table. Nothing is to be invalidated: what is not present is cached nowhere.
   */
  mapBlock(guest: u64, block: u64): bool {
    return this.tables.mapBlock(guest, block & ~BLOCK_TYPE_MASK, <u32>(block & BLOCK_TYPE_MASK));
  }
  abstract unmap(guest: u64, bytes: u64): u32;
  abstract protect(guest: u64, bytes: u64, permissions: u32): u32;
  abstract query(guest: u64, into: Translation): u32;
  /** Adds to a line which entry on the way to `guest` the processor does not take, and why. */
  abstract explainEntry(guest: u64, line: Console): void;
  /** Drops what the processor may hold of them, where a change since the last time calls for it. */
  abstract flush(): u32;
}
