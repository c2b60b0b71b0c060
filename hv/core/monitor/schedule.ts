// Which VM runs when: groups one after the other, the VMs of a group side by side, each on its home CPU.

// A slice is 4,194,304 counts of the local APIC's timer (local-apic.ts) at the longest: 40 to 170 ms on PCs, 4.2 million
// instructions in Bochs.

import { FAIL_PROCESSOR_PANICS } from "../boot/options";
import { VmDescription } from "../boot/vm-description";
import { TypedBytes } from "../console/typed-bytes";
import { Defences } from "../cpu/defences";
import { StateSwitch } from "../cpu/switched-state";
import { hasKeyboard, hasSerial, processorNumber, rdtsc, setWorkWord, sharedExchange, sharedLoad } from "../hardware";
import { Machine } from "../machine";
import { strayHeapBytes } from "../memory/arenas";
import { EntryWork } from "../memory/entry-work";
import { HeldLocks, SpinLock } from "../processors/lock";
import { MAIL_MOVE, MAIL_SHOOTDOWN } from "../processors/mail";
import { Mailbox } from "../processors/mailbox";
import { createdWord, progressWord, MAX_VMS } from "../processors/shared-words";
import { Team, TeamWork } from "../processors/team";
import { RESULT_LEAK, RESULT_OK, RESULT_TOO_LITTLE_MEMORY, RESULT_VMM_NOT_CREATED } from "../results";
import { NEVER } from "../vcpu/never";
import { Vm } from "../vm";
import { closeArea } from "../vm-area";
import { VmPlan } from "../vm-plan";
import { Holdings } from "./holdings";
import { Homes } from "./homes";
import { chooseLeaver, findSurplus, NOBODY, own, receiveVm, sendVm, tellSurplus } from "./moves";
import { RunQueue } from "./run-queue";
import { Operator } from "./operator";
import { VmCommands } from "./vm-commands";
import { clearResult, groupResult, noteResult } from "./vm-results";
import { VmMail } from "./vm-mail";
import { noteState, noteVm, ticksOf, VM_ENDED, VM_NOT_STARTED } from "./vm-states";

/** One object, made before the other CPUs start, of which each has a copy: the copy is that CPU's scheduler. */
export class Scheduler extends TeamWork {
  private readonly defences: Defences;
  private readonly stateSwitch: StateSwitch;
  /** All VMs of the boot, by their numbers. */
  private readonly plans: Array<VmPlan> = [];
  /** Its VMs that run. */
  readonly queue: RunQueue = new RunQueue();
  private homes: Homes | null = null;
  private mailbox: Mailbox | null = null;
  /** By slot: held while a VM there is created or runs a slice, so that calls of one vmm come one after the other. */
  private readonly locks: StaticArray<SpinLock | null> = new StaticArray<SpinLock | null>(<i32>MAX_VMS);
  /** On the CPU that booted, where somebody can type. */
  private operator: Operator | null = null;
  private cpu: u32 = 0;
  /** Groups that this CPU is done with. */
  private progress: u64 = 0;
  /** Slots whose VM the processor may still hold something of: they are not used again. */
  private readonly isLost: StaticArray<bool> = new StaticArray<bool>(<i32>MAX_VMS);
  /** The VM whose state is in the processor, if any. */
  private current: Vm | null = null;
  /** A VM has run, so that the processor may hold what it left behind. */
  private hasRun: bool = false;
  private switches: u64 = 0;
  private switchTicks: u64 = 0;
  /** The TSC when the last slice ended, or the last rest: a switch takes from then on. */
  private idleSince: u64 = 0;
  /** For the interrupts that come while no VM runs. */
  private readonly noWork: EntryWork = new EntryWork();

  constructor(
    readonly machine: Machine,
    private readonly team: Team,
  ) {
    super();
    this.defences = new Defences(machine.options.defences);
    this.stateSwitch = new StateSwitch(machine.pool);
    const groups = machine.options.groups;
    for (let i = 0; i < groups.length; i++) {
      for (let j = 0; j < groups[i].length; j++) {
        this.plans.push(new VmPlan(machine, <u32>this.plans.length, groups[i][j]));
      }
    }
  }

  /** Finds the VMs' homes among the CPUs that work. The first VM whose CPU does not; null where all have one. */
  findHomes(): VmDescription | null {
    const homes = new Homes(this.machine.options.groups, this.team.members);
    this.homes = homes;
    return homes.homeless;
  }

  /**
   * Runs all VMs of this CPU, as often as the boot options say, whatever becomes of each. RESULT_LEAK where a
   * round left something behind; else, on the CPU that booted, the first result of all VMs that is not ok.
   */
  work(): u32 {
    const machine = this.machine;
    const cpu = <u32>processorNumber();
    this.cpu = cpu;
    this.findHomes();
    const held = new HeldLocks();
    const mail = new VmMail(this);
    this.mailbox = new Mailbox(cpu, this.team, mail, held, machine.console);
    for (let slot: u32 = 0; slot < MAX_VMS; slot++) {
      this.locks[slot] = new SpinLock(slot, cpu, held, machine.console);
    }
    if (cpu == 0) this.operator = this.findOperator(mail);
    const groups = machine.options.groups;
    if (cpu == 0 && (groups.length > 1 || groups[0].length > 1)) this.defences.print(machine.console);
    const rounds = machine.options.rounds;
    const afterFirst = new Holdings(cpu);
    const afterLast = new Holdings(cpu);
    this.watchInterrupts();
    this.stateSwitch.enable(machine.console);
    let result = RESULT_OK;
    for (let round: u64 = 0; round < rounds; round++) {
      let number = 0;
      for (let i = 0; i < groups.length; i++) {
        this.runGroup(number, number + groups[i].length);
        const ended = this.endGroup(number, number + groups[i].length, round == 0 ? afterFirst : afterLast);
        number += groups[i].length;
        if (result == RESULT_OK) result = ended;
      }
    }
    this.printSwitches();
    this.stateSwitch.disable();
    this.warnOfStrays();
    if (rounds == 1) return result;
    return afterLast.compare(machine.console, afterFirst, rounds) ? result : RESULT_LEAK;
  }

  /** Who may type at this machine; null where nobody can. A watch that asks the host has COM1 to itself. */
  private findOperator(mail: VmMail): Operator | null {
    const console = this.machine.console;
    let asksHost = false;
    for (let i = 0; i < this.plans.length; i++) {
      if (this.plans[i].description.asksHost) asksHost = true;
    }
    const typed = new TypedBytes(hasSerial() != 0 && !asksHost, hasKeyboard() != 0);
    if (!typed.isPossible) return null;
    return new Operator(console, typed, new VmCommands(console, this.cpu, this.plans, this.mailbox!, mail));
  }

  /** Takes what was typed. */
  private listen(): void {
    const operator = this.operator;
    if (operator) operator.poll();
  }

  private warnOfStrays(): void {
    const strayBytes = strayHeapBytes();
    if (strayBytes == 0) return;
    const line = this.machine.console.warning().decimal(strayBytes);
    line.text(" bytes of objects had no room in the areas of their VMs, and are lost").end();
  }

  /** Creates those VMs of `first` to `end` - 1 whose home this is, and runs them until all have ended. */
  private runGroup(first: i32, end: i32): void {
    for (let number = first; number < end; number++) {
      if (this.homes!.of(number) != this.cpu) continue;
      clearResult(number);
      noteState(number, VM_NOT_STARTED, 0);
      const result = this.create(this.plans[number]);
      if (result != RESULT_OK) noteEnd(number, result, 0, 0);
    }
    tellSurplus(this.cpu, this.queue);
    sharedExchange(createdWord(this.cpu), this.progress + 1);
    this.ringOthers();
    while (true) {
      this.mailbox!.serve();
      this.listen();
      const vm = this.queue.next();
      if (vm) this.runSlice(vm);
      else if (this.queue.count != 0) this.rest();
      else if (!this.takeOver()) return;
    }
  }

  /** Nobody wants to run: sleeps, at the longest until a guest is to be woken. */
  private rest(): void {
    const operator = this.operator;
    if (!operator || !operator.isBusy()) {
      this.machine.timer.arm(rdtsc(), this.queue.wakeAt(null));
      this.mailbox!.rest();
    }
    this.idleSince = rdtsc();
  }

  /** When a slice of `vm` that begins now ends: where another VM is to have the processor, or somebody may have typed. */
  private sliceEnd(vm: Vm): u64 {
    const isShared = this.queue.hasOther(vm) || this.operator != null;
    const now = rdtsc();
    return min(isShared ? now + this.machine.timer.slice : NEVER, this.queue.wakeAt(vm));
  }

  /**
   * This CPU has nothing to do: takes a VM from one that has several, or waits for what becomes of the others. False where the
   * group has no more for it.
   */
  private takeOver(): bool {
    const others = this.team.others;
    const donor = findSurplus(others);
    if (donor != NOBODY) {
      const answer = this.mailbox!.ask(donor, MAIL_MOVE, 0);
      if (answer != 0 && answer <= MAX_VMS) this.receive(<u32>answer - 1, donor);
      else this.mailbox!.rest();
      return true;
    }
    for (let rest = others; rest != 0; rest &= rest - 1) {
      if (sharedLoad(createdWord(<u32>ctz(rest))) > this.progress) continue;
      this.mailbox!.rest();
      return true;
    }
    return false;
  }

  private receive(number: u32, from: u32): void {
    const vm = receiveVm(number);
    if (!vm) {
      const line = this.machine.console.error().text(this.plans[number].name).text(": it cannot move from CPU ");
      line.decimal(from).text(" to CPU ").decimal(this.cpu).text(", where page tables ran out; it ends").end();
      this.isLost[number] = true;
      noteEnd(number, RESULT_TOO_LITTLE_MEMORY, 0, ticksOf(number));
      return;
    }
    vm.area.enter();
    const result = vm.arrive();
    vm.area.leave();
    if (result != RESULT_OK) {
      noteEnd(number, this.close(vm, result), 0, ticksOf(number));
      return;
    }
    this.add(vm);
    const line = this.machine.console.info().text(this.plans[number].name).text(": moves from CPU ").decimal(from);
    line.text(" to CPU ").decimal(this.cpu).end();
  }

  /** Another CPU has nothing to do: gives it a VM. The VM's number + 1; 0 where there is none to give. Called as mail is served. */
  giveAway(): u32 {
    const vm = chooseLeaver(this.queue);
    if (!vm) return 0;
    const number = vm.number;
    // The word of interrupts and the processor are to know nothing of it any more.
    this.watchInterrupts();
    if (this.current == vm) {
      vm.leave();
      this.current = null;
    }
    this.queue.remove(vm);
    tellSurplus(this.cpu, this.queue);
    vm.area.enter();
    const result = vm.depart();
    vm.area.leave();
    if (result == RESULT_OK && sendVm(vm)) return number + 1;
    // Its area is not mapped any more, or the processor holds it: it cannot run here either.
    this.isLost[number] = true;
    noteEnd(number, result == RESULT_OK ? RESULT_VMM_NOT_CREATED : result, 0, ticksOf(number));
    return 0;
  }

  private add(vm: Vm): void {
    this.queue.add(vm);
    own(this.cpu, vm);
    noteVm(vm);
    tellSurplus(this.cpu, this.queue);
  }

  private ringOthers(): void {
    for (let rest = this.team.others; rest != 0; rest &= rest - 1) this.team.ring(<u32>ctz(rest));
  }

  /**
   * Waits until all CPUs are done with the group. The one that booted is the last to say so: in between it alone looks at
   * what is left. The result of the first VM of the group that is not ok.
   */
  private endGroup(first: i32, end: i32, holdings: Holdings): u32 {
    const isFirst = this.cpu == 0;
    const panics = !isFirst && this.machine.options.fail == FAIL_PROCESSOR_PANICS;
    assert(!panics, "the boot option fail=processor-panics asks for it");
    let result = RESULT_OK;
    this.progress++;
    if (isFirst) {
      this.awaitOthers();
      result = groupResult(first, end, this.machine.exit);
    }
    holdings.count(this.machine);
    sharedExchange(progressWord(this.cpu), this.progress);
    this.ringOthers();
    this.awaitOthers();
    return result;
  }

  private awaitOthers(): void {
    for (let rest = this.team.others; rest != 0; rest &= rest - 1) {
      while (sharedLoad(progressWord(<u32>ctz(rest))) < this.progress) {
        this.listen();
        this.mailbox!.rest();
      }
    }
  }

  /** Has one more VM run. RESULT_OK, or why there is none, which has been told. */
  private create(plan: VmPlan): u32 {
    let result = plan.check();
    if (result != RESULT_OK) return result;
    // No two VMs of a boot have one number, so that no two can be in one slot, whichever CPUs they are on.
    if (this.isLost[plan.number]) return this.refuseLost(plan);
    const area = plan.open(plan.number);
    if (!area) return RESULT_TOO_LITTLE_MEMORY;
    const lock = this.locks[area.slot]!;
    lock.take();
    area.enter();
    const vm = new Vm(plan, area, this.stateSwitch);
    result = vm.create();
    area.leave();
    lock.release();
    if (result == RESULT_OK) this.add(vm);
    return result == RESULT_OK ? RESULT_OK : this.close(vm, result);
  }

  private refuseLost(plan: VmPlan): u32 {
    const line = this.machine.console.error().text(plan.name);
    line.text(": the processor may still hold something of this VM, which could not be taken from it").end();
    return RESULT_VMM_NOT_CREATED;
  }

  /** Gives all back that a VM has which has ended with `result`. What is its result then. */
  private close(vm: Vm, result: u32): u32 {
    const area = vm.area;
    this.watchInterrupts();
    // Memory is anybody's only when no processor holds a translation to it.
    const elsewhere = vm.ranOn & this.team.others;
    if (elsewhere != 0 && this.mailbox!.askAll(elsewhere, MAIL_SHOOTDOWN, vm.number) != 0) {
      this.isLost[area.slot] = true;
      return result;
    }
    area.enter();
    const retired = vm.giveUp();
    area.leave();
    if (retired != RESULT_OK) {
      this.isLost[area.slot] = true;
      return retired;
    }
    closeArea(this.machine, area);
    return result;
  }

  private watchInterrupts(): void {
    setWorkWord(changetype<usize>(this.noWork) + offsetof<EntryWork>("bits"));
  }

  /** Runs one slice of a VM; where that was its last, tells what came of it, and gives back what it had. */
  private runSlice(vm: Vm): void {
    const lock = this.locks[vm.area.slot]!;
    lock.take();
    let result = this.switchTo(vm);
    if (result == RESULT_OK) {
      const ticks = vm.ticks;
      this.queue.catchUp(vm);
      vm.area.enter();
      vm.run(this.sliceEnd(vm));
      this.idleSince = rdtsc();
      if (!vm.isRunning) result = vm.end();
      vm.area.leave();
      this.queue.account(vm, vm.ticks - ticks);
    }
    lock.release();
    if (result == RESULT_OK && vm.isRunning) return noteVm(vm);
    this.current = null;
    this.queue.remove(vm);
    tellSurplus(this.cpu, this.queue);
    const number = vm.number;
    const exitValue = vm.exitValue;
    const ticks = vm.ticks;
    noteEnd(number, this.close(vm, result), exitValue, ticks);
  }

  /** Puts a VM's vCPU into the processor. RESULT_OK, or why it cannot run, which has been told. */
  private switchTo(vm: Vm): u32 {
    if (this.current == vm) return RESULT_OK;
    const before = this.current;
    if (before) before.leave();
    this.current = null;
    vm.area.enter();
    const result = vm.enter();
    vm.area.leave();
    if (result != RESULT_OK) return result;
    this.current = vm;
    vm.ranOn |= (<u64>1) << this.cpu;
    // The first VM of all comes behind none.
    if (this.hasRun) this.defences.apply();
    if (before) {
      this.switches++;
      this.switchTicks += rdtsc() - this.idleSince;
    }
    this.hasRun = true;
    return RESULT_OK;
  }

  /** What switches between VMs that go on cost, where there were any. */
  private printSwitches(): void {
    if (this.switches == 0) return;
    const line = this.machine.console.info();
    if (this.cpu != 0) line.text("CPU ").decimal(this.cpu).text(": ");
    line.decimal(this.switches).text(" switches between VMs side by side, ");
    line
      .decimal(this.switchTicks / this.switches)
      .text(" ticks each")
      .end();
  }
}

/** VM `number` has ended with `result`, after `ticks` of its runs. */
function noteEnd(number: i32, result: u32, exitValue: u32, ticks: u64): void {
  noteResult(number, result, exitValue);
  noteState(number, VM_ENDED, ticks);
}
