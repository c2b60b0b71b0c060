// The memory of one VM: RAM of its own, or Basalt's for a guest that mirrors the host; and the nested paging that maps it.

import { imageEnd, imageStart, MAP_NOTHING, MAP_WRITABLE, rdtscLow, replicaBytes, vmmMap } from "./hardware";
import { Machine } from "./machine";
import { BLOCK_BYTES, BLOCK_SHIFT, BLOCK_TYPE_MASK } from "./memory/block-pool";
import { ALL_PERMISSIONS } from "./memory/entry-format";
import { MAPPING_OK, mappingStatusText } from "./memory/mapping-status";
import { NestedPaging } from "./memory/nested-paging";
import { PagePool } from "./memory/page-pool";
import { RESULT_EPT_UNUSABLE, RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "./results";

/** RAM of a built-in guest for which none is asked. */
export const BUILT_IN_RAM_BYTES: u64 = 16 << 20;
/** What `hostAddress` returns where nothing is mapped. */
export const NOT_MAPPED: u64 = 0xffffffffffffffff;

// What came of `populate`.
/** There was nothing yet, and now there are zeroes. */
export const POPULATED: u32 = 0;
/** Memory is there. */
export const WAS_POPULATED: u32 = 1;
/** The address is none of RAM. */
export const BEYOND_RAM: u32 = 2;
/** No block is free, or no page for a table: `tooLittleMemory` has been said. */
export const NO_MEMORY_LEFT: u32 = 3;

/**
 * RAM is made of blocks (memory/block-pool.ts). Guest and vmm find all of it full of zeroes, but a block is only taken, and
 * zeroed, when one of them first touches it, or at the start with the boot option `populate=start`.
 */
export class GuestMemory {
  /** null: none, so that guest-physical addresses are host-physical ones. */
  nestedPaging: NestedPaging | null = null;
  /** Of each block of RAM the host-physical address, with its memory type in the low bits; 0: nobody has touched it. */
  private readonly blocks: StaticArray<u64>;
  /** TSC ticks that finding and zeroing them took. */
  zeroingTicks: u64 = 0;

  /** The VM's number, the slot that its vmm has, and where its page tables come from. */
  constructor(
    private readonly machine: Machine,
    private readonly vm: u32,
    /** What the console calls the VM. */
    readonly vmName: string,
    readonly slot: u32,
    readonly pool: PagePool,
    /**
     * Guest RAM is [0, ramBytes), at most 3 GiB and a multiple of BLOCK_BYTES, for which blocks are reserved; 0 where the guest
     * has none of its own.
     */
    readonly ramBytes: u64,
  ) {
    this.blocks = new StaticArray<u64>(<i32>(ramBytes >> BLOCK_SHIFT));
  }

  /** Gives the guest RAM of its own. RESULT_OK or why not. */
  takeRam(): u32 {
    const machine = this.machine;
    const paging = machine.virtualization.newNestedPaging(machine, this.pool);
    this.nestedPaging = paging;
    if (paging.status != MAPPING_OK) return this.unusable(paging.status);
    if (!machine.options.populatesAtStart) return RESULT_OK;
    for (let guest: u64 = 0; guest < this.ramBytes; guest += BLOCK_BYTES) {
      if (this.populate(guest) != POPULATED) return RESULT_TOO_LITTLE_MEMORY;
    }
    return RESULT_OK;
  }

  /**
   * Gives the guest Basalt's own memory, where it is: all that runs with Basalt's CR3 finds its code, its page tables and
   * its descriptor tables in the image, or in this CPU's copy of it. Without nested paging there is nothing to do.
   */
  shareImage(hasNestedPaging: bool): u32 {
    if (!hasNestedPaging) return RESULT_OK;
    const machine = this.machine;
    const paging = machine.virtualization.newNestedPaging(machine, this.pool);
    this.nestedPaging = paging;
    const replica = machine.replica;
    let status = paging.status;
    if (status == MAPPING_OK)
      status = paging.map(imageStart(), imageStart(), imageEnd() - imageStart(), ALL_PERMISSIONS);
    if (status == MAPPING_OK && replica != 0) status = paging.map(replica, replica, replicaBytes(), ALL_PERMISSIONS);
    return status == MAPPING_OK ? RESULT_OK : this.unusable(status);
  }

  private unusable(status: u32): u32 {
    const line = this.machine.console.error().text(this.vmName).text(": nested paging: ");
    line.text(mappingStatusText(status)).end();
    return RESULT_EPT_UNUSABLE;
  }

  /** Has memory at guest-physical `guest` for the guest, and says whether it had. Allocates nothing in core's heap. */
  populate(guest: u64): u32 {
    if (guest >= this.ramBytes) return BEYOND_RAM;
    const n = <u32>(guest >> BLOCK_SHIFT);
    if (unchecked(this.blocks[n]) != 0) return WAS_POPULATED;
    const start = rdtscLow();
    const block = this.machine.blocks.take();
    this.zeroingTicks += rdtscLow() - start;
    if (block == 0 || !this.nestedPaging!.mapBlock(guest, block)) return this.giveUp(block);
    unchecked((this.blocks[n] = block));
    return POPULATED;
  }

  private giveUp(block: u64): u32 {
    if (block == 0) {
      tooLittleMemory(this.machine, this.vmName, this.ramBytes, 0);
    } else {
      this.machine.blocks.putBack(block);
      tooFewPages(this.machine, this.vmName, this.pool);
    }
    return NO_MEMORY_LEFT;
  }

  /** The vmm touches an address of RAM that is not mapped in its memory: maps the block there. False: it cannot be had. */
  populateForVmm(address: u64): bool {
    const status = this.populate(address);
    if (status > WAS_POPULATED) return false;
    const n = <u32>(address >> BLOCK_SHIFT);
    return vmmMap(this.slot, (<u64>n) << BLOCK_SHIFT, this.hostBlock(n), BLOCK_BYTES, MAP_WRITABLE) == 0;
  }

  private hostBlock(n: u32): u64 {
    return this.blocks[n] & ~BLOCK_TYPE_MASK;
  }

  /** What the processor is given to find the tables; 0 without nested paging. */
  get pagingPointer(): u64 {
    const paging = this.nestedPaging;
    return paging ? paging.pointer : 0;
  }

  /** Blocks of RAM that guest or vmm have touched. */
  get blocksTaken(): u32 {
    let taken: u32 = 0;
    for (let n = 0; n < this.blocks.length; n++) {
      if (this.blocks[n] != 0) taken++;
    }
    return taken;
  }

  /** Whether a guest-physical address is the guest's memory: RAM that nobody has touched yet, too. */
  holds(guest: u64): bool {
    return guest < this.ramBytes || this.hostAddress(guest) != NOT_MAPPED;
  }

  /** The host-physical address of a guest-physical one, whatever the guest may do there; NOT_MAPPED where nothing is. */
  hostAddress(guest: u64): u64 {
    if (this.ramBytes == 0) return this.hostAddressInImage(guest);
    if (guest >= this.ramBytes) return NOT_MAPPED;
    const block = this.hostBlock(<u32>(guest >> BLOCK_SHIFT));
    return block == 0 ? NOT_MAPPED : block | (guest & (BLOCK_BYTES - 1));
  }

  private hostAddressInImage(guest: u64): u64 {
    const replica = this.machine.replica;
    const isInImage = guest >= imageStart() && guest < imageEnd();
    const isInReplica = replica != 0 && guest >= replica && guest < replica + replicaBytes();
    return !this.nestedPaging || isInImage || isInReplica ? guest : NOT_MAPPED;
  }

  /** Says that the VM's own pages do not suffice. */
  sayNoPageLeft(): u32 {
    return tooFewPages(this.machine, this.vmName, this.pool);
  }

  /** Takes RAM from its vmm on this CPU. */
  depart(): void {
    for (let n = 0; n < this.blocks.length; n++) {
      if (this.blocks[n] != 0) vmmMap(this.slot, (<u64>n) << BLOCK_SHIFT, this.hostBlock(n), BLOCK_BYTES, MAP_NOTHING);
    }
  }

  /** Maps what there is of RAM for its vmm on this CPU. False where page tables ran out. */
  arrive(): bool {
    for (let n = 0; n < this.blocks.length; n++) {
      if (this.blocks[n] == 0) continue;
      if (vmmMap(this.slot, (<u64>n) << BLOCK_SHIFT, this.hostBlock(n), BLOCK_BYTES, MAP_WRITABLE) != 0) return false;
    }
    return true;
  }

  /** Gives RAM back: neither the guest nor its vmm runs again. The tables go with the VM's area. */
  release(): void {
    let untaken = this.blocks.length;
    for (let n = 0; n < this.blocks.length; n++) {
      if (this.blocks[n] == 0) continue;
      this.takeFromVmm((<u64>n) << BLOCK_SHIFT, this.blocks[n]);
      this.blocks[n] = 0;
      untaken--;
    }
    this.machine.blocks.unreserve(untaken);
  }

  private takeFromVmm(address: u64, block: u64): void {
    // A block is given back only once nothing of the ended VM reaches it.
    const isGone = vmmMap(this.slot, address, block & ~BLOCK_TYPE_MASK, BLOCK_BYTES, MAP_NOTHING) == 0;
    if (isGone) this.machine.blocks.giveBack(block);
  }
}

/** Says what a VM with `ramBytes` of RAM, and `diskBytes` of RAM disk, takes and what is there. */
export function tooLittleMemory(machine: Machine, vmName: string, ramBytes: u64, diskBytes: u64): u32 {
  const line = machine.console.error().text(vmName).text(": too little memory: ");
  line
    .decimal((machine.blocks.available * BLOCK_BYTES) >> 20)
    .text(" MiB are free; a VM takes ")
    .decimal(ramBytes >> 20);
  line.text(" MiB of RAM");
  if (diskBytes != 0)
    line
      .text(", ")
      .decimal(diskBytes >> 20)
      .text(" MiB of RAM disk");
  line.text(" and 2 MiB for all else, in pieces of 2 MiB").end();
  return RESULT_TOO_LITTLE_MEMORY;
}

/** Says that a VM's own pages, `pool`, do not suffice. No method: `populate`, which it is inlined into, keeps a register by that. */
function tooFewPages(machine: Machine, vmName: string, pool: PagePool): u32 {
  const line = machine.console.error().text(vmName).text(": too little memory: ").decimal(pool.inUse);
  line
    .text(" of its ")
    .decimal(pool.inUse + pool.available)
    .text(" pages for tables are in use, and more are needed")
    .end();
  return RESULT_TOO_LITTLE_MEMORY;
}
