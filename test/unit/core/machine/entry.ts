// What entries of both vendors have in common: each gives its guest a turn, as the script has it, and keeps a record.
import type { Delivered } from "./event-delivery.ts";
import type { Exit, Script } from "./exits.ts";
import type { Guest } from "./guest.ts";
import { reason } from "./tables.ts";

/** What happened between two calls of core's: an exit, and what core did about it. */
export interface ExitRecord {
  /** The exit reason; by SVM too, where the script has it so. */
  readonly reason: number;
  /** By SVM: EXITCODE. */
  readonly code?: number;
  readonly rip: bigint;
  readonly wasResume: boolean;
  /** VMREADs and VMWRITEs from this exit to the next entry. */
  accesses: number;
}

const MADE_BY_MACHINE = [reason("EXIT_REASON_INTERRUPT_WINDOW"), reason("EXIT_REASON_NMI_WINDOW")];

export abstract class Entry {
  readonly records: ExitRecord[] = [];
  /** The rules that refused an entry, in order. */
  readonly brokenRules: string[] = [];
  /** The events that entries delivered, one list an entry. */
  readonly delivered: (readonly Delivered[])[] = [];
  /** An interrupt that no handler has acknowledged, and NMIs that are blocked since an NMI exit. */
  interruptIsPending = false;
  nmisAreBlocked = false;
  readonly #script: (vcpu: number) => Script;
  readonly #running = new Map<bigint, Iterator<Exit, unknown, undefined>>();
  #launches = 0;

  /** `script` is asked for a script once for each guest that starts, in that order. */
  constructor(script: (vcpu: number) => Script) {
    this.#script = script;
  }

  /** Where core is at its end, and no entry follows the last exit. */
  abstract finish(): void;

  protected nextOfScript(guest: Guest, isResume: boolean): Exit {
    if (this.interruptIsPending) throw new Error("core entered the guest again, and the interrupt is still pending");
    if (this.nmisAreBlocked) throw new Error("core entered the guest again, and NMIs are still blocked");
    const { address } = guest.vmcs;
    const running = isResume ? this.#running.get(address) : undefined;
    const script = running ?? this.#script(this.#launches++)(guest);
    this.#running.set(address, script);
    const { value, done } = script.next();
    if (done || !value) throw new Error("core entered the guest again, but its script has no more exits");
    if (MADE_BY_MACHINE.includes(value.reason)) {
      throw new Error("a script has a window exit: the machine makes these itself");
    }
    return value;
  }
}
