// Random sequences of requests, faults and a guest's own doings, held against a small model of what the SDM demands.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../ept/random.ts";
import { assertEnd } from "./assertions.ts";
import { io, nmi, vmcall, type Exit } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { Machine } from "./machine/machine.ts";
import { control, field, reason, vcpuPage } from "./machine/tables.ts";
import type { VcpuPageView } from "./machine/vcpu-page.ts";

const IF = 0x200n;
const TF = 0x100n;
const STI = 1n;
const MOV_SS = 2n;
const NMI_BLOCKING = 8n;
const BS = 1n << 14n;
const DEBUG = 0x301;
const NMI = 0x202;
const [INTERRUPT_WINDOW, NMI_WINDOW] = ["INTERRUPT", "NMI"].map((name) => control(`PRIMARY_${name}_WINDOW_EXITING`));
const WAITS = BigInt(vcpuPage("INTERRUPT_WAITS"));
const STEPS = 400;

/** What the guest waits for, and what it was given, by the sections of the SDM that the code cites, written once more. */
class Model {
  /** The vector of the interrupt that waits. */
  interrupt: number | null = null;
  /** One was withdrawn, and the processor was not told to look for its window no more. */
  wasWithdrawn = false;
  hasNmi = false;
  /** An exception that was reflected. */
  fault: number | null = null;

  /** What is delivered before the guest executes an instruction in this state, one event upon the other. */
  deliver(flags: bigint, blocking: bigint, pending: bigint): number[] {
    const event = this.#next(flags, blocking, pending);
    if (event === null) return [];
    const nmis = event === NMI ? NMI_BLOCKING : blocking & NMI_BLOCKING;
    return [event, ...this.deliver(flags & ~(IF | TF), nmis, 0n)];
  }

  #next(flags: bigint, blocking: bigint, pending: bigint): number | null {
    const { fault } = this;
    this.fault = null;
    if (fault !== null) return fault;
    if ((blocking & MOV_SS) !== 0n) return null;
    if ((pending & BS) !== 0n) return DEBUG;
    if (this.hasNmi && (blocking & NMI_BLOCKING) === 0n) {
      this.hasNmi = false;
      return NMI;
    }
    if ((flags & IF) === 0n || (blocking & STI) !== 0n) return null;
    const { interrupt } = this;
    this.interrupt = null;
    return interrupt;
  }
}

/** Runs one sequence; the number of events that were delivered. */
function runSequence(seed: number): number {
  const random = new Random(seed);
  const model = new Model();
  const read = (guest: Guest, name: string): bigint => guest.vmcs.read(field(`GUEST_${name}`));
  /** What the vmm puts into the page, or leaves there. */
  let waiting: bigint | null = null;
  let wantsNmi = false;
  /** What it is to find acknowledged. */
  let unseen: number | null = null;
  let delivered = 0;
  let rip = 0x10000n;

  function* script(guest: Guest): Generator<Exit> {
    for (let step = 0; step < STEPS; step++) {
      // The guest's own doings since the entry: flags, a shadow, an IRET from its NMI handler.
      const isNmiBlocked = (read(guest, "INTERRUPTIBILITY_STATE") & NMI_BLOCKING) !== 0n && !random.chance(20);
      const hasIf = random.chance(50);
      const hasTf = random.chance(10);
      const shadow = random.chance(70) ? 0n : hasIf && !hasTf && random.chance(50) ? STI : MOV_SS;
      const flags = 2n | (hasIf ? IF : 0n) | (hasTf ? TF : 0n);
      const blocking = shadow | (isNmiBlocked ? NMI_BLOCKING : 0n);
      // A MOV SS holds up the trap of its own single step.
      const pending = shadow === MOV_SS && hasTf ? BS : 0n;
      const fields = {
        GUEST_RFLAGS: flags,
        GUEST_INTERRUPTIBILITY_STATE: blocking,
        GUEST_PENDING_DEBUG_EXCEPTIONS: pending,
      };
      rip += 0x10n;
      const first = machine.entry.delivered.length;
      if (random.chance(60)) {
        const vector = random.below(256);
        waiting = random.chance(50) ? WAITS | BigInt(vector) : random.chance(10) ? 0n : null;
        wantsNmi = random.chance(15);
        if (waiting !== null) {
          model.wasWithdrawn = waiting === 0n && (model.interrupt !== null || model.wasWithdrawn);
          model.interrupt = waiting === 0n ? null : vector;
        }
        if (wantsNmi) model.hasNmi = true;
        yield { ...io(0x70n, false), rip, fields };
        check(guest, first, model.deliver(flags, blocking & NMI_BLOCKING, hasTf ? BS : 0n));
      } else if (random.chance(40)) {
        model.fault = 0xb0d;
        const information = { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000b0dn, VM_EXIT_INTERRUPTION_ERROR_CODE: 0n };
        yield { reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"), rip, fields: { ...fields, ...information } };
        check(guest, first, model.deliver(flags, blocking, pending));
      } else {
        yield { ...nmi, rip, fields: { ...nmi.fields, ...fields } };
        // The host's NMI tells core nothing of the guest: the processor says when a window opens.
        check(guest, first, model.deliver(flags, blocking, pending));
      }
    }
    yield vmcall;
  }

  /** What was delivered since entry `first` is `expected`, and the guest exits when the rest can be. */
  function check(guest: Guest, first: number, expected: number[]): void {
    const events = machine.entry.delivered.slice(first).flatMap((list) => list.map(({ event }) => event));
    assert.deepEqual(events, expected, `seed ${seed}`);
    delivered += events.length;
    unseen = events.find((event) => event < 0x100) ?? unseen;
    const controls = guest.vmcs.read(field("PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"));
    const hasWindow = (controls & INTERRUPT_WINDOW!) !== 0n;
    if (!model.wasWithdrawn) assert.equal(hasWindow, model.interrupt !== null, `interrupt window, seed ${seed}`);
    assert.equal((controls & NMI_WINDOW!) !== 0n, model.hasNmi, `NMI window, seed ${seed}`);
  }

  const answer = (page: VcpuPageView): number | null => {
    if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_PORT"))) return null;
    // The processor's acknowledgement, once for each interrupt that was delivered.
    assert.equal(page.get("acknowledgedInterrupt"), unseen === null ? 0n : WAITS | BigInt(unseen), `seed ${seed}`);
    page.set("acknowledgedInterrupt", 0n);
    unseen = null;
    if (waiting !== null) page.set("waitingInterrupt", waiting);
    if (wantsNmi) page.set("eventRequest", BigInt(vcpuPage("REQUEST_NMI")));
    return vcpuPage("ANSWER_NEXT_INSTRUCTION") | vcpuPage("ANSWER_AND_REQUEST");
  };
  const machine = new Machine({ commandLine: "guest=count", scripts: [script], answer });
  assertEnd(machine.run(), "ok");
  return delivered;
}

test("in random sequences each event is delivered in its order and time, once, and VM entry never refuses one", () => {
  let delivered = 0;
  for (let seed = 1; seed <= 25; seed++) delivered += runSequence(seed);
  assert.ok(delivered > 25 * STEPS * 0.3, `${delivered} events`);
});
