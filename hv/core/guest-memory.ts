// The memory of one VM: RAM of its own, or Basalt's for a guest that mirrors the host; and the EPT that maps it.

import { IA32_VMX_EPT_VPID_CAP } from "../x86/msr";
import { PAGE_SIZE_2_MIB } from "../x86/paging";
import { imageEnd, imageStart } from "./hardware";
import { Machine } from "./machine";
import { Ept } from "./memory/ept";
import { ALL_PERMISSIONS } from "./memory/entry-format";
import { MAPPING_OK, mappingStatusText } from "./memory/mapping-status";
import { Translation } from "./memory/page-tables";
import { RESULT_EPT_UNUSABLE, RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "./results";
import { EptInvalidation } from "./vmx/invalidate";

/** RAM of a built-in guest. */
export const RAM_BYTES: u64 = 16 << 20;
/** What `hostAddress` returns where the EPT maps nothing. */
export const NOT_MAPPED: u64 = 0xffffffffffffffff;
/** What a vmm has for its statics and heap. */
export const VMM_OWN_BYTES: u64 = PAGE_SIZE_2_MIB;

export class GuestMemory {
  /** Host-physical addresses of the guest's RAM and of its vmm's own memory; 0 where the guest has none. */
  ram: u64 = 0;
  vmmOwn: u64 = 0;
  /** null: no EPT, so that guest-physical addresses are host-physical ones. */
  private ept: Ept | null = null;
  private readonly translation: Translation = new Translation();

  constructor(
    private readonly machine: Machine,
    private readonly vm: u32,
  ) {}

  /** Takes RAM for the guest and its vmm, and maps the guest's from guest-physical 0 on. RESULT_OK or why not. */
  takeRam(): u32 {
    const machine = this.machine;
    this.ram = machine.memory.allocate(RAM_BYTES, PAGE_SIZE_2_MIB);
    this.vmmOwn = machine.memory.allocate(VMM_OWN_BYTES, PAGE_SIZE_2_MIB);
    if (this.ram == 0 || this.vmmOwn == 0) return tooLittleMemory(machine, this.vm);
    const line = machine.console.debug().text("vm").decimal(this.vm).text(": RAM at ").hex(this.ram, 8);
    line.text(", vmm at ").hex(this.vmmOwn, 8).end();
    return this.map(0, this.ram, RAM_BYTES);
  }

  /**
   * Gives the guest Basalt's own memory, where it is: all that runs with Basalt's CR3 finds its code, its page tables and
   * its descriptor tables in the image. Without EPT there is nothing to do.
   */
  shareImage(hasEpt: bool): u32 {
    return hasEpt ? this.map(imageStart(), imageStart(), imageEnd() - imageStart()) : RESULT_OK;
  }

  private map(guest: u64, host: u64, bytes: u64): u32 {
    const machine = this.machine;
    const capabilities = machine.capabilities.of(IA32_VMX_EPT_VPID_CAP);
    const ept = new Ept(machine.pool, capabilities, machine.mtrrs, machine.maximumPhysicalAddress);
    const status = ept.status == MAPPING_OK ? ept.map(guest, host, bytes, ALL_PERMISSIONS) : ept.status;
    this.ept = ept;
    if (status == MAPPING_OK) return RESULT_OK;
    machine.console.error().text("vm").decimal(this.vm).text(": EPT: ").text(mappingStatusText(status)).end();
    return RESULT_EPT_UNUSABLE;
  }

  /** The EPTP, 0 without EPT. */
  get eptPointer(): u64 {
    const ept = this.ept;
    return ept ? ept.pointer : 0;
  }

  /** The host-physical address of a guest-physical one; NOT_MAPPED where the EPT maps nothing. */
  hostAddress(guest: u64): u64 {
    const ept = this.ept;
    if (!ept) return guest;
    return ept.query(guest, this.translation) == MAPPING_OK ? this.translation.physicalAddress : NOT_MAPPED;
  }

  get invalidation(): EptInvalidation | null {
    const ept = this.ept;
    return ept ? ept.invalidation : null;
  }

  /** Gives the EPT's tables back. RAM stays, as the vmm's address space still maps it. */
  release(): void {
    const ept = this.ept;
    if (ept) ept.release();
    this.ept = null;
  }
}

/** Says what a VM takes and what is there. */
export function tooLittleMemory(machine: Machine, vm: u32): u32 {
  const line = machine.console.error().text("vm").decimal(vm).text(": too little memory: ");
  line
    .decimal(machine.memory.freeBytes >> 20)
    .text(" MiB are free; a VM takes ")
    .decimal(RAM_BYTES >> 20);
  line.text(" MiB of RAM and 2 MiB for its vmm, each in one piece; ").decimal(machine.pool.available);
  line.text(" pages are left for its tables").end();
  return RESULT_TOO_LITTLE_MEMORY;
}
