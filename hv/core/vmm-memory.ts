// What is mapped for the vmm of one VM beside guest RAM: its own memory, the vCPU page, boot modules, a RAM disk, its
// instance's state.

import { MAP_NOTHING, vmmInstantiate, vmmMap } from "./hardware";
import { RamDisk } from "./ram-disk";

/** The vmm's own memory, the vCPU page, and three boot modules: kernel, initrd and disk. */
const MOST: i32 = 5;

/** Remembers all of it, as whoever has the VM's slot next must find nothing, and another CPU all. */
export class VmmMemory {
  private readonly addresses: StaticArray<u64> = new StaticArray<u64>(MOST);
  private readonly physical: StaticArray<u64> = new StaticArray<u64>(MOST);
  private readonly bytes: StaticArray<u64> = new StaticArray<u64>(MOST);
  private readonly flags: StaticArray<u32> = new StaticArray<u32>(MOST);
  private count: i32 = 0;
  /** Of the instance: where its state is, host-physical, 0 while there is none; and what `instantiate` was given. */
  private state: u64 = 0;
  private ramBytes: u64 = 0;
  private ram: usize = 0;

  constructor(
    private readonly slot: u32,
    /** Of 0 bytes where the VM has none. */
    readonly ramDisk: RamDisk,
  ) {}

  /** As hardware.vmmMap; false where that refuses. */
  map(address: u64, hpa: u64, bytes: u64, how: u32): bool {
    // Before it is mapped: what fails half-way is taken away, too.
    this.addresses[this.count] = address;
    this.physical[this.count] = hpa;
    this.bytes[this.count] = bytes;
    this.flags[this.count++] = how;
    return vmmMap(this.slot, address, hpa, bytes, how) == 0;
  }

  /** As hardware.vmmInstantiate of a new instance; false where that refuses. */
  instantiate(state: u64, ramBytes: u64, ram: usize): bool {
    this.state = state;
    this.ramBytes = ramBytes;
    this.ram = ram;
    return vmmInstantiate(this.slot, state, ramBytes, ram, 1) == 0;
  }

  /** Takes all of it away from this CPU. The vmm does not run here, unless it arrives again. */
  depart(): void {
    for (let i = 0; i < this.count; i++) {
      vmmMap(this.slot, this.addresses[i], this.physical[i], this.bytes[i], MAP_NOTHING);
    }
    this.ramDisk.depart();
    if (this.state != 0) vmmInstantiate(this.slot, 0, 0, 0, 0);
  }

  /** Has all of it on this CPU, as it was on the one that it departed from. False where page tables ran out. */
  arrive(): bool {
    for (let i = 0; i < this.count; i++) {
      if (vmmMap(this.slot, this.addresses[i], this.physical[i], this.bytes[i], this.flags[i]) != 0) return false;
    }
    if (!this.ramDisk.arrive()) return false;
    return this.state == 0 || vmmInstantiate(this.slot, this.state, this.ramBytes, this.ram, 0) == 0;
  }

  /** Takes all of it away for good. */
  release(): void {
    this.depart();
    this.ramDisk.release();
    this.count = 0;
    this.state = 0;
  }
}
