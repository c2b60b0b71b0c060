// The nested page tables of one VM.

import { MEMORY_TYPE_WB } from "../../../x86/paging";
import { Console } from "../../console/console";
import { MAPPING_OK, MAPPING_POOL_EXHAUSTED } from "../../memory/mapping-status";
import { NestedPaging } from "../../memory/nested-paging";
import { PagePool } from "../../memory/page-pool";
import { PageTables, Translation } from "../../memory/page-tables";
import { NptFormat } from "./npt-format";

const LEVELS: u32 = 4;
const ENTRY_NAMES: StaticArray<string> = ["", "nested PTE", "nested PDE", "nested PDPE", "nested PML4E"];

/**
 * Guest-physical memory of one VM. Every change that the processor may have cached raises the flag in `entryWork`, whose
 * `flush` is a TLB_CONTROL of the next VMRUN (hv/core/svm/work.ts).
 */
export class Npt extends NestedPaging {
  private readonly root: u64;

  /** `physicalAddressBits` is MAXPHYADDR. Takes one page of the pool. */
  constructor(pool: PagePool, physicalAddressBits: u32, has1GibPages: bool) {
    super(new PageTables(pool, new NptFormat(has1GibPages), physicalAddressBits));
    const root = this.tables.root;
    this.root = root == 0 ? 0 : pool.physicalAddress(root);
  }

  /** nCR3. */
  get pointer(): u64 {
    return this.root;
  }

  get status(): u32 {
    return this.root == 0 ? MAPPING_POOL_EXHAUSTED : MAPPING_OK;
  }

  map(guest: u64, host: u64, bytes: u64, permissions: u32): u32 {
    return this.tables.map(guest, host, bytes, permissions, MEMORY_TYPE_WB);
  }

  unmap(guest: u64, bytes: u64): u32 {
    return this.tables.unmap(guest, bytes);
  }

  protect(guest: u64, bytes: u64, permissions: u32): u32 {
    return this.tables.protect(guest, bytes, permissions);
  }

  query(guest: u64, into: Translation): u32 {
    return this.tables.query(guest, into);
  }

  /** The entries as they are: the processor says only that one has a reserved bit. */
  explainEntry(guest: u64, line: Console): void {
    for (let level = LEVELS; level >= 1; level--) {
      if (level != LEVELS) line.text(", ");
      line.text(ENTRY_NAMES[level]).text(" ").hex(this.tables.entryAt(guest, level), 16);
    }
  }

  flush(): u32 {
    this.tables.invalidationIsPending = false;
    return MAPPING_OK;
  }
}
