// How a VM goes from a CPU that has several to one that has none: its area is mapped there instead, with all that is in it.

import { sharedExchange, sharedLoad, sharedStore } from "../hardware";
import { MAX_CPUS, movingBlockWord, movingObjectWord, ownerWord, surplusWord } from "../processors/shared-words";
import { Vm } from "../vm";
import { mapArea, unmapArea } from "../vm-area";
import { RunQueue } from "./run-queue";

/** No CPU, no VM. */
export const NOBODY: u32 = 0xffffffff;

/** Says what `cpu`, this CPU, could give away: VMs that may leave it, as long as one stays. */
export function tellSurplus(cpu: u32, queue: RunQueue): void {
  let movable = 0;
  for (let i = 0; i < queue.count; i++) {
    if (queue.at(i).mayMove) movable++;
  }
  sharedExchange(surplusWord(cpu), min(movable, max(queue.count - 1, 0)));
}

/** Of `others`, a bit for each CPU, the one that could give away most; NOBODY where none could. */
export function findSurplus(others: u64): u32 {
  let best = NOBODY;
  let most: u64 = 0;
  for (let rest = others; rest != 0; rest &= rest - 1) {
    const cpu = <u32>ctz(rest);
    const surplus = sharedLoad(surplusWord(cpu));
    if (surplus <= most) continue;
    most = surplus;
    best = cpu;
  }
  return best;
}

/** The VM to give away: the last of those that may leave; null where none may, or none would stay. */
export function chooseLeaver(queue: RunQueue): Vm | null {
  if (queue.count < 2) return null;
  for (let i = queue.count - 1; i >= 0; i--) {
    if (queue.at(i).mayMove) return queue.at(i);
  }
  return null;
}

/** Takes the area of a VM, which has departed, from this CPU. False where that fails: then the VM is still here. */
export function sendVm(vm: Vm): bool {
  const number = vm.number;
  const slot = vm.area.slot;
  const block = vm.area.block;
  sharedStore(movingObjectWord(number), changetype<usize>(vm));
  sharedStore(movingBlockWord(number), block);
  sharedStore(ownerWord(number), 0);
  return unmapArea(slot, block);
}

/** Has the area of VM `number`, which another CPU has sent, on this CPU; null where page tables ran out. */
export function receiveVm(number: u32): Vm | null {
  const slot = number;
  if (!mapArea(slot, sharedLoad(movingBlockWord(number)))) return null;
  return changetype<Vm>(<usize>sharedLoad(movingObjectWord(number)));
}

/** Says that `cpu`, this CPU, has the VM. */
export function own(cpu: u32, vm: Vm): void {
  assert(cpu < MAX_CPUS, "a CPU's number is below MAX_CPUS");
  sharedExchange(ownerWord(vm.number), <u64>cpu + 1);
}
