// The area of a VM: all that core keeps of it, objects and pages, in one piece of core's memory that goes when the VM goes.

import { BLOCK_BYTES, BLOCK_TYPE_MASK } from "./memory/block-pool";
import { arenaBytes, CORE_HEAP_END, enterArena, leaveArena, makeArena } from "./memory/arenas";
import { coreMap, MAP_NOTHING, MAP_WRITABLE } from "./hardware";
import { Machine } from "./machine";
import { PAGE_BYTES, PagePool } from "./memory/page-pool";

/**
 * A VM takes one block beyond its guest's RAM: the first part of it is the vmm's own memory, statics and heap, the rest the
 * area. asconfig.json gives core's memory room for all areas.
 */
export const VMM_OWN_BYTES: u64 = 512 << 10;
export const AREA_BYTES: u64 = BLOCK_BYTES - VMM_OWN_BYTES;
/** Of the area: room for objects. The pages lie behind it. */
const OBJECT_BYTES: u32 = 64 << 10;
const AREA_PAGES: u32 = (<u32>AREA_BYTES - OBJECT_BYTES) / PAGE_BYTES;

/**
 * Objects of a VM point only to objects in its area, and to those that core made before its first VM; nothing outlives the VM
 * that points into its area. So the area could be mapped at the same address in the memory of another processor's core.
 */
export class VmArea {
  readonly pool: PagePool;

  /** Use `openArea`. The object lies in the area itself. */
  constructor(
    readonly slot: u32,
    /** With its memory type. */
    readonly block: u64,
  ) {
    const start = startOf(slot);
    this.pool = new PagePool(start + OBJECT_BYTES, AREA_PAGES, areaInBlock(block) - start);
  }

  /** The host-physical address of the vmm's own memory, VMM_OWN_BYTES. */
  get vmmOwn(): u64 {
    return this.block & ~BLOCK_TYPE_MASK;
  }

  /** Has all that core allocates lie in the area from now on, until `leave`. */
  enter(): void {
    enterArena(startOf(this.slot));
  }

  leave(): void {
    leaveArena();
  }

  /** Bytes of objects. */
  get objectBytes(): u32 {
    return arenaBytes(startOf(this.slot));
  }
}

/**
 * The area of a VM in slot `slot`, 0 to MAX_VMS - 1, which no VM has: takes the block that was reserved for it and maps its
 * part. null where there is none after all, or no page table is left for it; then none is reserved.
 */
export function openArea(machine: Machine, slot: u32): VmArea | null {
  const block = machine.blocks.take();
  if (block == 0) {
    machine.blocks.unreserve(1);
    return null;
  }
  const start = startOf(slot);
  if (coreMap(start, areaInBlock(block), AREA_BYTES, MAP_WRITABLE) != 0) {
    machine.blocks.giveBack(block);
    return null;
  }
  makeArena(start, start + OBJECT_BYTES);
  enterArena(start);
  const area = new VmArea(slot, block);
  leaveArena();
  return area;
}

/** Takes the area of `slot` from this CPU's core. Nothing here may use it, until it is mapped again. False where that fails. */
export function unmapArea(slot: u32, block: u64): bool {
  return coreMap(startOf(slot), areaInBlock(block), AREA_BYTES, MAP_NOTHING) == 0;
}

/** Maps the area of `slot`, which another CPU's core has made in `block` and does not map any more. False where that fails. */
export function mapArea(slot: u32, block: u64): bool {
  return coreMap(startOf(slot), areaInBlock(block), AREA_BYTES, MAP_WRITABLE) == 0;
}

/** Gives the block back, and with it all that the VM's objects and pages took. Nothing may hold any of them any more. */
export function closeArea(machine: Machine, area: VmArea): void {
  const block = area.block;
  if (unmapArea(area.slot, block)) machine.blocks.giveBack(block);
}

function startOf(slot: u32): usize {
  return CORE_HEAP_END + <usize>(slot * <u32>AREA_BYTES);
}

/** Host-physical. */
function areaInBlock(block: u64): u64 {
  return (block & ~BLOCK_TYPE_MASK) + VMM_OWN_BYTES;
}
