// The format of the EPT paging-structure entries and of the EPT pointer (SDM 3C 25.6.11 and 29.3.2).

import {
  EPT_CAP_1_GIB_PAGES,
  EPT_CAP_2_MIB_PAGES,
  EPT_CAP_ACCESSED_AND_DIRTY_FLAGS,
  EPT_CAP_EXECUTE_ONLY,
  EPT_CAP_MEMORY_TYPE_UC,
  EPT_CAP_MEMORY_TYPE_WB,
  EPT_CAP_PAGE_WALK_LENGTH_4,
} from "../../../x86/vmx-capabilities";
import {
  MEMORY_TYPE_UC,
  MEMORY_TYPE_WB,
  MEMORY_TYPE_WC,
  MEMORY_TYPE_WP,
  MEMORY_TYPE_WT,
  PAGE_ADDRESS_MASK,
} from "../../../x86/paging";
import {
  ALL_PERMISSIONS,
  EntryFormat,
  PAGE_LEVEL_1_GIB,
  PAGE_LEVEL_2_MIB,
  PAGE_LEVEL_4_KIB,
  READ,
  WRITE,
} from "../../memory/entry-format";
import {
  EPTP_ABOVE_MAXPHYADDR,
  EPTP_ACCESSED_AND_DIRTY_UNSUPPORTED,
  EPTP_MEMORY_TYPE_UNSUPPORTED,
  EPTP_RESERVED_BITS_SET,
  EPTP_WALK_LENGTH_UNSUPPORTED,
  MAPPING_EXECUTE_ONLY_UNSUPPORTED,
  MAPPING_MEMORY_TYPE_ILLEGAL,
  MAPPING_OK,
  MAPPING_UNKNOWN_PERMISSION,
  MAPPING_WITHOUT_ACCESS,
  MAPPING_WRITE_WITHOUT_READ,
} from "../../memory/mapping-status";

// Bits 2:0 of an entry are READ, WRITE and EXECUTE of entry-format.ts, bit for bit.
const EPT_PERMISSIONS: u64 = ALL_PERMISSIONS;
const EPT_MEMORY_TYPE_SHIFT: u64 = 3;
const EPT_MEMORY_TYPE_MASK: u64 = 7;
const EPT_IGNORE_PAT: u64 = 1 << 6;
const EPT_MAPS_PAGE: u64 = 1 << 7;
const EPT_ACCESSED: u64 = 1 << 8;
const EPT_DIRTY: u64 = 1 << 9;

/**
 * OR it to a memory type to ignore the guest's PAT (bit 6 of the entry). Without it the effective type of an access is
 * the combination of the EPT type with the PAT type of the guest's page, by the table of SDM 3A 12.5.2.2 with the EPT
 * type in the place of the MTRR type (SDM 3C 29.3.7.2); the host's MTRRs have no say of their own.
 */
export const IGNORE_PAT: u32 = 1 << 8;
const LEGAL_MEMORY_TYPES: u32 =
  (1 << MEMORY_TYPE_UC) | (1 << MEMORY_TYPE_WC) | (1 << MEMORY_TYPE_WT) | (1 << MEMORY_TYPE_WP) | (1 << MEMORY_TYPE_WB);

/** EPT entries as far as one processor's IA32_VMX_EPT_VPID_CAP, passed as `capabilities`, allows them. */
export class EptFormat extends EntryFormat {
  constructor(private readonly capabilities: u64) {
    super();
  }

  largestPageLevel(): u32 {
    if (this.capabilities & EPT_CAP_1_GIB_PAGES) return PAGE_LEVEL_1_GIB;
    if (this.capabilities & EPT_CAP_2_MIB_PAGES) return PAGE_LEVEL_2_MIB;
    return PAGE_LEVEL_4_KIB;
  }

  /** Refuses what would be an EPT misconfiguration (SDM 3C 29.3.3.1). */
  checkPermissions(permissions: u32): u32 {
    if (permissions == 0) return MAPPING_WITHOUT_ACCESS;
    if (permissions & ~ALL_PERMISSIONS) return MAPPING_UNKNOWN_PERMISSION;
    if (permissions & READ) return MAPPING_OK;
    if (permissions & WRITE) return MAPPING_WRITE_WITHOUT_READ;
    return this.capabilities & EPT_CAP_EXECUTE_ONLY ? MAPPING_OK : MAPPING_EXECUTE_ONLY_UNSUPPORTED;
  }

  /** Refuses the types 2, 3 and 7, an EPT misconfiguration (SDM 3C 29.3.3.1), and what is no type at all. */
  checkMemoryType(memoryType: u32): u32 {
    const type = memoryType & ~IGNORE_PAT;
    return type <= MEMORY_TYPE_WB && (LEGAL_MEMORY_TYPES >> type) & 1 ? MAPPING_OK : MAPPING_MEMORY_TYPE_ILLEGAL;
  }

  page(address: u64, level: u32, permissions: u32, memoryType: u32): u64 {
    const size: u64 = level == PAGE_LEVEL_4_KIB ? 0 : EPT_MAPS_PAGE;
    const ignorePat: u64 = memoryType & IGNORE_PAT ? EPT_IGNORE_PAT : 0;
    const type = (memoryType & EPT_MEMORY_TYPE_MASK) << EPT_MEMORY_TYPE_SHIFT;
    return address | size | ignorePat | type | permissions;
  }

  table(address: u64): u64 {
    return address | EPT_PERMISSIONS;
  }

  isPresent(entry: u64): bool {
    return (entry & EPT_PERMISSIONS) != 0;
  }

  isPage(entry: u64, level: u32): bool {
    return level == PAGE_LEVEL_4_KIB || (entry & EPT_MAPS_PAGE) != 0;
  }

  // Bits 20:12 or 29:12 of the entry of a large page are reserved and 0.
  pageAddress(entry: u64, _level: u32): u64 {
    return entry & PAGE_ADDRESS_MASK;
  }

  tableAddress(entry: u64): u64 {
    return entry & PAGE_ADDRESS_MASK;
  }

  permissions(entry: u64): u32 {
    return <u32>(entry & EPT_PERMISSIONS);
  }

  memoryType(entry: u64, _level: u32): u32 {
    const type = <u32>((entry >> EPT_MEMORY_TYPE_SHIFT) & EPT_MEMORY_TYPE_MASK);
    return entry & EPT_IGNORE_PAT ? type | IGNORE_PAT : type;
  }

  isAccessed(entry: u64): bool {
    return (entry & EPT_ACCESSED) != 0;
  }

  isDirty(entry: u64): bool {
    return (entry & EPT_DIRTY) != 0;
  }

  withPermissions(entry: u64, permissions: u32): u64 {
    return (entry & ~EPT_PERMISSIONS) | permissions;
  }

  partOf(entry: u64, level: u32, address: u64): u64 {
    const lost: u64 = level == PAGE_LEVEL_2_MIB ? EPT_MAPS_PAGE : 0;
    return (entry & ~(PAGE_ADDRESS_MASK | lost)) | address;
  }

  /**
   * Entries that are not present are never cached, and a cached entry that allows too little is dropped by the EPT
   * violation that it causes, so that the access succeeds when it is tried again (SDM 3C 29.4.3.4).
   */
  needsInvalidation(before: u64, after: u64): bool {
    if (!this.isPresent(before)) return false;
    const losesPermission = (before & ~after & EPT_PERMISSIONS) != 0;
    return losesPermission || ((before ^ after) & ~EPT_PERMISSIONS) != 0;
  }
}

const EPTP_MEMORY_TYPE: u64 = 7;
const EPTP_WALK_LENGTH: u64 = 7 << 3;
const EPTP_WALK_LENGTH_4: u64 = 3 << 3;
const EPTP_ACCESSED_AND_DIRTY: u64 = 1 << 6;
const EPTP_RESERVED: u64 = 0xf80;

/**
 * The EPTP for the PML4 table at host-physical address `root`, with what `capabilities` (IA32_VMX_EPT_VPID_CAP) allows:
 * write-back tables, else uncacheable ones; a walk of 4 levels; accessed and dirty flags where the processor has them.
 * It is not fit for the VMCS before `checkEptPointer` has passed it (SDM 3C 25.6.11).
 */
export function eptPointer(root: u64, capabilities: u64): u64 {
  const memoryType: u64 = capabilities & EPT_CAP_MEMORY_TYPE_WB ? MEMORY_TYPE_WB : MEMORY_TYPE_UC;
  const accessedAndDirty: u64 = capabilities & EPT_CAP_ACCESSED_AND_DIRTY_FLAGS ? EPTP_ACCESSED_AND_DIRTY : 0;
  return root | accessedAndDirty | EPTP_WALK_LENGTH_4 | memoryType;
}

/**
 * MAPPING_OK where VM entry would accept this EPTP, else the rule that it breaks (SDM 3C 27.2.1.1). `capabilities` is
 * IA32_VMX_EPT_VPID_CAP, `physicalAddressBits` is MAXPHYADDR. Supervisor shadow-stack control (bit 7) is not used and
 * so counts as reserved.
 */
export function checkEptPointer(eptp: u64, capabilities: u64, physicalAddressBits: u32): u32 {
  if (eptp >> physicalAddressBits) return EPTP_ABOVE_MAXPHYADDR;
  if (eptp & EPTP_RESERVED) return EPTP_RESERVED_BITS_SET;

  const memoryType = eptp & EPTP_MEMORY_TYPE;
  const allowsMemoryType =
    (memoryType == MEMORY_TYPE_WB && (capabilities & EPT_CAP_MEMORY_TYPE_WB) != 0) ||
    (memoryType == MEMORY_TYPE_UC && (capabilities & EPT_CAP_MEMORY_TYPE_UC) != 0);
  if (!allowsMemoryType) return EPTP_MEMORY_TYPE_UNSUPPORTED;

  if ((eptp & EPTP_WALK_LENGTH) != EPTP_WALK_LENGTH_4 || !(capabilities & EPT_CAP_PAGE_WALK_LENGTH_4)) {
    return EPTP_WALK_LENGTH_UNSUPPORTED;
  }
  if (eptp & EPTP_ACCESSED_AND_DIRTY && !(capabilities & EPT_CAP_ACCESSED_AND_DIRTY_FLAGS)) {
    return EPTP_ACCESSED_AND_DIRTY_UNSUPPORTED;
  }
  return MAPPING_OK;
}
