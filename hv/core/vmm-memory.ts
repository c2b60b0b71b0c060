// What is mapped for the vmm of one VM beside guest RAM: its own memory, the vCPU page, a boot module, its instance's state.

import { MAP_NOTHING, vmmInstantiate, vmmMap } from "./hardware";

/** The vmm's own memory, the vCPU page, a boot module. */
const MOST: i32 = 3;

/** Remembers all of it, as whoever has the VM's slot next must find nothing. */
export class VmmMemory {
  private readonly addresses: StaticArray<u64> = new StaticArray<u64>(MOST);
  private readonly physical: StaticArray<u64> = new StaticArray<u64>(MOST);
  private readonly bytes: StaticArray<u64> = new StaticArray<u64>(MOST);
  private count: i32 = 0;
  private hasInstance: bool = false;

  constructor(private readonly slot: u32) {}

  /** As hardware.vmmMap; false where that refuses. */
  map(address: u64, hpa: u64, bytes: u64, how: u32): bool {
    // Before it is mapped: what fails half-way is taken away, too.
    this.addresses[this.count] = address;
    this.physical[this.count] = hpa;
    this.bytes[this.count++] = bytes;
    return vmmMap(this.slot, address, hpa, bytes, how) == 0;
  }

  /** As hardware.vmmInstantiate; false where that refuses. */
  instantiate(state: u64, ramBytes: u64, ram: usize): bool {
    this.hasInstance = true;
    return vmmInstantiate(this.slot, state, ramBytes, ram) == 0;
  }

  /** Takes all of it away. The vmm does not run again. */
  release(): void {
    for (let i = 0; i < this.count; i++) {
      vmmMap(this.slot, this.addresses[i], this.physical[i], this.bytes[i], MAP_NOTHING);
    }
    this.count = 0;
    if (this.hasInstance) vmmInstantiate(this.slot, 0, 0, 0);
    this.hasInstance = false;
  }
}
