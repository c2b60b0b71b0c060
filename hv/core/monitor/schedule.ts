// Which VM runs when: groups one after the other, the VMs of a group side by side, in turn.

// A slice is one tick of the host's timer: 4,194,304 counts of the local APIC's timer (local-apic.ts), 40 to 170 ms on PCs,
// 4.2 million instructions in Bochs. It ends at the tick, wherever in it the VM began to run, so that the first one is shorter.

import { VmDescription } from "../boot/vm-description";
import { Defences } from "../cpu/defences";
import { StateSwitch } from "../cpu/switched-state";
import { rdtsc } from "../hardware";
import { Machine } from "../machine";
import { RESULT_OK } from "../results";
import { Vm } from "../vm";

/** Runs all guests of the boot options, whatever becomes of each. The result of the first in their order that is not ok. */
export function runGuests(machine: Machine): u32 {
  const groups = machine.options.groups;
  const stateSwitch = new StateSwitch(machine.pool);
  const scheduler = new Scheduler(machine, stateSwitch);
  stateSwitch.enable(machine.console);
  let result = RESULT_OK;
  for (let i = 0; i < groups.length; i++) {
    const ended = scheduler.runGroup(groups[i]);
    if (result == RESULT_OK) result = ended;
  }
  scheduler.printSwitches();
  stateSwitch.disable();
  return result;
}

class Scheduler {
  private readonly defences: Defences;
  /** The number of the next VM. */
  private next: u32 = 0;
  /** The VM whose state is in the processor, if any. */
  private current: Vm | null = null;
  /** A VM has run, so that the processor may hold what it left behind. */
  private hasRun: bool = false;
  private switches: u64 = 0;
  private switchTicks: u64 = 0;

  constructor(
    private readonly machine: Machine,
    private readonly stateSwitch: StateSwitch,
  ) {
    const defences = new Defences(machine.options.defences);
    this.defences = defences;
    const groups = machine.options.groups;
    if (groups.length > 1 || groups[0].length > 1) defences.print(machine.console);
  }

  /**
   * Creates a VM for each of `guests` and runs them in turn until all have ended; one that cannot be created leaves the
   * others. The result of the first guest that is not ok.
   */
  runGroup(guests: Array<VmDescription>): u32 {
    const results = new StaticArray<u32>(guests.length);
    const vms = new Array<Vm>();
    const places = new Array<i32>();
    for (let i = 0; i < guests.length; i++) {
      const vm = new Vm(this.machine, this.next++, guests[i], this.stateSwitch);
      results[i] = vm.create();
      if (results[i] != RESULT_OK) continue;
      vms.push(vm);
      places.push(i);
    }
    let turn = 0;
    while (vms.length != 0) {
      if (turn >= vms.length) turn = 0;
      const result = this.runSlice(vms[turn], vms.length > 1);
      if (vms[turn].isRunning && result == RESULT_OK) {
        turn++;
        continue;
      }
      results[places[turn]] = result;
      vms.splice(turn, 1);
      places.splice(turn, 1);
    }
    for (let i = 0; i < results.length; i++) {
      if (results[i] != RESULT_OK) return results[i];
    }
    return RESULT_OK;
  }

  /** Runs one slice of a VM, and ends it where that was its last. RESULT_OK while it runs, then the VM's result. */
  private runSlice(vm: Vm, othersWait: bool): u32 {
    const result = this.switchTo(vm);
    if (result != RESULT_OK) return result;
    vm.run(othersWait);
    if (vm.isRunning) return RESULT_OK;
    this.current = null;
    return vm.end();
  }

  /** Puts a VM's vCPU into the processor. RESULT_OK, or why it cannot run, which has been told. */
  private switchTo(vm: Vm): u32 {
    if (this.current == vm) return RESULT_OK;
    const start = rdtsc();
    const before = this.current;
    if (before) before.leave();
    this.current = null;
    const result = vm.enter();
    if (result != RESULT_OK) return result;
    this.current = vm;
    // The first VM of all comes behind none.
    if (this.hasRun) this.defences.apply();
    if (before) {
      this.switches++;
      this.switchTicks += rdtsc() - start;
    }
    this.hasRun = true;
    return RESULT_OK;
  }

  /** What switches between VMs that go on cost, where there were any. */
  printSwitches(): void {
    if (this.switches == 0) return;
    const line = this.machine.console.info().decimal(this.switches).text(" switches between VMs side by side, ");
    line
      .decimal(this.switchTicks / this.switches)
      .text(" ticks each")
      .end();
  }
}
