// The EPT of one VM: its page tables, its EPTP and the invalidation that its changes call for.

import { Console } from "../../console/console";
import { checkInvept, EptInvalidation } from "../invalidate";
import { checkEptPointer, EptFormat, eptPointer } from "./ept-format";
import { explainMisconfiguration } from "./misconfiguration";
import { MAPPING_OK, MAPPING_POOL_EXHAUSTED } from "../../memory/mapping-status";
import { Mtrrs } from "../../memory/memory-type";
import { PagePool } from "../../memory/page-pool";
import { NestedPaging } from "../../memory/nested-paging";
import { PageTables, Translation } from "../../memory/page-tables";

/** No processor's MAXPHYADDR is smaller (SDM 3A 4.1.4). */
const LEAST_MAXPHYADDR: u32 = 32;

/**
 * MAPPING_OK where a processor whose IA32_VMX_EPT_VPID_CAP is `capabilities` can use an Ept, wherever its tables lie, else
 * what it lacks (SDM 3D A.10).
 */
export function checkEptSupport(capabilities: u64): u32 {
  const status = checkEptPointer(eptPointer(0, capabilities), capabilities, LEAST_MAXPHYADDR);
  return status == MAPPING_OK ? checkInvept(capabilities) : status;
}

/**
 * Guest-physical memory of one VM. The tables are private and every change to them raises the flag that `invalidation`
 * tests, so whoever enters the VM by way of `GuestTranslations.prepareEntry` cannot enter with stale translations.
 * An Ept belongs to one processor; another one may run the VM only after `requireInvalidation`.
 */
export class Ept extends NestedPaging {
  private readonly eptp: u64;
  private readonly support: u32;
  readonly invalidation!: EptInvalidation;

  /**
   * `capabilities` is IA32_VMX_EPT_VPID_CAP and `physicalAddressBits` is MAXPHYADDR. Takes one page of the pool for the
   * PML4 table; it is given back where `status` is not MAPPING_OK.
   */
  constructor(
    pool: PagePool,
    private readonly capabilities: u64,
    private readonly mtrrs: Mtrrs,
    private readonly physicalAddressBits: u32,
  ) {
    super(new PageTables(pool, new EptFormat(capabilities), physicalAddressBits));
    const tables = this.tables;
    const pointer = eptPointer(pool.physicalAddress(tables.root), capabilities);
    const invalidation = new EptInvalidation(tables, pointer, capabilities);

    let status = tables.root == 0 ? MAPPING_POOL_EXHAUSTED : MAPPING_OK;
    if (status == MAPPING_OK) status = checkEptPointer(pointer, capabilities, physicalAddressBits);
    if (status == MAPPING_OK) status = checkInvept(capabilities);
    if (status != MAPPING_OK) tables.release();

    this.support = status;
    this.eptp = status == MAPPING_OK ? pointer : 0;
    this.invalidation = invalidation;
  }

  /** The EPTP for the VMCS; 0 where `status` is not MAPPING_OK. */
  get pointer(): u64 {
    return this.eptp;
  }

  get status(): u32 {
    return this.support;
  }

  /**
   * Maps memory with the type that the MTRRs give it, page by page, and leaves the guest's PAT in force. See
   * `PageTables.map` for the rules; maps all of the range or nothing.
   */
  map(guest: u64, host: u64, bytes: u64, permissions: u32): u32 {
    if (this.support != MAPPING_OK) return this.support;
    let status = this.tables.checkMapRange(guest, host, bytes);
    if (status != MAPPING_OK) return status;

    let done: u64 = 0;
    while (done < bytes && status == MAPPING_OK) {
      const run = this.mtrrs.uniformBytes(host + done, bytes - done);
      status = this.tables.map(guest + done, host + done, run, permissions, this.mtrrs.typeOf(host + done));
      if (status == MAPPING_OK) done += run;
    }
    // The pages mapped so far end where the range was cut, so that this splits none and cannot be refused.
    if (status != MAPPING_OK && done != 0) this.tables.unmap(guest, done);
    return status;
  }

  /** See `PageTables.unmap`. */
  unmap(guest: u64, bytes: u64): u32 {
    return this.support == MAPPING_OK ? this.tables.unmap(guest, bytes) : this.support;
  }

  /** See `PageTables.protect`. */
  protect(guest: u64, bytes: u64, permissions: u32): u32 {
    return this.support == MAPPING_OK ? this.tables.protect(guest, bytes, permissions) : this.support;
  }

  /** See `PageTables.query`. */
  query(guest: u64, into: Translation): u32 {
    return this.support == MAPPING_OK ? this.tables.query(guest, into) : this.support;
  }

  explainEntry(guest: u64, line: Console): void {
    explainMisconfiguration(this.tables, guest, this.capabilities, this.physicalAddressBits, line);
  }

  /** Executes INVEPT if a change since the last one calls for it. Costs one test otherwise. */
  flush(): u32 {
    return this.invalidation.flush();
  }

  /** Has the next `flush` execute INVEPT: for a processor that may have cached this EPT before. */
  requireInvalidation(): void {
    this.tables.invalidationIsPending = true;
  }

  /** Gives every table back to the pool. The VM must not be entered again. */
  release(): void {
    this.tables.release();
  }
}
