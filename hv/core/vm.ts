// One VM: its memory, its vmm instance and its vCPU, from creation to summary.

import { GUEST_EPT, GUEST_HLT, GUEST_LOOP, GUEST_RDTSC, GUEST_REAL } from "../shared/guests";
import { ANY_CPU } from "./boot/vm-description";
import { LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO } from "./console/console";
import { StateSwitch, SwitchedState } from "./cpu/switched-state";
import { GuestMemory } from "./guest-memory";
import { processorNumber, rdtsc, setWorkWord } from "./hardware";
import { printMemory, printSummary } from "./monitor/summary";
import { RamDisk } from "./ram-disk";
import { RESULT_KILLED, RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "./results";
import { wake } from "./exits/halt";
import { RESUME, STOP, YIELD } from "./vcpu/action";
import { confirmEnd } from "./vcpu/answers";
import { TypedInput } from "./vcpu/typed-input";
import { NEVER } from "./vcpu/never";
import { Vcpu } from "./vcpu/vcpu";
import { VmArea, VMM_OWN_BYTES } from "./vm-area";
import { VmPlan } from "./vm-plan";
import { createVmm, resetVmm } from "./vmm-instance";
import { VmmMemory } from "./vmm-memory";

/** The most that the guest `rdtsc` executes RDTSC, whatever `iterations` says: that it works is soon seen. */
const MAXIMUM_RDTSCS: u64 = 1000;

/** What the guest `loop`, which never ends, may run where the boot options set no limit. */
const LOOP_TICKS: u64 = 50000000;

/**
 * The VM of `plan` in `area`, which is entered while any of this is called: `create`, then `run` until it is not `isRunning`,
 * then `end`; after `end`, or where `create` or `enter` fails, `giveUp`, and `closeArea` where that lets it go.
 */
export class Vm {
  private vcpu: Vcpu | null = null;
  private state: SwitchedState | null = null;
  private readonly memory: GuestMemory;
  private readonly vmm: VmmMemory;
  /** Ticks of its runs, each from before its first entry to after its last exit. */
  ticks: u64 = 0;
  /** A bit for each CPU that it has run on. */
  ranOn: u64 = 0;
  /** For the run queue (monitor/run-queue.ts). */
  virtualTime: u64 = 0;
  /** It does not run until it is resumed. */
  isPaused: bool = false;
  /** Somebody asked that it end. */
  mustEnd: bool = false;
  private lastAction: u32 = RESUME;
  private readonly input: TypedInput;

  constructor(
    private readonly plan: VmPlan,
    readonly area: VmArea,
    private readonly stateSwitch: StateSwitch,
  ) {
    this.memory = new GuestMemory(plan.machine, plan.number, plan.name, area.slot, area.pool, plan.ramBytes);
    this.vmm = new VmmMemory(area.slot, new RamDisk(plan.machine, area.slot, plan.ramDiskBytes));
    this.input = new TypedInput(plan.number);
    this.input.clear();
  }

  /** Makes all that it needs. RESULT_OK, or why it cannot run, which has been told. */
  create(): u32 {
    const plan = this.plan;
    const machine = plan.machine;
    const memory = this.memory;
    const isMirror = plan.mirrorsHost;
    let result = isMirror ? memory.shareImage(machine.virtualization.hasNestedPaging(plan.kind)) : memory.takeRam();
    if (result != RESULT_OK) return result;
    const state = this.stateSwitch.newState(this.area.pool);
    const vcpu = machine.virtualization.newVcpu(machine, plan.number, plan.kind, memory);
    if (!vcpu || !state) return memory.sayNoPageLeft();
    this.state = state;
    assert(
      (vcpu.cpuid.supportedXcr0 & ~this.stateSwitch.extended.components) == 0,
      "a guest may set no bit of XCR0 whose state is not kept apart",
    );
    vcpu.mirrorsHost = isMirror;
    if (!isMirror) result = createVmm(machine, this.area, vcpu, plan.description, this.vmm);
    if (result != RESULT_OK) return result;
    result = vcpu.watches.arm(vcpu, plan.description.watches, machine.options.answerTicks);
    if (result != RESULT_OK) return result;
    this.setCounts(vcpu);
    // From here on the processor may hold something of it.
    this.vcpu = vcpu;
    return vcpu.prepare();
  }

  get number(): u32 {
    return this.plan.number;
  }

  /** Its share of the CPU, in relation to those of others. */
  get weight(): u64 {
    return this.plan.description.weight;
  }

  /** Its guest has executed HLT and waits for an event. */
  get waits(): bool {
    return this.vcpu!.waitsForEvent;
  }

  /** Something was typed for its guest that may end such a wait. */
  get hasNewInput(): bool {
    return this.input.isNew;
  }

  /** When it is to run again although it waits: a value of the TSC, or NEVER. */
  get wakeAt(): u64 {
    return this.vcpu!.shared.wakeAt;
  }

  /** With RESULT_GUEST_EXIT: the guest's own value. */
  get exitValue(): u32 {
    const vcpu = this.vcpu;
    return vcpu ? vcpu.exitValue : 0;
  }

  get isRunning(): bool {
    return this.lastAction != STOP;
  }

  /** Runs its vCPU, which is current, until that stops, waits for an event, or the TSC has come to `sliceEnd`. */
  run(sliceEnd: u64): void {
    const vcpu = this.vcpu!;
    const start = rdtsc();
    if (this.mustEnd) {
      this.lastAction = this.kill();
      return;
    }
    vcpu.sliceEnd = sliceEnd;
    vcpu.deadline = this.deadline(start);
    setWorkWord(vcpu.workWord);
    vcpu.armTimer(start);
    let action = this.takeInput(vcpu);
    if (action == RESUME && vcpu.waitsForEvent) action = wake(vcpu);
    this.lastAction = action == RESUME ? this.enterGuest(vcpu) : action;
    if (vcpu.mustStartAnew) this.lastAction = this.startAnew(vcpu);
    const end = rdtsc();
    vcpu.leaveTimer(end);
    this.ticks += end - start;
  }

  private enterGuest(vcpu: Vcpu): u32 {
    const action = vcpu.run();
    this.input.noteRun();
    return action;
  }

  /** What mirrors the host has no device that receives: what is typed for it is lost. RESUME, or STOP. */
  private takeInput(vcpu: Vcpu): u32 {
    if (!this.plan.mirrorsHost) return this.input.give(vcpu);
    this.input.clear();
    return RESUME;
  }

  /** The guest has reset its machine, whose RAM and disk stay as they are. */
  private startAnew(vcpu: Vcpu): u32 {
    vcpu.say(LEVEL_INFO).text("the guest has reset its machine, and starts anew").end();
    this.stateSwitch.scrub();
    vcpu.reset();
    let result = resetVmm(vcpu, this.plan.guest);
    if (result == RESULT_OK) result = vcpu.prepare();
    return result == RESULT_OK ? YIELD : vcpu.stop(result);
  }

  private kill(): u32 {
    const vcpu = this.vcpu!;
    vcpu.say(LEVEL_INFO).text("ended from outside").end();
    return vcpu.stop(RESULT_KILLED);
  }

  /** Puts its vCPU into the processor. RESULT_OK, or why it cannot be, which has been told. */
  enter(): u32 {
    const vcpu = this.vcpu!;
    const result = vcpu.makeCurrent();
    if (result == RESULT_OK) this.stateSwitch.load(this.state!, vcpu.xcr0);
    return result;
  }

  /** Takes its vCPU out of the processor, so that another VM's can be put in. */
  leave(): void {
    this.vcpu!.noteXcr0();
    this.stateSwitch.save(this.state!);
  }

  /** Takes it from this CPU, where it is not in the processor, for another one. RESULT_OK or why not, which has been told. */
  depart(): u32 {
    const result = this.vcpu!.depart();
    if (result != RESULT_OK) return result;
    this.memory.depart();
    this.vmm.depart();
    return RESULT_OK;
  }

  /** Has it on this CPU, behind `depart` on another. RESULT_OK, or why it cannot run here, which has been told. */
  arrive(): u32 {
    if (this.memory.arrive() && this.vmm.arrive()) return RESULT_OK;
    this.vcpu!.say(LEVEL_ERROR).text("its memory could not be mapped on CPU ").decimal(processorNumber());
    this.plan.machine.console.text(": page tables ran out").end();
    return RESULT_TOO_LITTLE_MEMORY;
  }

  /** It may leave its CPU for another. What mirrors the host runs on this CPU's page tables and descriptor tables. */
  get mayMove(): bool {
    return this.plan.description.cpu == ANY_CPU && !this.plan.mirrorsHost && !this.mustEnd;
  }

  /** Tells what came of it. The VM's result. */
  end(): u32 {
    const vcpu = this.vcpu!;
    vcpu.explainEnd();
    if (vcpu.isHalted) confirmEnd(vcpu);
    vcpu.endRawLine();
    printSummary(vcpu, this.ticks);
    printMemory(vcpu);
    this.sayOwnMemory(vcpu);
    vcpu.watches.print(vcpu);
    this.stateSwitch.scrub();
    return vcpu.result;
  }

  /**
   * Takes the VM from the processor and gives back all that is not in its area. RESULT_OK, or why the processor may still hold
   * something of it, which has been told: then the area, and the slot, are to stay as they are.
   */
  giveUp(): u32 {
    const vcpu = this.vcpu;
    const result = vcpu ? vcpu.retire() : RESULT_OK;
    if (result != RESULT_OK) return result;
    this.memory.release();
    this.vmm.release();
    if (vcpu) this.sayGoodbye(vcpu);
    return RESULT_OK;
  }

  /** What the VM takes beside its guest's RAM. */
  private sayOwnMemory(vcpu: Vcpu): void {
    const area = this.area;
    const line = vcpu.say(LEVEL_DEBUG).text("beside RAM: ").decimal(area.pool.everInUse).text(" pages, ");
    line.decimal(area.objectBytes).text(" bytes of objects, ").decimal(VMM_OWN_BYTES).text(" bytes of its vmm").end();
  }

  private sayGoodbye(vcpu: Vcpu): void {
    const pool = this.area.pool;
    const line = vcpu.say(vcpu.mirrorsHost ? LEVEL_INFO : LEVEL_DEBUG);
    line.text(vcpu.mirrorsHost ? "back in the host: its state is given up, and its area" : "its area is given up");
    line.text(", with ").decimal(pool.inUse).text(" pages and ").decimal(this.area.objectBytes);
    line.text(" bytes of objects").end();
  }

  /** When the time that the VM may run is over, if it runs from `start` on. */
  private deadline(start: u64): u64 {
    let limit = this.plan.description.ticks;
    if (limit == 0 && this.plan.guest == GUEST_LOOP) limit = LOOP_TICKS;
    return limit == 0 ? NEVER : start + limit - min(limit, this.ticks);
  }

  /** How often the guest does what it does before it ends. */
  private setCounts(vcpu: Vcpu): void {
    const guest = this.plan.guest;
    const iterations = this.plan.description.iterations;
    if (guest == GUEST_HLT || guest == GUEST_EPT) vcpu.haltsLeft = iterations;
    if (guest == GUEST_REAL) vcpu.haltsLeft = 1;
    if (guest == GUEST_RDTSC) vcpu.registers.rcx = min(iterations, MAXIMUM_RDTSCS);
  }
}
