// The memory that the VMCSs of guest=mutate refer to: pages, MSR areas and tables, allocated once.

import { VMX_BASIC_REVISION_IDENTIFIER_MASK } from "../../../x86/vmx-capabilities";
import { PAGE_BYTES, PagePool } from "../../memory/page-pool";

/** Entries of each MSR area that are laid out. */
export const AREA_ENTRIES: u32 = 4;

/** An entry of an MSR area: the MSR's index with the reserved bits above it, and its value (SDM 3C 25.7.2). */
@unmanaged
class MsrEntry {
  index: u64;
  value: u64;
}

@unmanaged
class Word64 {
  value: u64;
}
@unmanaged
class Word32 {
  value: u32;
}

const MSR_ENTRY_BYTES: u32 = 16;
const PDPTE_BYTES: u32 = 8;
/** The task-priority register in the virtual-APIC page (SDM 3C 30.1.1). */
const VTPR_OFFSET: u32 = 0x80;

/** Pages of the pool; `isWhole` is false where it had too few. */
export class Surroundings {
  readonly isWhole: bool;
  /** A page of zeroes: as a page table it maps nothing, as a bitmap it asks for nothing. */
  readonly zeroes: u64;
  readonly virtualApic: u64;
  /** Pages that nothing is read from here: the APIC-access page, the PML log, tables of rare features. */
  readonly spare: u64;
  readonly msrStore: u64;
  readonly msrLoad: u64;
  readonly entryLoad: u64;
  /** Four PDPTEs. */
  readonly pdptes: u64;
  /** A VMCS region for the VMCS link pointer. */
  readonly link: u64;
  private readonly pool: PagePool;

  constructor(pool: PagePool, basic: u64) {
    this.pool = pool;
    this.zeroes = this.page();
    this.virtualApic = this.page();
    this.spare = this.page();
    this.msrStore = this.page();
    this.msrLoad = this.page();
    this.entryLoad = this.page();
    this.pdptes = this.page();
    this.link = this.page();
    this.isWhole = this.link != 0;
    if (this.isWhole) this.setLinkRevision(<u32>(basic & VMX_BASIC_REVISION_IDENTIFIER_MASK));
  }

  private page(): u64 {
    const page = this.pool.allocate();
    return page == 0 ? 0 : this.pool.physicalAddress(page);
  }

  setLinkRevision(value: u32): void {
    changetype<Word32>(this.pool.pointer(this.link)).value = value;
  }
  setVtpr(value: u32): void {
    changetype<Word32>(this.pool.pointer(this.virtualApic) + VTPR_OFFSET).value = value;
  }
  /** `n` is 0 to 3. */
  setPdpte(n: u32, value: u64): void {
    assert(n < PAGE_BYTES / PDPTE_BYTES);
    changetype<Word64>(this.pool.pointer(this.pdptes) + n * PDPTE_BYTES).value = value;
  }
  /** Entry `n`, below AREA_ENTRIES, of the area at `area`, which is one of these. */
  setMsrIndex(area: u64, n: u32, index: u64): void {
    this.entry(area, n).index = index;
  }
  setMsrValue(area: u64, n: u32, value: u64): void {
    this.entry(area, n).value = value;
  }

  private entry(area: u64, n: u32): MsrEntry {
    assert(n < AREA_ENTRIES);
    return changetype<MsrEntry>(this.pool.pointer(area) + n * MSR_ENTRY_BYTES);
  }
}
