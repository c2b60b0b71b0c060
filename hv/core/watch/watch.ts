// A watched range of one VM's RAM: what the guest may not do there without Basalt's knowing, and what is done then.

import { ACCESS_FETCH, ACCESS_WRITE } from "../../shared/vcpu-page";
import { Console } from "../console/console";
import { EXECUTE, READ, WRITE } from "../memory/entry-format";

// What is forbidden.
export const WATCH_FETCH: u32 = 0;
export const WATCH_WRITE: u32 = 1;
export const WATCH_ACCESS: u32 = 2;
/** For the boot option, and the lines of the console. */
export const WATCH_KIND_NAMES: StaticArray<string> = ["nofetch", "nowrite", "noaccess"];
/** What is left; 0: the page is not mapped. */
const LEFT: StaticArray<u32> = [READ | WRITE, READ | EXECUTE, 0];

// What is done.
/** The first access to each page is told, and the page is let go. */
export const ACTION_LOG: u32 = 0;
/** Each access is counted, and done in a single step. */
export const ACTION_COUNT: u32 = 1;
/** The same, and told. */
export const ACTION_STEP: u32 = 2;
/** The access is #GP(0). */
export const ACTION_FAULT: u32 = 3;
/** The VM ends before the instruction, and a record of it is printed (record.ts). */
export const ACTION_DUMP: u32 = 4;
/** The vCPU waits before the instruction for the host line, which gets the record and says how it goes on (host-dialogue.ts). */
export const ACTION_EMULATE: u32 = 5;
export const ACTION_NAMES: StaticArray<string> = ["log", "count", "step", "fault", "dump", "emulate"];

export class Watch {
  /** Accesses that it met. */
  accesses: u64 = 0;

  /** [start, end) is of guest-physical addresses, multiples of 4 KiB. */
  constructor(
    readonly start: u64,
    readonly end: u64,
    readonly kind: u32,
    readonly action: u32,
  ) {}

  /** The same, with a count of its own: a VM that runs again starts anew. */
  copy(): Watch {
    return new Watch(this.start, this.end, this.kind, this.action);
  }

  holds(gpa: u64): bool {
    return gpa >= this.start && gpa < this.end;
  }

  /** Whether an access, bits ACCESS_* of hv/shared/vcpu-page.ts, is what it forbids. */
  forbids(access: u64): bool {
    if (this.kind == WATCH_FETCH) return (access & ACCESS_FETCH) != 0;
    return this.kind == WATCH_ACCESS || (access & ACCESS_WRITE) != 0;
  }

  get permissions(): u32 {
    return LEFT[this.kind];
  }

  /** Adds it to a line as the boot option has it, without the VM. */
  describe(line: Console): Console {
    line.text("watch ").hex(this.start).text("-").hex(this.end).text(":").text(WATCH_KIND_NAMES[this.kind]);
    return line.text(":").text(ACTION_NAMES[this.action]);
  }
}
