// AssemblyScript: a second entry format, that of 4-level paging as AMD's nested paging uses it (APM 2 15.25). It proves
// that the builder knows nothing of EPT: here "present" is one bit, "execute" is inverted, and the PAT bit moves.

import { EntryFormat, EXECUTE, PAGE_LEVEL_1_GIB, READ, WRITE } from "../../../hv/core/memory/entry-format";
import {
  MAPPING_MEMORY_TYPE_ILLEGAL,
  MAPPING_OK,
  MAPPING_WRITE_WITHOUT_READ,
} from "../../../hv/core/memory/mapping-status";
import {
  PAGE_ACCESSED,
  PAGE_ADDRESS_MASK,
  PAGE_CACHE_DISABLE,
  PAGE_DIRTY,
  PAGE_EXECUTE_DISABLE,
  PAGE_LARGE,
  PAGE_PAT_4_KIB,
  PAGE_PAT_LARGE,
  PAGE_PRESENT,
  PAGE_USER,
  PAGE_WRITABLE,
  PAGE_WRITE_THROUGH,
} from "../../../hv/x86/paging";

const PERMISSIONS: u64 = PAGE_WRITABLE | PAGE_EXECUTE_DISABLE;

/** The memory type is the index of a PAT entry, 0 to 7. */
export class NestedPagingFormat extends EntryFormat {
  largestPageLevel(): u32 {
    return PAGE_LEVEL_1_GIB;
  }

  checkPermissions(permissions: u32): u32 {
    return permissions & READ ? MAPPING_OK : MAPPING_WRITE_WITHOUT_READ;
  }

  checkMemoryType(memoryType: u32): u32 {
    return memoryType < 8 ? MAPPING_OK : MAPPING_MEMORY_TYPE_ILLEGAL;
  }

  page(address: u64, level: u32, permissions: u32, memoryType: u32): u64 {
    let entry = address | PAGE_PRESENT | PAGE_USER | encodedPermissions(permissions);
    if (level > 1) entry |= PAGE_LARGE;
    if (memoryType & 1) entry |= PAGE_WRITE_THROUGH;
    if (memoryType & 2) entry |= PAGE_CACHE_DISABLE;
    if (memoryType & 4) entry |= patBit(level);
    return entry;
  }

  table(address: u64): u64 {
    return address | PAGE_PRESENT | PAGE_USER | PAGE_WRITABLE;
  }

  isPresent(entry: u64): bool {
    return (entry & PAGE_PRESENT) != 0;
  }

  isPage(entry: u64, level: u32): bool {
    return level == 1 || (entry & PAGE_LARGE) != 0;
  }

  pageAddress(entry: u64, level: u32): u64 {
    return entry & PAGE_ADDRESS_MASK & ~(level > 1 ? PAGE_PAT_LARGE : 0);
  }

  tableAddress(entry: u64): u64 {
    return entry & PAGE_ADDRESS_MASK;
  }

  permissions(entry: u64): u32 {
    const write: u32 = entry & PAGE_WRITABLE ? WRITE : 0;
    const execute: u32 = entry & PAGE_EXECUTE_DISABLE ? 0 : EXECUTE;
    return READ | write | execute;
  }

  memoryType(entry: u64, level: u32): u32 {
    const low = <u32>((entry & (PAGE_WRITE_THROUGH | PAGE_CACHE_DISABLE)) >> 3);
    return entry & patBit(level) ? low | 4 : low;
  }

  isAccessed(entry: u64): bool {
    return (entry & PAGE_ACCESSED) != 0;
  }

  isDirty(entry: u64): bool {
    return (entry & PAGE_DIRTY) != 0;
  }

  withPermissions(entry: u64, permissions: u32): u64 {
    return (entry & ~PERMISSIONS) | encodedPermissions(permissions);
  }

  partOf(entry: u64, level: u32, address: u64): u64 {
    const flags = entry & ~(PAGE_ADDRESS_MASK | PAGE_LARGE);
    const size: u64 = level - 1 > 1 ? PAGE_LARGE : 0;
    const pat: u64 = entry & PAGE_PAT_LARGE ? patBit(level - 1) : 0;
    return flags | size | pat | address;
  }

  needsInvalidation(before: u64, after: u64): bool {
    return this.isPresent(before) && before != after;
  }
}

function patBit(level: u32): u64 {
  return level > 1 ? PAGE_PAT_LARGE : PAGE_PAT_4_KIB;
}

function encodedPermissions(permissions: u32): u64 {
  const write: u64 = permissions & WRITE ? PAGE_WRITABLE : 0;
  const execute: u64 = permissions & EXECUTE ? 0 : PAGE_EXECUTE_DISABLE;
  return write | execute;
}
