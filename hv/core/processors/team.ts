// The CPUs that work together: the one that booted starts the others, each with a core of its own, and has them end.

// Another CPU begins with a copy of the first one's core (hardware.cloneTo), in which all objects are where they are there.
// From then on neither sees what the other writes, but for the shared words.

import { CPUID_1_EDX_MTRR, CPUID_LEAF_FEATURES } from "../../x86/cpuid";
import { PAGE_SIZE_2_MIB } from "../../x86/paging";
import { FAIL_PROCESSOR_DIFFERS, FAIL_PROCESSOR_SILENT } from "../boot/options";
import { LEVEL_ERROR, LEVEL_INFO, LEVEL_WARNING } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import {
  cloneTo,
  physicalBase,
  processorNumber,
  relax,
  replicaBytes,
  sharedCompareExchange,
  sharedExchange,
  sharedLoad,
  sharedStore,
  waitForInterrupt,
} from "../hardware";
import { LocalApic, MAIL_VECTOR } from "../interrupts/local-apic";
import { Machine } from "../machine";
import {
  RESULT_OK,
  RESULT_PROCESSOR_NOT_STARTED,
  RESULT_PROCESSORS_DIFFER,
  RESULT_TOO_LITTLE_MEMORY,
  resultName,
} from "../results";
import { Delay } from "./delay";
import { MailBell } from "./mailbox";
import { MtrrRegisters } from "./mtrr-registers";
import { ProcessorList } from "./processor-list";
import { Sameness } from "./sameness";
import { MAX_CPUS, stateWord, TEAM_GO, TEAM_MEMBERS, TEAM_OBJECT } from "./shared-words";
import { AFTER_INIT_MICROSECONDS, Arrival, findTrampolinePage, reset, start } from "./start-up";

// What the state word of a CPU holds. 0: it is not started, or was given up.
const CPU_ABSENT: u64 = 0;
const CPU_INVITED: u64 = 1;
const CPU_ARRIVED: u64 = 2;
/** It virtualizes, and waits for its work. */
const CPU_READY: u64 = 3;
/** Its work is done, and it virtualizes no more: the result is in the bits from RESULT_SHIFT on. */
const CPU_ENDED: u64 = 4;
/** It cannot take part: the result says why. */
const CPU_FAILED: u64 = 5;
const STATE_MASK: u64 = 0xff;
const RESULT_SHIFT: u64 = 8;

// What TEAM_GO holds; 0: the others wait.
const GO_WORK: u64 = 1;
const GO_END: u64 = 2;

/** A CPU has a second to arrive, and a second to get ready. */
const POLLS: u32 = 10000;
const POLL_MICROSECONDS: u32 = 100;
/** The bootstrap page tables (boot/entry.asm) hold addresses of 32 bits. */
const REPLICA_LIMIT: u64 = 0x1_0000_0000;

/** What the CPUs do between their start and their end: the scheduler. */
export abstract class TeamWork {
  /** Runs on each CPU, on each in its own core. A result, of which the first that is not ok counts. */
  abstract work(): u32;
}

/** One object, made before the others start, of which each CPU has a copy at the same place. */
export class Team extends MailBell {
  /** How many CPUs were found and are wanted, 1 to MAX_CPUS. */
  readonly size: u32;
  /** A bit for each of those that are ready; the one that booted is 0. */
  members: u64 = 1;
  private readonly sameness: Sameness = new Sameness();
  private readonly mtrrs: MtrrRegisters;
  /** What the others are to do. */
  private work: TeamWork | null = null;
  private readonly delay: Delay = new Delay();
  /** Of each CPU the memory for what it has of its own. */
  private readonly replicas: StaticArray<u64> = new StaticArray<u64>(MAX_CPUS);

  /** `apic` is this CPU's, `list` has all that the machine has. */
  constructor(
    private readonly machine: Machine,
    private apic: LocalApic,
    private readonly list: ProcessorList,
  ) {
    super();
    const cpuid = new Cpuid();
    cpuid.read(CPUID_LEAF_FEATURES, 0);
    this.mtrrs = new MtrrRegisters((cpuid.edx & CPUID_1_EDX_MTRR) != 0);
    const options = machine.options;
    const worksAlone = options.isScript || options.isMutation || options.isProbe;
    const limit = worksAlone ? 1 : options.cpuLimit;
    this.size = limit == 0 ? list.count : min<u32>(list.count, limit);
  }

  /** How many work, this one among them. */
  get count(): u32 {
    let count: u32 = 0;
    for (let rest = this.members; rest != 0; rest &= rest - 1) count++;
    return count;
  }

  /** The members but for the CPU that executes this. */
  get others(): u64 {
    return this.members & ~((<u64>1) << (<u64>processorNumber()));
  }

  /** Interrupts another CPU: its work word gets WORK_MAIL, or its HLT ends. */
  ring(cpu: u32): void {
    this.apic.sendInterrupt(this.list.apicId(cpu), MAIL_VECTOR);
  }

  /** Takes the memory that the others need. RESULT_OK, or why not, which has been told. Before `start`. */
  takeMemory(): u32 {
    const memory = this.machine.memory;
    for (let cpu: u32 = 1; cpu < this.size; cpu++) {
      const replica = memory.allocate(replicaBytes(), PAGE_SIZE_2_MIB);
      if (replica == 0 || replica + replicaBytes() > REPLICA_LIMIT) return this.refuseMemory(cpu);
      this.replicas[cpu] = replica;
    }
    return RESULT_OK;
  }

  /**
   * Starts all but this one, which do `work` when `run` says so. RESULT_OK, also where the boot options leave out one that
   * fails; else why not, which has been told, and those that had started have ended.
   */
  start(work: TeamWork): u32 {
    if (this.size == 1) return RESULT_OK;
    const page = findTrampolinePage(this.machine.memory);
    if (page == 0) {
      const line = this.machine.console.error().text("no page below 640 KiB is free for other CPUs to start in; ");
      line.text("run on one with the boot option cpus=1").end();
      return RESULT_TOO_LITTLE_MEMORY;
    }
    this.work = work;
    sharedStore(TEAM_OBJECT, changetype<usize>(this));
    for (let cpu: u32 = 1; cpu < this.size; cpu++) reset(this.apic, this.list.apicId(cpu));
    this.delay.wait(AFTER_INIT_MICROSECONDS);
    for (let cpu: u32 = 1; cpu < this.size; cpu++) {
      const result = this.startOne(cpu, page);
      if (result == RESULT_OK) this.members |= (<u64>1) << cpu;
      else if (!this.toleratesFailure(cpu, result)) return result;
    }
    this.machine.console.info().decimal(this.count).text(" of ").decimal(this.list.count).text(" CPUs work").end();
    return RESULT_OK;
  }

  private refuseMemory(cpu: u32): u32 {
    const line = this.machine.console.error().text("too little memory below 4 GiB for CPU ").decimal(cpu);
    line
      .text(": each takes ")
      .decimal(replicaBytes() >> 20)
      .text(" MiB in one piece; limit them by cpus=N")
      .end();
    return RESULT_TOO_LITTLE_MEMORY;
  }

  private startOne(cpu: u32, page: u64): u32 {
    const fail = this.machine.options.fail;
    sharedExchange(stateWord(cpu), CPU_INVITED);
    cloneTo(cpu, this.replicas[cpu], page);
    const apicId = this.list.apicId(cpu);
    if (fail != FAIL_PROCESSOR_SILENT) start(this.apic, apicId, page, this.delay, new ArrivalOf(cpu));
    this.awaitChange(cpu, CPU_INVITED);
    // Either it comes no more, as its own exchange fails, or it has come.
    if (sharedCompareExchange(stateWord(cpu), CPU_INVITED, CPU_ABSENT) == CPU_INVITED) {
      reset(this.apic, apicId);
      return RESULT_PROCESSOR_NOT_STARTED;
    }
    this.awaitChange(cpu, CPU_ARRIVED);
    const state = sharedLoad(stateWord(cpu));
    if (state == CPU_READY) return RESULT_OK;
    if ((state & STATE_MASK) == CPU_FAILED) return <u32>(state >> RESULT_SHIFT);
    reset(this.apic, apicId);
    return RESULT_PROCESSOR_NOT_STARTED;
  }

  private awaitChange(cpu: u32, state: u64): void {
    for (let n: u32 = 0; n < POLLS && sharedLoad(stateWord(cpu)) == state; n++) this.delay.wait(POLL_MICROSECONDS);
  }

  /** Tells that a CPU does not take part. False where it has to: then those that do have ended. */
  private toleratesFailure(cpu: u32, result: u32): bool {
    const isLeftOut = this.machine.options.leavesFailedCpusOut;
    const line = this.machine.console
      .line(isLeftOut ? LEVEL_WARNING : LEVEL_ERROR)
      .text("CPU ")
      .decimal(cpu);
    line.text(", with APIC ID ").hex(this.list.apicId(cpu)).text(", does not start: ").text(resultName(result));
    line.text(isLeftOut ? "; it is left out" : "; the boot option cpus=available would leave it out").end();
    if (!isLeftOut) this.end();
    return isLeftOut;
  }

  /**
   * Has all CPUs do their work, this one too; the others have ended when it returns. This CPU's result, where that is ok the first
   * of another one that is not.
   */
  run(work: TeamWork): u32 {
    this.go(GO_WORK);
    const result = work.work();
    const others = this.awaitEnds();
    return result == RESULT_OK ? others : result;
  }

  /** Has the others end without work. */
  end(): void {
    this.go(GO_END);
    this.awaitEnds();
  }

  private go(what: u64): void {
    sharedStore(TEAM_MEMBERS, this.members);
    sharedExchange(TEAM_GO, what);
    for (let rest = this.others; rest != 0; rest &= rest - 1) this.ring(<u32>ctz(rest));
  }

  /** The first result of the others that is not ok. */
  private awaitEnds(): u32 {
    let result = RESULT_OK;
    for (let rest = this.others; rest != 0; rest &= rest - 1) {
      const word = stateWord(<u32>ctz(rest));
      while (sharedLoad(word) == CPU_READY) relax();
      if (result == RESULT_OK) result = <u32>(sharedLoad(word) >> RESULT_SHIFT);
    }
    this.members = 1;
    return result;
  }

  /** On another CPU, from its first instruction in core on: gets ready, works when told so, and ends. */
  takePart(cpu: u32): void {
    if (sharedCompareExchange(stateWord(cpu), CPU_INVITED, CPU_ARRIVED) != CPU_INVITED) return;
    const console = this.machine.console;
    const level = console.level;
    // What all CPUs do is told once.
    console.speaker = cpu;
    if (level == LEVEL_INFO) console.level = LEVEL_WARNING;
    let result = this.prepare();
    sharedExchange(stateWord(cpu), result == RESULT_OK ? CPU_READY : ((<u64>result) << RESULT_SHIFT) | CPU_FAILED);
    if (result != RESULT_OK) return;
    while (sharedLoad(TEAM_GO) == 0) waitForInterrupt();
    this.members = sharedLoad(TEAM_MEMBERS);
    if (sharedLoad(TEAM_GO) == GO_WORK) {
      console.level = level;
      console.speaker = 0;
      result = this.work!.work();
      console.speaker = cpu;
      if (level == LEVEL_INFO) console.level = LEVEL_WARNING;
    }
    const end = this.machine.virtualization.disable();
    if (result == RESULT_OK) result = end;
    this.apic.stop();
    sharedExchange(stateWord(cpu), ((<u64>result) << RESULT_SHIFT) | CPU_ENDED);
  }

  private prepare(): u32 {
    const machine = this.machine;
    const console = machine.console;
    machine.pool.moveTo(physicalBase());
    machine.replica = this.replicas[<u32>processorNumber()];
    const first = this.apic;
    this.apic = new LocalApic(new Cpuid());
    const problem = this.apic.startLike(first.mode, first.base);
    if (problem.length != 0) console.error().text("this CPU ").text(problem).end();
    if (problem.length != 0) return RESULT_PROCESSORS_DIFFER;
    if (machine.options.fail == FAIL_PROCESSOR_DIFFERS) this.sameness.spoil();
    const level = machine.options.leavesFailedCpusOut ? LEVEL_WARNING : LEVEL_ERROR;
    if (!this.sameness.check(console, level)) return RESULT_PROCESSORS_DIFFER;
    if (!this.mtrrs.areLoaded()) {
      console.debug().text("firmware left other MTRRs here than on CPU 0: they are made the same").end();
      this.mtrrs.load();
    }
    const result = machine.virtualization.checkHere();
    return result == RESULT_OK ? machine.virtualization.enable() : result;
  }
}

/** Whether a CPU that is being started has come. */
class ArrivalOf extends Arrival {
  constructor(private readonly cpu: u32) {
    super();
  }

  hasArrived(): bool {
    return sharedLoad(stateWord(this.cpu)) != CPU_INVITED;
  }
}

/** What another CPU does with its core. It returns when it is to do nothing any more. */
export function joinTeam(): void {
  changetype<Team>(<usize>sharedLoad(TEAM_OBJECT)).takePart(<u32>processorNumber());
}
