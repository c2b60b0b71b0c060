// The builder of 4-level page tables, for whichever entry format it is given: map, unmap, protect and query.

import {
  ENTRY_INDEX_MASK,
  PAGE_OFFSET_MASK_2_MIB,
  PAGE_OFFSET_MASK_4_KIB,
  PAGE_SHIFT_1_GIB,
  PAGE_SIZE_2_MIB,
} from "../../x86/paging";
import { EntryWork } from "./entry-work";
import { ALL_PERMISSIONS, EntryFormat, PAGE_LEVEL_2_MIB, PAGE_LEVEL_4_KIB } from "./entry-format";
import {
  MAPPING_GUEST_ADDRESS_TOO_WIDE,
  MAPPING_HOST_ADDRESS_TOO_WIDE,
  MAPPING_NO_ROOT,
  MAPPING_NOT_ALIGNED,
  MAPPING_NOT_MAPPED,
  MAPPING_OK,
  MAPPING_OVERLAPS,
  MAPPING_POOL_EXHAUSTED,
  MAPPING_RANGE_EMPTY,
} from "./mapping-status";
import { PAGE_BYTES, PagePool } from "./page-pool";

const ROOT_LEVEL: u32 = 4;
const ENTRY_BYTES: usize = 8;
const PAGE_SHIFT: u32 = 12;
const INDEX_BITS: u32 = 9;
const GUEST_ADDRESS_END: u64 = 0x1000000000000;
/** No guest-physical address is so high. */
const NO_GIB: u64 = 0xffffffffffffffff;

/** Memory types are numbers from 0 to 7. */
const BLOCK_TYPES_MASK: u32 = 7;

/** Permissions of a page that `change` is to unmap. */
const NO_ACCESS: u32 = 0;

/** What `query` found out about one guest-physical address. */
export class Translation {
  /** The host-physical address of the byte that was asked for. */
  physicalAddress: u64 = 0;
  /** The size of the page that maps it: 4 KiB, 2 MiB or 1 GiB. */
  pageBytes: u64 = 0;
  permissions: u32 = 0;
  memoryType: u32 = 0;
  isAccessed: bool = false;
  isDirty: bool = false;
}

/**
 * One tree of page tables. Each operation first walks the range to see whether it can be carried out and how many
 * tables that takes, and only then changes anything: whatever the status of a refusal, the tree is as it was. An entry
 * references a table only as long as that table holds a present entry, so an unmapped tree is its root alone.
 */
export class PageTables extends EntryWork {
  /** The pointer to the root table; 0 where the pool was empty, and after `release`. */
  root: usize;
  /** Tables that the operation under way takes from the pool. */
  private tablesNeeded: u32 = 0;
  /** The table of level 2 that `mapBlock` wrote to last, and which GiB of guest-physical addresses it is for. */
  private blockTable: usize = 0;
  private blockGib: u64 = NO_GIB;
  /** By memory type: what `mapBlock` adds to a block's address. */
  private readonly blockBits: StaticArray<u64> = new StaticArray<u64>(BLOCK_TYPES_MASK + 1);

  /** `physicalAddressBits` is MAXPHYADDR, at most 52. Takes one page of the pool for the root. */
  constructor(
    private readonly pool: PagePool,
    private readonly format: EntryFormat,
    private readonly physicalAddressBits: u32,
  ) {
    super();
    assert(physicalAddressBits > PAGE_SHIFT && physicalAddressBits <= 52, "MAXPHYADDR is at most 52 (SDM 3A 4.1.4)");
    this.root = pool.allocate();
    for (let type: u32 = 0; type <= BLOCK_TYPES_MASK; type++) {
      this.blockBits[type] = format.page(0, PAGE_LEVEL_2_MIB, ALL_PERMISSIONS, type);
    }
    // The root's page may have been the root of another tree before, whose translations are cached under its address.
    this.invalidationIsPending = true;
  }

  /**
   * Maps [guest, guest + bytes) to [host, host + bytes) with the largest pages that the alignment of both addresses, the
   * length and the format allow. All three are multiples of 4 KiB. Nothing of the guest range may be mapped yet
   * (MAPPING_OVERLAPS). Maps all of it or, with a status other than MAPPING_OK, nothing.
   */
  map(guest: u64, host: u64, bytes: u64, permissions: u32, memoryType: u32): u32 {
    let status = this.checkMapRange(guest, host, bytes);
    if (status == MAPPING_OK) status = this.format.checkPermissions(permissions);
    if (status == MAPPING_OK) status = this.format.checkMemoryType(memoryType);
    if (status != MAPPING_OK) return status;

    const end = guest + bytes;
    this.tablesNeeded = 0;
    status = this.planMap(this.root, ROOT_LEVEL, guest, host, end);
    if (status == MAPPING_OK) this.fill(this.root, ROOT_LEVEL, guest, host, end, permissions, memoryType);
    return status;
  }

  /**
   * `map` for the 2 MiB around `guest`, with all permissions and a legal memory type, in a few instructions where the last
   * one was close. False where the pool is exhausted, or where something is mapped in this range.
   */
  mapBlock(guest: u64, host: u64, memoryType: u32): bool {
    if (guest >> PAGE_SHIFT_1_GIB != this.blockGib) return mapFirstBlock(this, guest, host, memoryType);
    const pointer = entryPointer(this.blockTable, PAGE_LEVEL_2_MIB, guest);
    // Nothing is there that hardware may hold, so that `replace` is not asked.
    if (load<u64>(pointer) != 0) return false;
    store<u64>(pointer, host | unchecked(this.blockBits[memoryType & BLOCK_TYPES_MASK]));
    return true;
  }

  /** `mapBlock` where the table is not known yet, or there is none. */
  mapBlockAnywhere(address: u64, host: u64, memoryType: u32): bool {
    const guest = address & ~PAGE_OFFSET_MASK_2_MIB;
    if (this.map(guest, host, PAGE_SIZE_2_MIB, ALL_PERMISSIONS, memoryType) != MAPPING_OK) return false;
    if (this.format.largestPageLevel() < PAGE_LEVEL_2_MIB) return true;
    let table = this.root;
    for (let level = ROOT_LEVEL; level > PAGE_LEVEL_2_MIB; level--) {
      table = this.tableOf(load<u64>(entryPointer(table, level, guest)));
    }
    this.blockTable = table;
    this.blockGib = guest >> PAGE_SHIFT_1_GIB;
    return true;
  }

  /**
   * Takes [guest, guest + bytes) out of the tree and gives tables that it empties back to the pool. All of the range
   * must be mapped (MAPPING_NOT_MAPPED). A large page that is cut by an end of the range is split first, which takes up
   * to 4 tables (MAPPING_POOL_EXHAUSTED). Unmaps all of it or nothing.
   */
  unmap(guest: u64, bytes: u64): u32 {
    return this.planAndChange(guest, bytes, NO_ACCESS);
  }

  /**
   * Gives [guest, guest + bytes) other permissions and leaves all else as it is. Splits and refuses as `unmap` does,
   * but does not split a page that has these permissions already. Split pages are not joined again.
   */
  protect(guest: u64, bytes: u64, permissions: u32): u32 {
    const status = this.format.checkPermissions(permissions);
    return status == MAPPING_OK ? this.planAndChange(guest, bytes, permissions) : status;
  }

  /** Fills `into` with the translation of any guest-physical address; leaves it alone where that is not mapped. */
  query(guest: u64, into: Translation): u32 {
    if (guest >= GUEST_ADDRESS_END) return MAPPING_GUEST_ADDRESS_TOO_WIDE;
    if (this.root == 0) return MAPPING_NO_ROOT;

    let level = ROOT_LEVEL;
    let entry = load<u64>(entryPointer(this.root, level, guest));
    while (this.format.isPresent(entry) && !this.format.isPage(entry, level)) {
      level--;
      entry = load<u64>(entryPointer(this.tableOf(entry), level, guest));
    }
    if (!this.format.isPresent(entry)) return MAPPING_NOT_MAPPED;

    into.pageBytes = entryReach(level);
    into.physicalAddress = this.format.pageAddress(entry, level) + (guest & (into.pageBytes - 1));
    into.permissions = this.format.permissions(entry);
    into.memoryType = this.format.memoryType(entry, level);
    into.isAccessed = this.format.isAccessed(entry);
    into.isDirty = this.format.isDirty(entry);
    return MAPPING_OK;
  }

  /** The entry of `level` (1 to 4) on the way to `guest` as it is in memory; 0 where no entry above references its table. */
  entryAt(guest: u64, level: u32): u64 {
    let table = this.root;
    let at = ROOT_LEVEL;
    while (table != 0) {
      const entry = load<u64>(entryPointer(table, at, guest));
      if (at == level) return entry;
      table = this.referencesTable(entry, at) ? this.tableOf(entry) : 0;
      at--;
    }
    return 0;
  }

  /** Gives every table back to the pool, the root included; from then on every operation ends in MAPPING_NO_ROOT. */
  release(): void {
    if (this.root == 0) return;
    this.freeTables(this.root, ROOT_LEVEL);
    this.root = 0;
    this.blockGib = NO_GIB;
    this.invalidationIsPending = true;
  }

  /** MAPPING_OK where the addresses and the length are fit for `map`; looks at nothing that is mapped. */
  checkMapRange(guest: u64, host: u64, bytes: u64): u32 {
    if (host & PAGE_OFFSET_MASK_4_KIB) return MAPPING_NOT_ALIGNED;
    const status = this.checkRange(guest, bytes);
    if (status != MAPPING_OK) return status;
    const hostEnd: u64 = (<u64>1) << this.physicalAddressBits;
    return host < hostEnd && bytes <= hostEnd - host ? MAPPING_OK : MAPPING_HOST_ADDRESS_TOO_WIDE;
  }

  private checkRange(guest: u64, bytes: u64): u32 {
    if (this.root == 0) return MAPPING_NO_ROOT;
    if (bytes == 0) return MAPPING_RANGE_EMPTY;
    if ((guest | bytes) & PAGE_OFFSET_MASK_4_KIB) return MAPPING_NOT_ALIGNED;
    const fits = guest < GUEST_ADDRESS_END && bytes <= GUEST_ADDRESS_END - guest;
    return fits ? MAPPING_OK : MAPPING_GUEST_ADDRESS_TOO_WIDE;
  }

  private planAndChange(guest: u64, bytes: u64, permissions: u32): u32 {
    let status = this.checkRange(guest, bytes);
    if (status != MAPPING_OK) return status;

    const end = guest + bytes;
    this.tablesNeeded = 0;
    status = this.planChange(this.root, ROOT_LEVEL, guest, end, permissions);
    if (status == MAPPING_OK) this.change(this.root, ROOT_LEVEL, guest, end, permissions);
    return status;
  }

  /** Refuses an overlap and counts the tables that `fill` takes. `table` is 0 for a table that `fill` would make. */
  private planMap(table: usize, level: u32, guest: u64, host: u64, end: u64): u32 {
    if (table == 0 && level == 1) return MAPPING_OK;
    while (guest < end) {
      const next = nextEntry(guest, level, end);
      const fitsPage = this.fitsPage(level, guest, host, next);
      const entry: u64 = table == 0 ? 0 : load<u64>(entryPointer(table, level, guest));
      let status = MAPPING_OK;
      if (this.format.isPresent(entry)) {
        // A table is never empty, so a page that would take its place overlaps something in it.
        const overlaps = fitsPage || this.format.isPage(entry, level);
        status = overlaps ? MAPPING_OVERLAPS : this.planMap(this.tableOf(entry), level - 1, guest, host, next);
      } else if (!fitsPage) {
        status = this.planTable();
        if (status == MAPPING_OK) status = this.planMap(0, level - 1, guest, host, next);
      }
      if (status != MAPPING_OK) return status;
      host += next - guest;
      guest = next;
    }
    return MAPPING_OK;
  }

  /** Refuses a gap and counts the tables that `change` takes. */
  private planChange(table: usize, level: u32, guest: u64, end: u64, permissions: u32): u32 {
    while (guest < end) {
      const next = nextEntry(guest, level, end);
      const entry = load<u64>(entryPointer(table, level, guest));
      let status = MAPPING_OK;
      if (!this.format.isPresent(entry)) {
        status = MAPPING_NOT_MAPPED;
      } else if (!this.format.isPage(entry, level)) {
        status = this.planChange(this.tableOf(entry), level - 1, guest, next, permissions);
      } else if (this.format.permissions(entry) != permissions) {
        status = this.planSplit(level, guest, next);
      }
      if (status != MAPPING_OK) return status;
      guest = next;
    }
    return MAPPING_OK;
  }

  /** Counts the tables that it takes to make [guest, end), which lies in one page of `level`, consist of whole pages. */
  private planSplit(level: u32, guest: u64, end: u64): u32 {
    if (end - guest == entryReach(level)) return MAPPING_OK;
    let status = this.planTable();
    while (status == MAPPING_OK && guest < end) {
      const next = nextEntry(guest, level - 1, end);
      status = this.planSplit(level - 1, guest, next);
      guest = next;
    }
    return status;
  }

  private planTable(): u32 {
    this.tablesNeeded++;
    return this.tablesNeeded <= this.pool.available ? MAPPING_OK : MAPPING_POOL_EXHAUSTED;
  }

  /** Carries out what `planMap` has allowed. */
  private fill(table: usize, level: u32, guest: u64, host: u64, end: u64, permissions: u32, memoryType: u32): void {
    while (guest < end) {
      const next = nextEntry(guest, level, end);
      const pointer = entryPointer(table, level, guest);
      if (this.fitsPage(level, guest, host, next)) {
        this.replace(pointer, this.format.page(host, level, permissions, memoryType));
      } else {
        if (!this.format.isPresent(load<u64>(pointer))) this.replace(pointer, this.referenceTo(this.takeTable()));
        const child = this.tableOf(load<u64>(pointer));
        this.fill(child, level - 1, guest, host, next, permissions, memoryType);
      }
      host += next - guest;
      guest = next;
    }
  }

  /** Carries out what `planChange` has allowed. */
  private change(table: usize, level: u32, guest: u64, end: u64, permissions: u32): void {
    while (guest < end) {
      const next = nextEntry(guest, level, end);
      const pointer = entryPointer(table, level, guest);
      const entry = load<u64>(pointer);
      if (!this.format.isPage(entry, level)) {
        this.changeBelow(pointer, level, guest, next, permissions);
      } else if (this.format.permissions(entry) != permissions) {
        if (next - guest == entryReach(level)) {
          this.replace(pointer, permissions == NO_ACCESS ? 0 : this.format.withPermissions(entry, permissions));
        } else {
          this.split(pointer, level);
          this.changeBelow(pointer, level, guest, next, permissions);
        }
      }
      guest = next;
    }
  }

  /** Changes the range in the table that the entry at `pointer` references, and frees that table if it is empty then. */
  private changeBelow(pointer: usize, level: u32, guest: u64, end: u64, permissions: u32): void {
    const child = this.tableOf(load<u64>(pointer));
    this.change(child, level - 1, guest, end, permissions);
    if (permissions == NO_ACCESS && isEmpty(child)) {
      this.replace(pointer, 0);
      this.pool.free(child);
      // It may have been the table of the last block.
      this.blockGib = NO_GIB;
    }
  }

  /** Puts a table of 512 smaller pages in the place of the page that the entry of `level` at `pointer` maps. */
  private split(pointer: usize, level: u32): void {
    const entry = load<u64>(pointer);
    const child = this.takeTable();
    const end = child + PAGE_BYTES;
    let address = this.format.pageAddress(entry, level);
    for (let part = child; part < end; part += ENTRY_BYTES) {
      store<u64>(part, this.format.partOf(entry, level, address));
      address += entryReach(level - 1);
    }
    this.replace(pointer, this.referenceTo(child));
  }

  /** The only place where an entry that hardware can reach is written, so that no change goes unnoticed. */
  private replace(pointer: usize, after: u64): void {
    if (this.format.needsInvalidation(load<u64>(pointer), after)) this.invalidationIsPending = true;
    store<u64>(pointer, after);
  }

  private fitsPage(level: u32, guest: u64, host: u64, end: u64): bool {
    const bytes = entryReach(level);
    return level <= this.format.largestPageLevel() && end - guest == bytes && (host & (bytes - 1)) == 0;
  }

  private takeTable(): usize {
    const table = this.pool.allocate();
    assert(table != 0, "the pool has a page for every table that was planned");
    return table;
  }

  private referenceTo(table: usize): u64 {
    return this.format.table(this.pool.physicalAddress(table));
  }

  private tableOf(entry: u64): usize {
    return this.pool.pointer(this.format.tableAddress(entry));
  }

  /** Also of an entry that memory has lost: what it references is one of the pool's pages, or nothing. */
  private referencesTable(entry: u64, level: u32): bool {
    if (level == PAGE_LEVEL_4_KIB || !this.format.isPresent(entry) || this.format.isPage(entry, level)) return false;
    return this.pool.holds(this.format.tableAddress(entry), PAGE_BYTES);
  }

  private freeTables(table: usize, level: u32): void {
    const end = table + PAGE_BYTES;
    for (let pointer = table; pointer < end; pointer += ENTRY_BYTES) {
      const entry = load<u64>(pointer);
      if (this.referencesTable(entry, level)) this.freeTables(this.tableOf(entry), level - 1);
    }
    this.pool.free(table);
  }
}

/** Index.ts exports it, to keep it out of the code of each touch of RAM. */
export function mapFirstBlock(tables: PageTables, guest: u64, host: u64, memoryType: u32): bool {
  return tables.mapBlockAnywhere(guest, host, memoryType);
}

/** Bytes that one entry of `level` translates. */
function entryReach(level: u32): u64 {
  return (<u64>PAGE_BYTES) << (INDEX_BITS * (level - 1));
}

/** Where the part of [guest, end) ends that the first entry of `level` translates. */
function nextEntry(guest: u64, level: u32, end: u64): u64 {
  const next = (guest | (entryReach(level) - 1)) + 1;
  return min(next, end);
}

function entryPointer(table: usize, level: u32, guest: u64): usize {
  const index = (guest >> (PAGE_SHIFT + INDEX_BITS * (level - 1))) & ENTRY_INDEX_MASK;
  return table + <usize>index * ENTRY_BYTES;
}

function isEmpty(table: usize): bool {
  const end = table + PAGE_BYTES;
  for (let pointer = table; pointer < end; pointer += ENTRY_BYTES) {
    if (load<u64>(pointer) != 0) return false;
  }
  return true;
}
