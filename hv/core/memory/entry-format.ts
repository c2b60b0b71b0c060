// What the page-table builder asks of an entry format. EPT is one; nested paging and an IOMMU are further ones.

export const READ: u32 = 1 << 0;
export const WRITE: u32 = 1 << 1;
export const EXECUTE: u32 = 1 << 2;
export const ALL_PERMISSIONS: u32 = READ | WRITE | EXECUTE;

/** A level is the number of tables from an entry to the page: entries of level 1 map 4 KiB, 2: 2 MiB, 3: 1 GiB. */
export const PAGE_LEVEL_4_KIB: u32 = 1;
export const PAGE_LEVEL_2_MIB: u32 = 2;
export const PAGE_LEVEL_1_GIB: u32 = 3;

/**
 * How one architecture writes the 64-bit entries of its paging structures. The builder decides what to map where; only
 * a format knows which bit says so. An entry of 0 is not present in every format.
 */
export abstract class EntryFormat {
  /** The highest level whose entries may map a page. */
  abstract largestPageLevel(): u32;

  /** MAPPING_OK, or why the format or this processor cannot express these permissions. */
  abstract checkPermissions(permissions: u32): u32;

  /** MAPPING_OK, or why the format cannot express this memory type. */
  abstract checkMemoryType(memoryType: u32): u32;

  /** The entry of `level` that maps the page at `address`. Permissions and memory type have been checked. */
  abstract page(address: u64, level: u32, permissions: u32, memoryType: u32): u64;

  /** The entry, above level 1, that references the table at `address` and leaves the permissions to that table. */
  abstract table(address: u64): u64;

  abstract isPresent(entry: u64): bool;

  /** Whether a present entry of `level` maps a page; otherwise it references a table. */
  abstract isPage(entry: u64, level: u32): bool;

  abstract pageAddress(entry: u64, level: u32): u64;

  abstract tableAddress(entry: u64): u64;

  abstract permissions(entry: u64): u32;

  abstract memoryType(entry: u64, level: u32): u32;

  abstract isAccessed(entry: u64): bool;

  abstract isDirty(entry: u64): bool;

  /** The same page with other permissions; all else, the accessed and dirty flags included, stays. */
  abstract withPermissions(entry: u64, permissions: u32): u64;

  /** The entry of the level below `level` for the part of a page at `address`; all but size and address stays. */
  abstract partOf(entry: u64, level: u32, address: u64): u64;

  /** Whether hardware may use `before` from a cache, to a wrong effect, after it was replaced by `after` in memory. */
  abstract needsInvalidation(before: u64, after: u64): bool;
}
