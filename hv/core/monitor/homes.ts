// Which CPU runs which VM. All CPUs come to the same answer, each by itself: it follows from the boot options alone, and from
// which CPUs work.

import { ANY_CPU, VmDescription } from "../boot/vm-description";
import { MAX_CPUS } from "../processors/shared-words";

/** A VM's home is the CPU that it names; where it names none, the one that has the least weight of its group by then. */
export class Homes {
  private readonly homes: Array<u32> = [];
  /** The first VM whose CPU does not work; null where all have a home. */
  homeless: VmDescription | null = null;

  /** `members` has a bit for each CPU that works, CPU 0 among them. */
  constructor(groups: Array<Array<VmDescription>>, members: u64) {
    for (let i = 0; i < groups.length; i++) this.assign(groups[i], members);
  }

  /** The home of VM `number`. */
  of(number: i32): u32 {
    return this.homes[number];
  }

  private assign(group: Array<VmDescription>, members: u64): void {
    const loads = new StaticArray<u32>(MAX_CPUS);
    for (let i = 0; i < group.length; i++) {
      const cpu = group[i].cpu;
      if (cpu == ANY_CPU) continue;
      if (cpu < MAX_CPUS && (members >> cpu) & 1) loads[cpu] += group[i].weight;
      else if (!this.homeless) this.homeless = group[i];
    }
    for (let i = 0; i < group.length; i++) {
      let cpu = group[i].cpu;
      if (cpu == ANY_CPU) {
        cpu = leastLoaded(loads, members);
        loads[cpu] += group[i].weight;
      }
      this.homes.push(cpu);
    }
  }
}

function leastLoaded(loads: StaticArray<u32>, members: u64): u32 {
  let best: u32 = 0;
  for (let rest = members; rest != 0; rest &= rest - 1) {
    const cpu = <u32>ctz(rest);
    if (loads[cpu] < loads[best]) best = cpu;
  }
  return best;
}
