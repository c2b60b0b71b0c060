// One VM: its memory, its vmm instance and its vCPU, from creation to summary.

import { GUEST_EPT, GUEST_HLT, GUEST_LOOP, GUEST_NAMES, GUEST_RDTSC, GUEST_REAL, GUEST_TOUCH } from "../shared/guests";
import { VmDescription } from "./boot/vm-description";
import { LEVEL_INFO } from "./console/console";
import { StateSwitch, SwitchedState } from "./cpu/switched-state";
import { GUEST_KINDS, mirrorsHost, touchedRamBytes } from "./guest-kinds";
import { BUILT_IN_RAM_BYTES, GuestMemory, tooLittleMemory } from "./guest-memory";
import { rdtsc, setTickWord } from "./hardware";
import { Machine } from "./machine";
import { printMemory, printSummary } from "./monitor/summary";
import { RESULT_GUEST_EXIT, RESULT_OK } from "./results";
import { RESUME, STOP } from "./vcpu/action";
import { confirmEnd } from "./vcpu/answers";
import { NO_DEADLINE } from "./vcpu/tick";
import { Vcpu } from "./vcpu/vcpu";
import { createVmm } from "./vmm-instance";

/** The most that the guest `rdtsc` executes RDTSC, whatever `iterations` says: that it works is soon seen. */
const MAXIMUM_RDTSCS: u64 = 1000;

/** What the guest `loop`, which never ends, may run where the boot options set no limit. */
const LOOP_TICKS: u64 = 50000000;

/** VM `number`: `create`, then `run` until it is not `isRunning`, then `end`. */
export class Vm {
  private readonly guest: u32;
  private vcpu: Vcpu | null = null;
  private state: SwitchedState | null = null;
  private readonly memory: GuestMemory;
  /** Ticks of its runs, each from before its first entry to after its last exit. */
  private ticks: u64 = 0;
  private pagesTaken: u32 = 0;
  private lastAction: u32 = RESUME;

  constructor(
    private readonly machine: Machine,
    private readonly number: u32,
    private readonly description: VmDescription,
    private readonly stateSwitch: StateSwitch,
  ) {
    this.guest = description.guest;
    this.memory = new GuestMemory(machine, number, description.name);
  }

  /** Makes all that it needs. RESULT_OK, or why it cannot run, which has been told; then `end` is not called. */
  create(): u32 {
    const machine = this.machine;
    const kind = GUEST_KINDS[this.guest];
    this.announce(kind);
    let result = machine.virtualization.checkKind(kind);
    if (result != RESULT_OK) return this.refuse(result);

    const pagesBefore = machine.pool.inUse;
    const memory = this.memory;
    const isMirror = mirrorsHost(kind);
    result = isMirror ? memory.shareImage(machine.virtualization.hasNestedPaging(kind)) : memory.takeRam(this.ramBytes);
    if (result != RESULT_OK) return this.giveBack(result);
    const state = this.stateSwitch.newState();
    const vcpu = machine.virtualization.newVcpu(machine, this.number, kind, memory);
    if (!vcpu || !state) return this.giveBack(tooLittleMemory(machine, this.description.name, this.ramBytes));
    this.pagesTaken = machine.pool.inUse - pagesBefore;
    this.vcpu = vcpu;
    this.state = state;
    assert(
      (vcpu.cpuid.supportedXcr0 & ~this.stateSwitch.extended.components) == 0,
      "a guest may set no bit of XCR0 whose state is not kept apart",
    );
    vcpu.mirrorsHost = isMirror;
    if (!isMirror) result = createVmm(machine, vcpu, this.description, memory);
    if (result != RESULT_OK) return this.giveBack(result);
    result = vcpu.watches.arm(vcpu, this.description.watches, machine.options.answerTicks);
    if (result != RESULT_OK) return this.giveBack(result);
    this.setCounts(vcpu);
    result = vcpu.prepare();
    if (result == RESULT_OK) return RESULT_OK;
    vcpu.retire();
    return this.giveBack(result);
  }

  private giveBack(result: u32): u32 {
    this.memory.release();
    return result;
  }

  /** RAM of a VM that has its own. */
  private get ramBytes(): u64 {
    const asked = this.description.memory;
    if (asked != 0) return asked;
    return this.guest == GUEST_TOUCH ? touchedRamBytes(this.description.iterations) : BUILT_IN_RAM_BYTES;
  }

  get isRunning(): bool {
    return this.lastAction != STOP;
  }

  /** Runs its vCPU, which is current, until that stops or, where `othersWait`, its slice is over. */
  run(othersWait: bool): void {
    const vcpu = this.vcpu!;
    const start = rdtsc();
    vcpu.othersWait = othersWait;
    vcpu.deadline = this.deadline(start);
    setTickWord(vcpu.workWord);
    this.lastAction = vcpu.run();
    this.ticks += rdtsc() - start;
  }

  /** Puts its vCPU into the processor. RESULT_OK, or why it cannot be, which has been told: then the VM has ended. */
  enter(): u32 {
    const vcpu = this.vcpu!;
    const result = vcpu.makeCurrent();
    if (result == RESULT_OK) this.stateSwitch.load(this.state!, vcpu.xcr0);
    else vcpu.retire();
    return result;
  }

  /** Takes its vCPU out of the processor, so that another VM's can be put in. */
  leave(): void {
    this.vcpu!.noteXcr0();
    this.stateSwitch.save(this.state!);
  }

  /** Tells what came of it and gives back what it can. The VM's result. */
  end(): u32 {
    const machine = this.machine;
    const vcpu = this.vcpu!;
    vcpu.explainEnd();
    if (vcpu.isHalted) confirmEnd(vcpu);
    if (vcpu.result == RESULT_GUEST_EXIT) machine.exit.note(vcpu.exitValue);
    printSummary(vcpu, this.ticks);
    printMemory(vcpu);
    vcpu.watches.print(vcpu);
    const inUse = machine.pool.inUse;
    const result = vcpu.retire();
    this.stateSwitch.scrub();
    if (result != RESULT_OK) return result;
    this.stateSwitch.free(this.state!);
    this.memory.release();
    if (vcpu.mirrorsHost) {
      const line = vcpu.say(LEVEL_INFO).text("back in the host: its state is given up, ");
      line
        .decimal(inUse - machine.pool.inUse)
        .text(" of ")
        .decimal(this.pagesTaken)
        .text(" pages are given back")
        .end();
    }
    return vcpu.result;
  }

  private announce(kind: u32): void {
    const machine = this.machine;
    // Before the line is begun: it may warn.
    const hasNestedPaging = machine.virtualization.hasNestedPaging(kind);
    const line = machine.console.info().text(this.description.name).text(": ");
    // What programs read about it has the number.
    if (!this.description.hasDefaultName) line.text("vm").decimal(this.number).text(", ");
    line.text("guest ").text(GUEST_NAMES[this.guest]);
    if (mirrorsHost(kind)) {
      line.text(", in Basalt's own memory, ");
      line.text(hasNestedPaging ? "with " : "without ");
      line.text(machine.virtualization.nestedPagingName).end();
    } else {
      line
        .text(", ")
        .decimal(this.ramBytes >> 20)
        .text(" MiB of RAM")
        .end();
    }
  }

  private refuse(result: u32): u32 {
    const line = this.machine.console.error().text(this.description.name).text(": guest ");
    line.text(GUEST_NAMES[this.guest]).text(" does not run on this CPU").end();
    return result;
  }

  /** When the time that the VM may run is over, if it runs from `start` on. */
  private deadline(start: u64): u64 {
    let limit = this.description.ticks;
    if (limit == 0 && this.guest == GUEST_LOOP) limit = LOOP_TICKS;
    return limit == 0 ? NO_DEADLINE : start + limit - min(limit, this.ticks);
  }

  /** How often the guest does what it does before it ends. */
  private setCounts(vcpu: Vcpu): void {
    const iterations = this.description.iterations;
    if (this.guest == GUEST_HLT || this.guest == GUEST_EPT) vcpu.haltsLeft = iterations;
    if (this.guest == GUEST_REAL) vcpu.haltsLeft = 1;
    if (this.guest == GUEST_RDTSC) vcpu.registers.rcx = min(iterations, MAXIMUM_RDTSCS);
  }
}
