// Page sizes, paging-structure entry bits and memory types (SDM 3A 4.5, 12.3 and 12.12).

// SDM 3A 4.5: pages and the structures of 4-level paging, 512 entries of 8 bytes each.
export const PAGE_SHIFT_4_KIB: u64 = 12;
export const PAGE_SHIFT_2_MIB: u64 = 21;
export const PAGE_SHIFT_1_GIB: u64 = 30;
export const PAGE_SHIFT_512_GIB: u64 = 39;
export const PAGE_SIZE_4_KIB: u64 = 0x1000;
export const PAGE_SIZE_2_MIB: u64 = 0x200000;
export const PAGE_SIZE_1_GIB: u64 = 0x40000000;
export const PAGE_OFFSET_MASK_4_KIB: u64 = 0xfff;
export const PAGE_OFFSET_MASK_2_MIB: u64 = 0x1fffff;
export const PAGE_OFFSET_MASK_1_GIB: u64 = 0x3fffffff;
export const ENTRIES_PER_TABLE: u32 = 512;
export const ENTRY_INDEX_MASK: u64 = 0x1ff;

// SDM 3A 4.5.4: bits of an entry.
export const PAGE_PRESENT: u64 = 1 << 0;
export const PAGE_WRITABLE: u64 = 1 << 1;
export const PAGE_USER: u64 = 1 << 2;
export const PAGE_WRITE_THROUGH: u64 = 1 << 3;
export const PAGE_CACHE_DISABLE: u64 = 1 << 4;
export const PAGE_ACCESSED: u64 = 1 << 5;
export const PAGE_DIRTY: u64 = 1 << 6;
/** In a PDE or PDPTE: the entry maps a 2-MiB or 1-GiB page. */
export const PAGE_LARGE: u64 = 1 << 7;
/** The PAT bit of a PTE, at the place of PAGE_LARGE. */
export const PAGE_PAT_4_KIB: u64 = 1 << 7;
/** The PAT bit of an entry that maps a 2-MiB or 1-GiB page. */
export const PAGE_PAT_LARGE: u64 = 1 << 12;
export const PAGE_GLOBAL: u64 = 1 << 8;
export const PAGE_PROTECTION_KEY_SHIFT: u64 = 59;
export const PAGE_PROTECTION_KEY_MASK: u64 = 0xf;
/** XD: legal only with IA32_EFER.NXE = 1. */
export const PAGE_EXECUTE_DISABLE: u64 = 0x8000000000000000;
/** Bits 51:12; those from MAXPHYADDR up are reserved and must be 0. */
export const PAGE_ADDRESS_MASK: u64 = 0xffffffffff000;

// SDM 3A 12.3, table 12-2: memory types as MTRRs, PAT, EPT and VMX capability MSRs encode them.
export const MEMORY_TYPE_UC: u32 = 0;
export const MEMORY_TYPE_WC: u32 = 1;
export const MEMORY_TYPE_WT: u32 = 4;
export const MEMORY_TYPE_WP: u32 = 5;
export const MEMORY_TYPE_WB: u32 = 6;
/** UC-: in the PAT only. */
export const MEMORY_TYPE_UC_MINUS: u32 = 7;

// SDM 3A 12.12: entry n of IA32_PAT is its byte n; a page's n is PAT * 4 + PCD * 2 + PWT.
export const PAT_ENTRIES: u32 = 8;
export const PAT_ENTRY_BITS: u32 = 8;
export const PAT_ENTRY_MASK: u64 = 0x7;
export const PAT_INDEX_PWT: u32 = 1;
export const PAT_INDEX_PCD: u32 = 2;
export const PAT_INDEX_PAT: u32 = 4;
/** IA32_PAT after reset: WB, WT, UC-, UC, twice. */
export const PAT_RESET: u64 = 0x7040600070406;
