// INVEPT and INVVPID, and the flags that say before each VM entry which of them is due (SDM 3C 29.4.3).

import {
  EPT_CAP_INVEPT,
  EPT_CAP_INVEPT_ALL_CONTEXTS,
  EPT_CAP_INVEPT_SINGLE_CONTEXT,
  VPID_CAP_INVVPID,
  VPID_CAP_INVVPID_ALL_CONTEXTS,
  VPID_CAP_INVVPID_SINGLE_CONTEXT,
} from "../../x86/vmx-capabilities";
import { invept, invvpid, VM_FAIL_INVALID, VM_SUCCEED } from "../hardware";
import {
  INVEPT_UNSUPPORTED,
  INVEPT_VMFAIL_INVALID,
  INVEPT_VMFAIL_VALID,
  INVVPID_UNSUPPORTED,
  INVVPID_VMFAIL_INVALID,
  INVVPID_VMFAIL_VALID,
  MAPPING_OK,
} from "../memory/mapping-status";
import { EntryWork } from "../memory/entry-work";
import { NestedPaging } from "../memory/nested-paging";
import { PageTables } from "../memory/page-tables";

// Both instructions number these two types alike (SDM 3C 31.3); no type is 0.
const SINGLE_CONTEXT: u32 = 1;
const ALL_CONTEXT: u32 = 2;
const NO_TYPE: u32 = 0;

/**
 * Drops what this processor has cached of the EPT that `eptp` references: its guest-physical mappings and, for all
 * VPIDs, its combined mappings. Takes the widest type where the narrow one is missing. Needs VMX root operation.
 */
export function invalidateEpt(capabilities: u64, eptp: u64): u32 {
  const type = inveptType(capabilities);
  if (type == NO_TYPE) return INVEPT_UNSUPPORTED;
  const result = invept(type, type == SINGLE_CONTEXT ? eptp : 0);
  if (result == VM_SUCCEED) return MAPPING_OK;
  return result == VM_FAIL_INVALID ? INVEPT_VMFAIL_INVALID : INVEPT_VMFAIL_VALID;
}

/** Drops the linear and combined mappings of a VPID, 1 to 65535, and no guest-physical ones. As `invalidateEpt` else. */
export function invalidateVpid(capabilities: u64, vpid: u32): u32 {
  const type = invvpidType(capabilities);
  if (type == NO_TYPE) return INVVPID_UNSUPPORTED;
  const result = invvpid(type, type == SINGLE_CONTEXT ? vpid : 0, 0);
  if (result == VM_SUCCEED) return MAPPING_OK;
  return result == VM_FAIL_INVALID ? INVVPID_VMFAIL_INVALID : INVVPID_VMFAIL_VALID;
}

/** Drops all that this processor has cached of any EPT and any VPID, as far as it can at once. */
export function invalidateAll(capabilities: u64): void {
  if (capabilities & EPT_CAP_INVEPT && capabilities & EPT_CAP_INVEPT_ALL_CONTEXTS) invept(ALL_CONTEXT, 0);
  if (capabilities & VPID_CAP_INVVPID && capabilities & VPID_CAP_INVVPID_ALL_CONTEXTS) invvpid(ALL_CONTEXT, 0, 0);
}

function inveptType(capabilities: u64): u32 {
  if (!(capabilities & EPT_CAP_INVEPT)) return NO_TYPE;
  if (capabilities & EPT_CAP_INVEPT_SINGLE_CONTEXT) return SINGLE_CONTEXT;
  return capabilities & EPT_CAP_INVEPT_ALL_CONTEXTS ? ALL_CONTEXT : NO_TYPE;
}

function invvpidType(capabilities: u64): u32 {
  if (!(capabilities & VPID_CAP_INVVPID)) return NO_TYPE;
  if (capabilities & VPID_CAP_INVVPID_SINGLE_CONTEXT) return SINGLE_CONTEXT;
  return capabilities & VPID_CAP_INVVPID_ALL_CONTEXTS ? ALL_CONTEXT : NO_TYPE;
}

/** MAPPING_OK where a processor with these capabilities has an INVEPT type that `invalidateEpt` can use. */
export function checkInvept(capabilities: u64): u32 {
  return inveptType(capabilities) == NO_TYPE ? INVEPT_UNSUPPORTED : MAPPING_OK;
}

/** The same of INVVPID and `invalidateVpid`. */
export function checkInvvpid(capabilities: u64): u32 {
  return invvpidType(capabilities) == NO_TYPE ? INVVPID_UNSUPPORTED : MAPPING_OK;
}

/** The INVEPT that the changes to one VM's page tables call for. The tables raise the flag, only `flush` lowers it. */
export class EptInvalidation {
  constructor(
    readonly tables: PageTables,
    private readonly eptp: u64,
    private readonly capabilities: u64,
  ) {}

  /** Executes INVEPT if it is due. A failure leaves it due. */
  flush(): u32 {
    if (!this.tables.invalidationIsPending) return MAPPING_OK;
    const status = invalidateEpt(this.capabilities, this.eptp);
    this.tables.invalidationIsPending = status != MAPPING_OK;
    return status;
  }
}

/**
 * The VPID of one vCPU and the INVVPID that is due for it. It is due before the first entry, because another vCPU may
 * have had the number before. VPID 0 stands for "enable VPID" = 0: each entry and exit then drops its mappings itself.
 */
export class VpidInvalidation {
  isPending: bool;

  constructor(
    readonly vpid: u16,
    private readonly capabilities: u64,
  ) {
    this.isPending = vpid != 0;
  }

  /**
   * Has the next `flush` execute INVVPID: when the vCPU is reset, when Basalt changes its CR0, CR3, CR4 or EFER in a way
   * that drops translations on a real processor, and when the vCPU moves to this processor.
   */
  requireInvalidation(): void {
    this.isPending = this.vpid != 0;
  }

  /** Executes INVVPID if it is due. A failure leaves it due. */
  flush(): u32 {
    if (!this.isPending) return MAPPING_OK;
    const status = invalidateVpid(this.capabilities, this.vpid);
    this.isPending = status != MAPPING_OK;
    return status;
  }
}

/**
 * What one vCPU must have done before it is entered: the run loop enters only while neither flag of these two is
 * up. Lint lets nothing else import `vmEnter` but the script of vmx-script, which runs no guest.
 */
export class GuestTranslations {
  /** The flag of the EPT; without EPT one that nothing raises. */
  readonly entryWork: EntryWork;

  /** `ept` is null for a VM without EPT. */
  constructor(
    private readonly ept: NestedPaging | null,
    readonly vpid: VpidInvalidation,
  ) {
    this.entryWork = ept ? ept.entryWork : new EntryWork();
  }

  /** Executes what is due. With a status other than MAPPING_OK it stays due. */
  prepareEntry(): u32 {
    const ept = this.ept;
    const status = ept ? ept.flush() : MAPPING_OK;
    return status == MAPPING_OK ? this.vpid.flush() : status;
  }
}
