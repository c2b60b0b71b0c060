// The VMs that one CPU runs: which of them is next, so that each gets its share by weight.

// Each VM has a virtual time, which goes the slower the larger its weight; the VM whose virtual time is least is next. What a
// VM gets beyond its share, or short of it, is a slice at most.

import { rdtsc } from "../hardware";
import { MAX_VMS } from "../processors/shared-words";
import { NEVER } from "../vcpu/never";
import { Vm } from "../vm";

/** Virtual time of a VM with weight 1 is this many times the TSC's: a product of 64 bits is far from its end. */
const SCALE: u64 = 1 << 10;

export class RunQueue {
  private readonly vms: StaticArray<Vm | null> = new StaticArray<Vm | null>(MAX_VMS);
  /** How many there are. */
  count: i32 = 0;

  at(index: i32): Vm {
    return this.vms[index]!;
  }

  /** Adds a VM, which has no claim to the time before. */
  add(vm: Vm): void {
    vm.virtualTime = this.leastTime;
    this.vms[this.count++] = vm;
  }

  remove(vm: Vm): void {
    let index = 0;
    while (this.vms[index] != vm) index++;
    this.count--;
    for (; index < this.count; index++) this.vms[index] = this.vms[index + 1];
    // What is left behind would point into an area that is gone.
    this.vms[this.count] = null;
  }

  /** The VM with this number; null where it is not here. */
  find(number: u32): Vm | null {
    for (let i = 0; i < this.count; i++) {
      if (this.at(i).number == number) return this.vms[i];
    }
    return null;
  }

  /** The VM that is next; null where all are paused, or wait for an event. */
  next(): Vm | null {
    const now = rdtsc();
    let best: Vm | null = null;
    for (let i = 0; i < this.count; i++) {
      const vm = this.at(i);
      if (!vm.mustEnd && (vm.isPaused || (vm.waits && !vm.hasNewInput && now < vm.wakeAt))) continue;
      if (!best || vm.virtualTime < best.virtualTime) best = vm;
    }
    return best;
  }

  /** When the first of those but `running` that wait is to run again: a value of the TSC, or NEVER. */
  wakeAt(running: Vm | null): u64 {
    let first = NEVER;
    for (let i = 0; i < this.count; i++) {
      const vm = this.at(i);
      if (vm != running && vm.waits && !vm.isPaused) first = min(first, vm.wakeAt);
    }
    return first;
  }

  /** Whether another VM than `vm` wants the processor now. */
  hasOther(vm: Vm): bool {
    for (let i = 0; i < this.count; i++) {
      const other = this.at(i);
      if (other != vm && !other.isPaused && !other.waits) return true;
    }
    return false;
  }

  /** Accounts `ticks` that `vm` has run. */
  account(vm: Vm, ticks: u64): void {
    vm.virtualTime += (ticks * SCALE) / vm.weight;
  }

  /** A VM that could not run, or did not want to, has no claim to the time before either. */
  catchUp(vm: Vm): void {
    vm.virtualTime = max(vm.virtualTime, this.leastTime);
  }

  /** The least virtual time of those that want to run; 0 where there are none. */
  private get leastTime(): u64 {
    let least: u64 = u64.MAX_VALUE;
    for (let i = 0; i < this.count; i++) {
      const vm = this.at(i);
      if (!vm.isPaused && !vm.waits) least = min(least, vm.virtualTime);
    }
    return least == u64.MAX_VALUE ? 0 : least;
  }
}
