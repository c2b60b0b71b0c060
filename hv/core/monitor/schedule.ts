// Which VM runs when: groups one after the other, the VMs of a group side by side, in turn.

// A slice is one tick of the host's timer: 4,194,304 counts of the local APIC's timer (local-apic.ts), 40 to 170 ms on PCs,
// 4.2 million instructions in Bochs. It ends at the tick, wherever in it the VM began to run, so that the first one is shorter.

import { Machine } from "../machine";
import { RESULT_OK } from "../results";
import { Vm } from "../vm";

/** Runs all guests of the boot options, whatever becomes of each. The result of the first in their order that is not ok. */
export function runGuests(machine: Machine): u32 {
  const groups = machine.options.groups;
  let result = RESULT_OK;
  let number: u32 = 0;
  for (let i = 0; i < groups.length; i++) {
    const group = new Group(machine, number, groups[i]);
    group.run();
    if (result == RESULT_OK) result = group.result;
    number += <u32>groups[i].length;
  }
  return result;
}

/** VMs that run side by side. */
class Group {
  private readonly vms: Array<Vm> = new Array<Vm>();
  private readonly numbers: Array<u32> = new Array<u32>();
  /** The result of each guest, in their order. */
  private readonly results: Array<u32> = new Array<u32>();

  /** Creates a VM for each of `guests`, the first with the number `first`; one that cannot be created leaves the others. */
  constructor(machine: Machine, first: u32, guests: Array<u32>) {
    for (let i = 0; i < guests.length; i++) {
      const vm = new Vm(machine, first + <u32>i, guests[i]);
      const result = vm.create();
      this.results.push(result);
      if (result != RESULT_OK) continue;
      this.vms.push(vm);
      this.numbers.push(<u32>i);
    }
  }

  /** Round robin, until all have ended. */
  run(): void {
    let turn = 0;
    while (this.vms.length != 0) {
      if (turn >= this.vms.length) turn = 0;
      const vm = this.vms[turn];
      let result = vm.makeCurrent();
      if (result == RESULT_OK) {
        vm.run(this.vms.length > 1);
        if (vm.isRunning) {
          turn++;
          continue;
        }
        result = vm.end();
      }
      this.results[this.numbers[turn]] = result;
      this.vms.splice(turn, 1);
      this.numbers.splice(turn, 1);
    }
  }

  /** The first that is not ok. */
  get result(): u32 {
    for (let i = 0; i < this.results.length; i++) {
      if (this.results[i] != RESULT_OK) return this.results[i];
    }
    return RESULT_OK;
  }
}
