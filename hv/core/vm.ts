// One VM: its memory, its vmm instance and its vCPU, from creation to summary.

import {
  GUEST_EPT,
  GUEST_HLT,
  GUEST_MODULE,
  GUEST_NAMES,
  GUEST_RDTSC,
  GUEST_REAL,
  GUEST_TOUCH,
} from "../shared/guests";
import { LEVEL_INFO } from "./console/console";
import { GUEST_KINDS, mirrorsHost, touchedRamBytes } from "./guest-kinds";
import { BUILT_IN_RAM_BYTES, GuestMemory, tooLittleMemory } from "./guest-memory";
import { rdtsc } from "./hardware";
import { Machine } from "./machine";
import { printMemory, printSummary } from "./monitor/summary";
import { RESULT_GUEST_EXIT, RESULT_OK } from "./results";
import { RESUME, STOP } from "./vcpu/action";
import { confirmEnd } from "./vcpu/answers";
import { Vcpu } from "./vcpu/vcpu";
import { createVmm } from "./vmm-instance";

/** The most that the guest `rdtsc` executes RDTSC, whatever `iterations` says: that it works is soon seen. */
const MAXIMUM_RDTSCS: u64 = 1000;

/** VM `number` with guest `guest`, which may be boot module `module`: `create`, then `run` until it is not `isRunning`, then `end`. */
export class Vm {
  private vcpu: Vcpu | null = null;
  private readonly memory: GuestMemory;
  /** Ticks of its runs, each from before its first entry to after its last exit. */
  private ticks: u64 = 0;
  private pagesTaken: u32 = 0;
  private lastAction: u32 = RESUME;

  constructor(
    private readonly machine: Machine,
    private readonly number: u32,
    private readonly guest: u32,
    private readonly module: u32,
  ) {
    this.memory = new GuestMemory(machine, number);
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
    const vcpu = machine.virtualization.newVcpu(machine, this.number, kind, memory);
    if (!vcpu) return this.giveBack(tooLittleMemory(machine, this.number, this.ramBytes));
    this.pagesTaken = machine.pool.inUse - pagesBefore;
    this.vcpu = vcpu;
    vcpu.mirrorsHost = isMirror;
    if (!isMirror) result = createVmm(machine, vcpu, this.guest, this.module, memory);
    if (result != RESULT_OK) return this.giveBack(result);
    result = vcpu.watches.arm(vcpu, machine.options.watches);
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
    if (this.guest == GUEST_TOUCH) return touchedRamBytes(this.machine.options.iterations);
    return this.guest == GUEST_MODULE ? this.machine.options.memory : BUILT_IN_RAM_BYTES;
  }

  get isRunning(): bool {
    return this.lastAction != STOP;
  }

  /** Runs its vCPU until that stops, or makes room for another VM's. */
  run(): void {
    const vcpu = this.vcpu!;
    const start = rdtsc();
    this.lastAction = vcpu.run();
    this.ticks += rdtsc() - start;
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
    if (result != RESULT_OK) return result;
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
    const line = machine.console.info().text("vm").decimal(this.number).text(": guest ").text(GUEST_NAMES[this.guest]);
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
    const line = this.machine.console.error().text("vm").decimal(this.number).text(": guest ");
    line.text(GUEST_NAMES[this.guest]).text(" does not run on this CPU").end();
    return result;
  }

  /** How often the guest does what it does before it ends. */
  private setCounts(vcpu: Vcpu): void {
    const iterations = this.machine.options.iterations;
    if (this.guest == GUEST_HLT || this.guest == GUEST_EPT) vcpu.haltsLeft = iterations;
    // No device interrupts them, so that a HLT is the end.
    if (this.guest == GUEST_REAL || this.guest == GUEST_MODULE) vcpu.haltsLeft = 1;
    if (this.guest == GUEST_RDTSC) vcpu.registers.rcx = min(iterations, MAXIMUM_RDTSCS);
  }
}

/** Creates VM `number`, runs it to its end alone, and prints the summary. The run's result. */
export function runGuest(machine: Machine, number: u32, guest: u32, module: u32): u32 {
  const vm = new Vm(machine, number, guest, module);
  const result = vm.create();
  if (result != RESULT_OK) return result;
  while (vm.isRunning) vm.run();
  return vm.end();
}
