// One virtual CPU, whatever virtualizes it: its registers, the page that it shares with the vmm, and what is counted.

import { CONSOLE_CAPACITY, CONSOLE_OFFSET, CPU_STATE_OFFSET, CpuState } from "../../shared/vcpu-page";
import { Registers, REGISTERS_OFFSET, VcpuPage } from "../../shared/vcpu-page";
import { Console, LEVEL_DEBUG } from "../console/console";
import { XCR0_AT_RESET } from "../cpu/extended-state";
import { GuestMemory } from "../guest-memory";
import { PAGE_BYTES } from "../memory/page-pool";
import { RESULT_OK } from "../results";
import { STOP } from "./action";
import { NO_DEADLINE } from "./tick";

/** At log level debug. */
const TRACED_EXITS: u32 = 8;

/** The virtual CPU of the VM with number `vm`. A backend (hv/core/vmx) gives it state and a way to run. */
export abstract class Vcpu {
  /** The registers' end: what a VM exit has for its stack. Core's own stack pointer is kept behind it. */
  readonly registersEnd: usize;
  readonly shared: VcpuPage;
  readonly state: CpuState;
  readonly registers: Registers;

  /** Bits of WORK_* (work.ts, and the backend's); the run loop enters the guest only while it is 0. */
  work: u32 = 0;
  /** The guest's XCR0, which is in the processor while this vCPU is; a subset of `supportedXcr0`. */
  xcr0: u64 = XCR0_AT_RESET;
  /** The bits that the guest may set in XCR0: state that is kept apart between VMs; 0 without XSAVE. */
  supportedXcr0: u64 = 0;
  /** Another VM waits for this processor: a tick of the host's timer ends the slice. */
  othersWait: bool = false;
  /** The TSC from which on a tick of the host's timer ends this VM. */
  deadline: u64 = NO_DEADLINE;
  /** The row of `exitCounters` for the last exit. */
  exitRow: u32 = 0;
  /** Exits that are still told one by one at log level debug. */
  exitsToTrace: u32;
  /** The root object of its vmm, as `create` returned it. */
  vmmRoot: u32 = 0;
  /** A hypercall ends it without asking a vmm, which it does not have: its code is Basalt's (guest-kinds.ts). */
  mirrorsHost: bool = false;
  /** HLT exits that are left until the vmm is asked whether the guest has ended; 0: no limit. */
  haltsLeft: u64 = 0;
  /** The guest's HLT was its last. */
  isHalted: bool = false;
  /** How it ended, one of hv/core/results.ts. */
  result: u32 = RESULT_OK;

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
  ) {
    this.exitsToTrace = console.level >= LEVEL_DEBUG ? TRACED_EXITS : 0;
    this.registersEnd = page + PAGE_BYTES;
    this.shared = changetype<VcpuPage>(page);
    this.state = changetype<CpuState>(page + CPU_STATE_OFFSET);
    this.registers = changetype<Registers>(page + REGISTERS_OFFSET);
    this.exitCounters = new StaticArray<u64>(2 * counters);
  }

  /** A part of the guest's state, by its number in state.ts. The vCPU is current. */
  abstract read(state: u32): u64;
  /** Changes a part of it; the value is one that the processor takes. */
  abstract write(state: u32, value: u64): void;
  /** Makes it ready for its first entry: RESULT_OK or why not. The vmm has said in the page where it starts. */
  abstract prepare(): u32;
  /** Makes it the one that this processor runs: after another vCPU ran. RESULT_OK or why not. */
  abstract makeCurrent(): u32;
  /** Advances RIP past the instruction that exited, with all that an instruction's end brings. */
  abstract advance(): void;
  /**
   * Has the next entry deliver an exception at the instruction that exited, as a fault: `errorCode` or NO_ERROR_CODE
   * (hv/shared/vcpu-page.ts). RESUME, to be returned by a handler.
   */
  abstract raise(vector: u32, errorCode: u32): u32;
  /** Enters the guest, again and again, until it stops (STOP) or is to make room for another (YIELD). */
  abstract run(): u32;
  /** After the end: says why an entry failed, where one did. */
  abstract explainEnd(): void;
  /** Takes it from this processor for good: RESULT_OK or why not. */
  abstract retire(): u32;
  /** The name of a row of `exitCounters`, below exitRows. */
  abstract exitName(row: u32): string;
  /** Adds to a line what the last exit was: its number, its name, where, its qualification. */
  abstract describeExit(line: Console): void;

  /** The pointer to `work`, for hardware.setTickWord. */
  get workWord(): usize {
    return changetype<usize>(this) + offsetof<Vcpu>("work");
  }

  /** The guest ran: an entry that failed by the guest's state is none. */
  get hasExited(): bool {
    for (let row: u32 = 0; row < this.exitRows; row++) {
      if (this.exitCounters[2 * row] != 0) return true;
    }
    return false;
  }

  /** Starts a line of the console about this VM. */
  say(level: u32): Console {
    return this.console.line(level).text("vm").decimal(this.vm).text(": ");
  }

  /** Ends the VM with `result`; to be returned by a handler. */
  stop(result: u32): u32 {
    this.result = result;
    return STOP;
  }

  /** Prints what the vmm wrote for the console since the last call, and empties it. */
  printVmmText(level: u32): void {
    const length = min(this.shared.consoleLength, CONSOLE_CAPACITY);
    this.shared.consoleLength = 0;
    if (length == 0) return;
    const text = changetype<ConsoleText>(this.page + CONSOLE_OFFSET);
    this.say(level);
    for (let i: u32 = 0; i < length; i++) {
      this.console.byte(changetype<ConsoleText>(changetype<usize>(text) + i).byte);
    }
    this.console.end();
  }
}

@unmanaged
class ConsoleText {
  byte: u8;
}
