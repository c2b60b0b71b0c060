// The memory of one VM: RAM of its own, or Basalt's for a guest that mirrors the host; and the nested paging that maps it.

import { PAGE_SIZE_2_MIB } from "../x86/paging";
import { imageEnd, imageStart } from "./hardware";
import { Machine } from "./machine";
import { ALL_PERMISSIONS } from "./memory/entry-format";
import { MAPPING_OK, mappingStatusText } from "./memory/mapping-status";
import { NestedPaging } from "./memory/nested-paging";
import { Translation } from "./memory/page-tables";
import { RESULT_EPT_UNUSABLE, RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "./results";

/** RAM of a built-in guest; that of a boot module is BootOptions.memory. */
export const BUILT_IN_RAM_BYTES: u64 = 16 << 20;
/** What `hostAddress` returns where nothing is mapped. */
export const NOT_MAPPED: u64 = 0xffffffffffffffff;
/** What a vmm has for its statics and heap. */
export const VMM_OWN_BYTES: u64 = PAGE_SIZE_2_MIB;

export class GuestMemory {
  /** Host-physical addresses of the guest's RAM and of its vmm's own memory; 0 where the guest has none. */
  ram: u64 = 0;
  ramBytes: u64 = 0;
  vmmOwn: u64 = 0;
  /** null: none, so that guest-physical addresses are host-physical ones. */
  nestedPaging: NestedPaging | null = null;
  private readonly translation: Translation = new Translation();

  constructor(
    private readonly machine: Machine,
    private readonly vm: u32,
  ) {}

  /** Takes `bytes` of RAM, whole large pages, for the guest and its vmm, and maps the guest's from guest-physical 0 on. RESULT_OK or why not. */
  takeRam(bytes: u64): u32 {
    const machine = this.machine;
    this.ramBytes = bytes;
    this.ram = machine.memory.allocate(bytes, PAGE_SIZE_2_MIB);
    this.vmmOwn = machine.memory.allocate(VMM_OWN_BYTES, PAGE_SIZE_2_MIB);
    if (this.ram == 0 || this.vmmOwn == 0) return tooLittleMemory(machine, this.vm, bytes);
    const line = machine.console.debug().text("vm").decimal(this.vm).text(": RAM at ").hex(this.ram, 8);
    line.text(", vmm at ").hex(this.vmmOwn, 8).end();
    return this.map(0, this.ram, bytes);
  }

  /**
   * Gives the guest Basalt's own memory, where it is: all that runs with Basalt's CR3 finds its code, its page tables and
   * its descriptor tables in the image. Without nested paging there is nothing to do.
   */
  shareImage(hasNestedPaging: bool): u32 {
    return hasNestedPaging ? this.map(imageStart(), imageStart(), imageEnd() - imageStart()) : RESULT_OK;
  }

  private map(guest: u64, host: u64, bytes: u64): u32 {
    const machine = this.machine;
    const paging = machine.virtualization.newNestedPaging(machine);
    const status = paging.status == MAPPING_OK ? paging.map(guest, host, bytes, ALL_PERMISSIONS) : paging.status;
    this.nestedPaging = paging;
    if (status == MAPPING_OK) return RESULT_OK;
    machine.console.error().text("vm").decimal(this.vm).text(": nested paging: ").text(mappingStatusText(status)).end();
    return RESULT_EPT_UNUSABLE;
  }

  /** What the processor is given to find the tables; 0 without nested paging. */
  get pagingPointer(): u64 {
    const paging = this.nestedPaging;
    return paging ? paging.pointer : 0;
  }

  /** The host-physical address of a guest-physical one; NOT_MAPPED where nothing is mapped. */
  hostAddress(guest: u64): u64 {
    const paging = this.nestedPaging;
    if (!paging) return guest;
    return paging.query(guest, this.translation) == MAPPING_OK ? this.translation.physicalAddress : NOT_MAPPED;
  }

  /** Gives the tables back. RAM stays, as the vmm's address space still maps it. */
  release(): void {
    const paging = this.nestedPaging;
    if (paging) paging.release();
    this.nestedPaging = null;
  }
}

/** Says what a VM with `ramBytes` of RAM takes and what is there. */
export function tooLittleMemory(machine: Machine, vm: u32, ramBytes: u64): u32 {
  const line = machine.console.error().text("vm").decimal(vm).text(": too little memory: ");
  line
    .decimal(machine.memory.freeBytes >> 20)
    .text(" MiB are free; a VM takes ")
    .decimal(ramBytes >> 20);
  line.text(" MiB of RAM and 2 MiB for its vmm, each in one piece; ").decimal(machine.pool.available);
  line.text(" pages are left for its tables").end();
  return RESULT_TOO_LITTLE_MEMORY;
}
