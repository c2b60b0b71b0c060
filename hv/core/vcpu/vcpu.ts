// One virtual CPU, whatever virtualizes it: its registers, the page that it shares with the vmm, and what is counted.

import { VECTOR_PAGE_FAULT } from "../../x86/exceptions";
import { INPUT_CAPACITY, INPUT_OFFSET } from "../../shared/vcpu-page";
import { CONSOLE_CAPACITY, CONSOLE_OFFSET, CPU_STATE_OFFSET, CpuState, EXIT_HALT } from "../../shared/vcpu-page";
import { Registers, REGISTERS_OFFSET, VcpuPage } from "../../shared/vcpu-page";
import { XCR0_X87 } from "../../x86/control-registers";
import { CPUID_ADDRESS_SIZES_PHYSICAL_MASK, CPUID_LEAF_ADDRESS_SIZES } from "../../x86/cpuid";
import { ACCESS_RIGHTS_DPL_MASK, ACCESS_RIGHTS_DPL_SHIFT } from "../../x86/segments";
import { Console, LEVEL_DEBUG } from "../console/console";
import { OwnMark } from "../console/own-mark";
import { supportedCr4 } from "../cpu/control-registers";
import { ANSWER_EAX } from "../cpu/cpuid-policy";
import { GuestCpuid } from "../cpu/guest-cpuid";
import { GuestMsrs } from "../cpu/guest-msrs";
import { GuestMemory } from "../guest-memory";
import { Bytes } from "../memory/bytes";
import { EntryWork } from "../memory/entry-work";
import { PAGE_BYTES } from "../memory/page-pool";
import { RESULT_OK } from "../results";
import { REQUEST_NMI } from "../../shared/vcpu-page";
import { SEGMENT_STATE_BYTES, SegmentState, SEGMENTS_OFFSET } from "../../shared/vcpu-page";
import { VcpuEvents } from "../events/vcpu-events";
import { rdtsc, xsetbv } from "../hardware";
import { GuestState } from "./guest-state";
import { HostTimer } from "../interrupts/host-timer";
import { WatchList } from "../watch/watch-list";
import { RESUME, STOP } from "./action";
import { TaskState } from "./load-state";
import { MemoryFault } from "./memory-fault";
import { SEGMENT_SS, SEGMENTS, STATE_ACCESS_RIGHTS, STATE_RSP } from "./state";
import { endByTripleFault } from "./triple-fault";
import { NEVER } from "./never";
import { WORK_EVENTS } from "./work";

/** At log level debug. */
const TRACED_EXITS: u32 = 8;
/** Its place in the vCPU page is not always filled in. */
const RSP: u32 = 4;
const GENERAL_REGISTERS: u32 = 16;

/** The virtual CPU of the VM with number `vm`, its place in the boot options. A backend (hv/core/vmx) gives it state and a way to run. */
export abstract class Vcpu {
  /** The registers' end: what a VM exit has for its stack. Core's own stack pointer is kept behind it. */
  readonly registersEnd: usize;
  readonly shared: VcpuPage;
  /** That of its VM's area and vmm, which VMs that follow each other share. */
  readonly slot: u32;
  readonly state: CpuState;
  readonly registers: Registers;
  /** Its VM's watches, which cost nothing where there are none: only an access that is not allowed asks for them. */
  readonly watches: WatchList;
  /** One instruction runs by itself, and its end has not been seen. */
  isStepping: bool = false;
  /** Its last access that nested paging did not allow. */
  readonly fault: MemoryFault = new MemoryFault();
  /** By hv/core/vcpu/state.ts's SEGMENT_*; valid where `state` is. */
  readonly segments: StaticArray<SegmentState> = new StaticArray<SegmentState>(SEGMENTS);
  /** What waits to be delivered. Whoever adds to it sets WORK_EVENTS. */
  readonly events: VcpuEvents;
  readonly taskState: TaskState = new TaskState();
  /** For `prepare`: nothing is allocated when a guest starts anew. */
  protected readonly start: GuestState = new GuestState();

  /** The run loop enters the guest only while its `bits` are 0. */
  entryWork: EntryWork = new EntryWork();
  /** The TSC from which on a tick of the host's timer ends the slice; NEVER where nobody else wants the processor. */
  sliceEnd: u64 = NEVER;
  /** What the host's timer is armed for while it runs. */
  private armedFor: u64 = NEVER;
  /** The guest has executed HLT, and nothing wakes it yet. */
  waitsForEvent: bool = false;
  /** The TSC from which on a tick of the host's timer ends this VM. */
  deadline: u64 = NEVER;
  /** The row of `exitCounters` for the last exit. */
  exitRow: u32 = 0;
  /** When the handling of the last port access began, by the low half of the TSC. */
  exitStart: u32 = 0;
  /** Exits that are still told one by one at log level debug. */
  exitsToTrace: u32;
  /** Where the VM's console is raw; null where its lines are shown. */
  ownMark: OwnMark | null = null;
  /** What the vmm was asked last, one of EXIT_*: the vmm can write over it in the page. */
  askedKind: u32 = 0;
  /** The root object of its vmm, as `create` returned it. */
  vmmRoot: u32 = 0;
  /** A hypercall ends it without asking a vmm, which it does not have: its code is Basalt's (guest-kinds.ts). */
  mirrorsHost: bool = false;
  /** The processor keeps PDPTEs in registers while the guest runs; else it reads them in memory, and checks them there. */
  hasPdpteRegisters: bool = true;
  /** HLT exits that are left until the vmm is asked whether the guest has ended; 0: no limit. */
  haltsLeft: u64 = 0;
  /** The guest has reset its machine: it is to begin again before it runs. */
  mustStartAnew: bool = false;
  /** Its vmm was stopped: the VM ends before its next entry. */
  hasStoppedVmm: bool = false;
  /** The guest's HLT was its last. */
  isHalted: bool = false;
  /** How it ended, one of hv/core/results.ts. */
  result: u32 = RESULT_OK;
  /** With RESULT_GUEST_EXIT: the guest's own value. */
  exitValue: u32 = 0;

  /** The CPU that the guest sees. */
  readonly cpuid: GuestCpuid;
  /** Its `answers` and `indirect`, here for the exit path. */
  readonly cpuidRows: usize;
  readonly indirectLeaves: u32;
  readonly msrs: GuestMsrs;
  /** The bits of CR4 that the guest may set. */
  readonly supportedCr4: u64;
  /** A mask of the bits of physical addresses. */
  readonly physicalAddresses: u64;
  /** The guest's XCR0; a change of it goes through setXcr0. */
  xcr0: u64 = XCR0_X87;
  /** The guest's time-stamp counter less the host's; a change of it goes through setTscOffset. */
  tscOffset: u64 = 0;
  /** For hv/core/cpu/pdptes.ts: nothing is allocated on the exit path. */
  readonly pdpteBytes: Bytes = new Bytes(32);

  /** Exits, and the ticks that they took in core and vmm: two numbers for each row of the backend's table. */
  readonly exitCounters: StaticArray<u64>;

  /** `page` is the first of two adjacent pages: the vCPU page, and a private one behind it. */
  constructor(
    readonly vm: u32,
    readonly console: Console,
    readonly page: usize,
    readonly memory: GuestMemory,
    /** Rows of the backend's table of exits, of which the first `exitRows` are told in the summary. */
    readonly exitRows: u32,
    counters: u32,
    /** FEATURE_* of hv/core/cpu/features.ts: what the backend lets the guest use. */
    readonly features: u32,
    private readonly timer: HostTimer,
  ) {
    const cpuid = new GuestCpuid(features, timer.tscKilohertz);
    const shared = changetype<VcpuPage>(page);
    this.slot = memory.slot;
    this.cpuid = cpuid;
    this.cpuidRows = changetype<usize>(cpuid.answers);
    this.indirectLeaves = cpuid.indirect;
    this.msrs = new GuestMsrs(cpuid);
    this.supportedCr4 = supportedCr4(cpuid);
    const addressBits = cpuid.of(CPUID_LEAF_ADDRESS_SIZES, ANSWER_EAX) & CPUID_ADDRESS_SIZES_PHYSICAL_MASK;
    this.physicalAddresses = ((<u64>1) << addressBits) - 1;
    this.exitsToTrace = console.level >= LEVEL_DEBUG ? TRACED_EXITS : 0;
    this.registersEnd = page + PAGE_BYTES;
    this.shared = shared;
    this.events = new VcpuEvents(shared);
    this.watches = new WatchList(memory);
    this.state = changetype<CpuState>(page + CPU_STATE_OFFSET);
    this.registers = changetype<Registers>(page + REGISTERS_OFFSET);
    this.exitCounters = new StaticArray<u64>(2 * counters);
    // No access to a port yet, which 0 would be: an instruction's end asks.
    shared.exitKind = EXIT_HALT;
    shared.tscKilohertz = timer.tscKilohertz;
    shared.wakeAt = NEVER;
    this.state.physicalAddressBits = addressBits;
    for (let i: u32 = 0; i < SEGMENTS; i++) {
      this.segments[i] = changetype<SegmentState>(page + SEGMENTS_OFFSET + i * SEGMENT_STATE_BYTES);
    }
  }

  /**
   * Makes of what it keeps what it is after power-on; `prepare` sees to the rest. It is current, and its registers in the
   * processor are clean (switched-state.ts).
   */
  reset(): void {
    for (let number: u32 = 0; number < GENERAL_REGISTERS; number++) this.registerAt(number).value = 0;
    this.events.reset();
    this.msrs.reset();
    this.cpuid.setApic(true);
    this.xcr0 = XCR0_X87;
    this.cpuid.setXcr0(XCR0_X87);
    this.waitsForEvent = false;
    this.mustStartAnew = false;
    // What it had mapped is not what it will have there.
    this.dropLinearTranslations();
  }

  /** A part of the guest's state, by its number in state.ts. The vCPU is current. */
  abstract read(state: u32): u64;
  /** Changes a part of it; the value is one that the processor takes. */
  abstract write(state: u32, value: u64): void;
  /** CR0 or CR4 as the guest reads it, by STATE_CR0 or STATE_CR4: bits that are the backend's are as the guest left them. */
  abstract readSeen(state: u32): u64;
  /** Has the guest read this value in it, and the processor use what of it is the guest's. */
  abstract writeSeen(state: u32, value: u64): void;
  /** IA32_EFER, where it is the guest's own; LMA decides the mode of the next entry. */
  abstract readEfer(): u64;
  abstract writeEfer(value: u64): void;
  abstract get cr2(): u64;
  abstract set cr2(value: u64);
  abstract get dr6(): u64;
  abstract set dr6(value: u64);
  /** An MSR of the policy's kinds MSR_LIVE and MSR_LIVE_ADDRESS (hv/core/cpu/msrs.ts), wherever the guest's value is. */
  abstract readLive(msr: u32): u64;
  abstract writeLive(msr: u32, value: u64): void;
  /** Changes tscOffset. */
  abstract setTscOffset(offset: u64): void;
  /** Makes it ready for its first entry: RESULT_OK or why not. The vmm has said in the page where it starts. */
  abstract prepare(): u32;
  /** Makes it the one that this processor runs: after another vCPU ran. RESULT_OK or why not. */
  abstract makeCurrent(): u32;
  /** Advances RIP past the instruction that exited, with all that an instruction's end brings. */
  abstract advance(): void;
  /**
   * Does in one what `advance` and the delivery of an interrupt do, where that waits alone and the guest takes it at once, and
   * nothing about the instruction is special: true. Otherwise nothing is done.
   */
  interruptBehindInstruction(): bool {
    return false;
  }
  /** As `advance`, but by `length` bytes, 1 to 15. */
  abstract advanceBy(length: u32): void;
  /** Where a repeated instruction that exited is to go on: brings what an iteration's end brings. RIP stays. */
  abstract completeIteration(): void;
  /** Fills in `state`, `segments` and RSP's place in `registers`: in 64-bit mode CS, SS, FS and GS of the segments. */
  abstract saveState(): void;
  /** The handler of an NMI has not executed its IRET. */
  abstract get isBlockedByNmi(): bool;
  /**
   * Before a state is loaded that is not the one of the next instruction: what waited for that one is gone, and so is an event
   * whose delivery the exit interrupted.
   */
  abstract endEvent(): void;
  /** Has the next entry drop the translations of linear addresses: where Basalt changed what the guest's paging rests on. */
  abstract dropLinearTranslations(): void;
  /** Has it stop behind the next instruction, and arm its watches again. */
  abstract startStep(): void;
  /** Enters the guest, again and again, until it stops (STOP) or is to make room for another (YIELD). */
  abstract run(): u32;
  /** After the end: says why an entry failed, where one did. */
  abstract explainEnd(): void;
  /** Takes it from this processor, so that it can be made current on another: RESULT_OK or why not, which has been told. */
  abstract depart(): u32;
  /** Takes it from this processor for good: RESULT_OK or why not; then its pages may not be anybody else's. */
  abstract retire(): u32;
  /** Adds the vendor's number and name of a row of `exitCounters`, below exitRows, to a line. */
  abstract nameExit(row: u32, line: Console): void;
  /** Adds to a line what the last exit was: its number, its name, where, its qualification. */
  abstract describeExit(line: Console): void;

  /** Has the next entry drop all translations of this vCPU, nested paging's too, that the processor may hold. */
  dropTranslations(): void {
    this.dropLinearTranslations();
    this.entryWork.invalidationIsPending = true;
  }

  /** The pointer to its work word, for hardware.setWorkWord. */
  get workWord(): usize {
    return changetype<usize>(this.entryWork) + offsetof<EntryWork>("bits");
  }

  /**
   * Has the next entry deliver an exception at the instruction that exited, as a fault: `errorCode` or NO_ERROR_CODE
   * (hv/shared/vcpu-page.ts). Where the exit came while another event was delivered, the two may make a double fault, or a
   * triple fault, which ends the VM. To be returned by a handler. A page fault is `raisePageFault`'s.
   */
  raise(vector: u32, errorCode: u32): u32 {
    this.work |= WORK_EVENTS;
    return this.events.raise(vector, errorCode) ? RESUME : endByTripleFault(this);
  }

  /** As `raise`, of #PF at a linear address, which the guest finds in CR2. */
  raisePageFault(errorCode: u32, address: u64): u32 {
    this.cr2 = address;
    return this.raise(VECTOR_PAGE_FAULT, errorCode);
  }

  /** Asks for an NMI; one that waits already is the same. */
  injectNmi(): void {
    this.events.hasNmi = true;
    this.work |= WORK_EVENTS;
  }

  /** Takes over what the vmm asked for in the page. */
  takeEventRequest(): void {
    const request = this.shared.eventRequest;
    if (request == 0) return;
    this.shared.eventRequest = 0;
    if (request & REQUEST_NMI) this.injectNmi();
  }

  /** After a call of the vmm: what it asks for beside its answer. */
  heedRequests(): void {
    const shared = this.shared;
    if ((shared.eventRequest | shared.waitingInterrupt) != 0) this.work |= WORK_EVENTS;
    this.heedWakeAt();
  }

  /** After a call of the vmm, which may have changed when it wants to be called: has the host's timer tick by then. */
  heedWakeAt(): void {
    if (this.shared.wakeAt < this.armedFor) this.armTimer(rdtsc());
  }

  /** Has the host's timer, whose last tick may be over, come for what is due next; the TSC reads `now`. */
  armTimer(now: u64): void {
    const at = min(this.shared.wakeAt, this.sliceEnd);
    this.armedFor = at;
    this.timer.arm(now, at);
  }

  /** A slice ends at `sliceEnd`: while another runs, the timer's ticks are not for this one. */
  leaveTimer(now: u64): void {
    this.armedFor = 0;
    this.timer.arm(now, NEVER);
  }

  /** Puts a value that XSETBV takes in force, on this processor and in leaf 0xD of the guest's CPUID. */
  setXcr0(value: u64): void {
    this.xcr0 = value;
    this.cpuid.setXcr0(value);
    xsetbv(value);
  }

  /** Takes over an XCR0 that the guest has changed without an exit, where the backend's processor lets it. */
  noteXcr0(): void {}

  /** A general-purpose register by the number of its encoding, 0 to 15. */
  register(number: u32): u64 {
    return number == RSP ? this.read(STATE_RSP) : this.registerAt(number).value;
  }

  setRegister(number: u32, value: u64): void {
    if (number == RSP) this.write(STATE_RSP, value);
    else this.registerAt(number).value = value;
  }

  private registerAt(number: u32): RegisterValue {
    return changetype<RegisterValue>(changetype<usize>(this.registers) + ((number & 15) << 3));
  }

  /** The guest ran: an entry that failed by the guest's state is none. */
  get hasExited(): bool {
    for (let row: u32 = 0; row < this.exitRows; row++) {
      if (this.exitCounters[2 * row] != 0) return true;
    }
    return false;
  }

  /** CPL, 0 to 3: that of SS (SDM 3C 25.4.1, note of table 25-2). */
  get privilegeLevel(): u32 {
    return ((<u32>this.read(STATE_ACCESS_RIGHTS + SEGMENT_SS)) >> ACCESS_RIGHTS_DPL_SHIFT) & ACCESS_RIGHTS_DPL_MASK;
  }

  /** Bits of WORK_* (work.ts, and the backend's): what is to be done before the next entry. */
  get work(): u32 {
    return this.entryWork.bits;
  }
  set work(bits: u32) {
    this.entryWork.bits = bits;
  }

  /** Starts a line of the console about this VM, with its name: of this VM's console, if the lines of one alone are shown. */
  say(level: u32): Console {
    return this.console.lineOfVm(level, this.vm).text(this.memory.vmName).text(": ");
  }

  /** Ends the VM with `result`; to be returned by a handler. */
  stop(result: u32): u32 {
    this.result = result;
    return STOP;
  }

  /** Prints what the vmm wrote for the console since the last call, and empties it. */
  printVmmText(level: u32): void {
    const length = min(this.shared.consoleLength, CONSOLE_CAPACITY);
    const isDebug = this.shared.consoleIsDebug != 0;
    this.shared.consoleLength = 0;
    const isRaw = this.shared.consoleIsRaw != 0;
    this.shared.consoleIsDebug = 0;
    this.shared.consoleIsRaw = 0;
    if (length == 0) return;
    const mark = this.ownMark;
    if (isRaw && mark) return this.printRaw(mark, length);
    const text = changetype<ConsoleText>(this.page + CONSOLE_OFFSET);
    this.say(isDebug ? LEVEL_DEBUG : level);
    for (let i: u32 = 0; i < length; i++) {
      this.console.byte(changetype<ConsoleText>(changetype<usize>(text) + i).byte);
    }
    this.console.end();
  }

  /** Prints the first `length` bytes of the vmm's text as they are. */
  private printRaw(mark: OwnMark, length: u32): void {
    const raw = this.console.raw!;
    raw.start();
    for (let i: u32 = 0; i < length; i++) {
      raw.add(mark.filter(changetype<ConsoleText>(this.page + CONSOLE_OFFSET + i).byte));
    }
    raw.end(this.vm);
  }

  /** Puts a byte that was typed into the page, at `index` below INPUT_CAPACITY. */
  setInput(index: u32, byte: u8): void {
    changetype<ConsoleText>(this.page + INPUT_OFFSET + (index & (INPUT_CAPACITY - 1))).byte = byte;
  }

  /** Ends the guest's last line, where its console is raw. */
  endRawLine(): void {
    if (this.ownMark) this.console.raw!.leave(this.vm);
  }
}

@unmanaged
class ConsoleText {
  byte: u8;
}

@unmanaged
class RegisterValue {
  value: u64;
}
