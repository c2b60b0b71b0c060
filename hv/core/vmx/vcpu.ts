// One virtual CPU: its VMCS, the page that it shares with the vmm, and what is counted about it.

import { EXIT_REASON_COUNT } from "../../x86/exit-reasons";
import { CONSOLE_CAPACITY, CONSOLE_OFFSET, Registers, REGISTERS_OFFSET, VcpuPage } from "../../shared/vcpu-page";
import { Console } from "../console/console";
import { PAGE_BYTES } from "../memory/page-pool";
import { RESULT_OK } from "../results";
import { GuestTranslations } from "./invalidate";

/** What a handler of VM exits returns. */
export const RESUME: u32 = 0;
export const STOP: u32 = 1;

/** The SDM's exit reasons and Basalt's own (hv/core/vmx/exits.ts). */
const EXIT_HANDLER_ROWS: i32 = EXIT_REASON_COUNT + 3;

/** A virtual CPU of the VM with number `vm`. */
export class Vcpu {
  /** The registers' end: HOST_RSP, and what vmEnter takes. Core's own stack pointer is kept behind it. */
  readonly registersEnd: usize;
  readonly shared: VcpuPage;
  readonly registers: Registers;

  /** 1 after the first entry: then VMRESUME. */
  isLaunched: u32 = 0;
  /** The row of EXIT_HANDLERS for the last exit: its basic exit reason. */
  exitReason: u32 = 0;
  /** How the last VMLAUNCH or VMRESUME failed, where REASON_ENTRY_REFUSED says so. */
  entryOutcome: u32 = 0;
  /** Exits that are still told one by one at log level debug. */
  exitsToTrace: u32 = 8;
  /** The root object of its vmm, as `create` returned it. */
  vmmRoot: u32 = 0;
  /** A VMCALL ends it without asking a vmm, which it does not have: its code is Basalt's (vm-kinds.ts's mirrorsHost). */
  mirrorsHost: bool = false;
  /** HLT exits that are left until the vmm is asked whether the guest has ended; 0: no limit. */
  haltsLeft: u64 = 0;
  /** How it ended, one of hv/core/results.ts. */
  result: u32 = RESULT_OK;

  /** VM exits, and the ticks that they took in core and vmm: two numbers for each row of EXIT_HANDLERS. */
  readonly exitCounters: StaticArray<u64> = new StaticArray<u64>(2 * EXIT_HANDLER_ROWS);

  /** `page` is the first of two adjacent pages: the vCPU page, and a private one behind it. */
  constructor(
    readonly vm: u32,
    readonly console: Console,
    readonly page: usize,
    readonly vmcs: u64,
    readonly translations: GuestTranslations,
  ) {
    this.registersEnd = page + PAGE_BYTES;
    this.shared = changetype<VcpuPage>(page);
    this.registers = changetype<Registers>(page + REGISTERS_OFFSET);
  }

  /** The guest ran: an entry that failed by the guest's state leaves the VMCS's launch state clear (SDM 3C 27.8). */
  get hasExited(): bool {
    for (let reason: u32 = 0; reason < EXIT_REASON_COUNT; reason++) {
      if (this.exitCounters[2 * reason] != 0) return true;
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
