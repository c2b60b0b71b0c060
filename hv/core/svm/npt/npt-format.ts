// The format of nested page-table entries: that of long mode, walked as a user's access (APM 2 15.25.5 and 5.3).

import {
  MEMORY_TYPE_WB,
  PAGE_ACCESSED,
  PAGE_ADDRESS_MASK,
  PAGE_DIRTY,
  PAGE_EXECUTE_DISABLE,
  PAGE_LARGE,
  PAGE_PRESENT,
  PAGE_USER,
  PAGE_WRITABLE,
} from "../../../x86/paging";
import {
  ALL_PERMISSIONS,
  EntryFormat,
  EXECUTE,
  PAGE_LEVEL_1_GIB,
  PAGE_LEVEL_2_MIB,
  PAGE_LEVEL_4_KIB,
  READ,
  WRITE,
} from "../../memory/entry-format";
import {
  MAPPING_EXECUTE_ONLY_UNSUPPORTED,
  MAPPING_OK,
  MAPPING_UNKNOWN_PERMISSION,
  MAPPING_WITHOUT_ACCESS,
  MAPPING_WRITE_WITHOUT_READ,
} from "../../memory/mapping-status";

/** The guest's accesses count as a user's, whatever its CPL. */
const TABLE: u64 = PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER;
const RIGHTS: u64 = PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER | PAGE_EXECUTE_DISABLE;

/**
 * Nested page-table entries. They hold no memory type but write-back: the processor combines that with the host's MTRRs and
 * the guest's PAT (APM 2 15.25.8), so that memory keeps the type that the MTRRs give it.
 */
export class NptFormat extends EntryFormat {
  constructor(
    /** CPUID.80000001H:EDX[26]. */
    private readonly has1GibPages: bool,
  ) {
    super();
  }

  largestPageLevel(): u32 {
    return this.has1GibPages ? PAGE_LEVEL_1_GIB : PAGE_LEVEL_2_MIB;
  }

  /** Reads cannot be denied where fetches are allowed. */
  checkPermissions(permissions: u32): u32 {
    if (permissions == 0) return MAPPING_WITHOUT_ACCESS;
    if (permissions & ~ALL_PERMISSIONS) return MAPPING_UNKNOWN_PERMISSION;
    if (permissions & READ) return MAPPING_OK;
    return permissions & WRITE ? MAPPING_WRITE_WITHOUT_READ : MAPPING_EXECUTE_ONLY_UNSUPPORTED;
  }

  /** Whatever it is, it is the MTRRs' matter. */
  checkMemoryType(_memoryType: u32): u32 {
    return MAPPING_OK;
  }

  page(address: u64, level: u32, permissions: u32, _memoryType: u32): u64 {
    return address | (level == PAGE_LEVEL_4_KIB ? 0 : PAGE_LARGE) | rights(permissions);
  }

  table(address: u64): u64 {
    return address | TABLE;
  }

  isPresent(entry: u64): bool {
    return (entry & PAGE_PRESENT) != 0;
  }

  isPage(entry: u64, level: u32): bool {
    return level == PAGE_LEVEL_4_KIB || (entry & PAGE_LARGE) != 0;
  }

  // A large page's bit 12 is PAT, and the others below its size are reserved: all are 0 here.
  pageAddress(entry: u64, _level: u32): u64 {
    return entry & PAGE_ADDRESS_MASK;
  }

  tableAddress(entry: u64): u64 {
    return entry & PAGE_ADDRESS_MASK;
  }

  permissions(entry: u64): u32 {
    if (!this.isPresent(entry)) return 0;
    const writable = entry & PAGE_WRITABLE ? WRITE : 0;
    return READ | writable | (entry & PAGE_EXECUTE_DISABLE ? 0 : EXECUTE);
  }

  memoryType(_entry: u64, _level: u32): u32 {
    return MEMORY_TYPE_WB;
  }

  isAccessed(entry: u64): bool {
    return (entry & PAGE_ACCESSED) != 0;
  }

  isDirty(entry: u64): bool {
    return (entry & PAGE_DIRTY) != 0;
  }

  withPermissions(entry: u64, permissions: u32): u64 {
    return (entry & ~RIGHTS) | rights(permissions);
  }

  partOf(entry: u64, level: u32, address: u64): u64 {
    const lost: u64 = level == PAGE_LEVEL_2_MIB ? PAGE_LARGE : 0;
    return (entry & ~(PAGE_ADDRESS_MASK | lost)) | address;
  }

  /** What is not present is not cached, and what allows too little is looked up again before it faults (APM 2 5.5.2). */
  needsInvalidation(before: u64, after: u64): bool {
    if (!this.isPresent(before)) return false;
    const losesRight = (before & ~after & (PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER)) != 0;
    const losesFetch = (after & ~before & PAGE_EXECUTE_DISABLE) != 0;
    return losesRight || losesFetch || ((before ^ after) & ~RIGHTS) != 0;
  }
}

function rights(permissions: u32): u64 {
  if (permissions == 0) return 0;
  const writable = permissions & WRITE ? PAGE_WRITABLE : 0;
  return PAGE_PRESENT | PAGE_USER | writable | (permissions & EXECUTE ? 0 : PAGE_EXECUTE_DISABLE);
}
