// The RAM disk of a VM: blocks of the machine's memory, mapped in its vmm's memory only, which begin as zeroes.

import { MAP_NOTHING, MAP_WRITABLE, vmmMap } from "./hardware";
import { Machine } from "./machine";
import { BLOCK_BYTES, BLOCK_SHIFT, BLOCK_TYPE_MASK } from "./memory/block-pool";

/** All of it is taken when the VM is made: the vmm's memory is populated when it is touched in guest RAM only. */
export class RamDisk {
  /** Of each block the host-physical address, with its memory type in the low bits; 0: not taken yet. */
  private readonly blocks: StaticArray<u64>;
  /** Where it lies in the vmm's memory. */
  private address: u64 = 0;

  constructor(
    private readonly machine: Machine,
    private readonly slot: u32,
    /** A multiple of BLOCK_BYTES, for which blocks are reserved; 0: the VM has no RAM disk. */
    readonly bytes: u64,
  ) {
    this.blocks = new StaticArray<u64>(<i32>(bytes >> BLOCK_SHIFT));
  }

  /** Takes its memory and maps it at `address`, a multiple of BLOCK_BYTES. False: no block is free, or page tables ran out. */
  take(address: u64): bool {
    this.address = address;
    for (let n = 0; n < this.blocks.length; n++) {
      const block = this.machine.blocks.take();
      if (block == 0) return false;
      // Before it is mapped: what fails half-way is taken away, too.
      this.blocks[n] = block;
      if (!this.map(n, MAP_WRITABLE)) return false;
    }
    return true;
  }

  /** Takes it from its vmm on this CPU. */
  depart(): void {
    for (let n = 0; n < this.blocks.length; n++) {
      if (this.blocks[n] != 0) this.map(n, MAP_NOTHING);
    }
  }

  /** Maps it for its vmm on this CPU. False where page tables ran out. */
  arrive(): bool {
    for (let n = 0; n < this.blocks.length; n++) {
      if (this.blocks[n] != 0 && !this.map(n, MAP_WRITABLE)) return false;
    }
    return true;
  }

  /** Gives its memory back: the vmm does not run again. */
  release(): void {
    let untaken = this.blocks.length;
    for (let n = 0; n < this.blocks.length; n++) {
      if (this.blocks[n] == 0) continue;
      // A block is given back only once nothing of the ended VM reaches it.
      if (this.map(n, MAP_NOTHING)) this.machine.blocks.giveBack(this.blocks[n]);
      this.blocks[n] = 0;
      untaken--;
    }
    this.machine.blocks.unreserve(untaken);
  }

  private map(n: i32, how: u32): bool {
    const address = this.address + ((<u64>n) << BLOCK_SHIFT);
    return vmmMap(this.slot, address, this.blocks[n] & ~BLOCK_TYPE_MASK, BLOCK_BYTES, how) == 0;
  }
}
