// Alarms: the vmm is called when a value of the time-stamp counter has come, whether its guest runs or waits in HLT.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { cpuid, externalInterrupt, hlt, vmcall, type Exit } from "./machine/exits.ts";
import type { Delivered } from "./machine/event-delivery.ts";
import { Machine, type MachineOptions, type Run } from "./machine/machine.ts";
import { vcpuPage } from "./machine/tables.ts";
import type { VcpuPageView } from "./machine/vcpu-page.ts";
import { exits, test } from "./vendors.ts";

const [EXIT_HALT, EXIT_ALARM] = [BigInt(vcpuPage("EXIT_HALT")), BigInt(vcpuPage("EXIT_ALARM"))];
const RESUME = vcpuPage("ANSWER_RESUME") | vcpuPage("ANSWER_AND_REQUEST");
const WAITS = BigInt(vcpuPage("INTERRUPT_WAITS"));
const REQUEST_NMI = BigInt(vcpuPage("REQUEST_NMI"));
const NEVER = 0xffffffffffffffffn;
const TIMER = 0x31n;
const [IF, ON, TF] = [0x202n, 0x2n, 0x102n];
const START = 0x10000n;
/** The longest count of the host's timer, and the shortest (hv/core/interrupts). */
const [SLICE, LEAST] = [4n << 20n, 1024n];
/** Ticks that core itself takes here, as each read of the counter is one. */
const SLACK = 100n;

const waiting = (rflags = IF): Exit => ({ ...hlt, fields: { GUEST_RFLAGS: rflags } });

/** A vmm with one timer: armed where the guest halts, its alarm does what `ring` says. */
interface Timer {
  /** Ticks from the HLT on. */
  readonly after: bigint;
  readonly ring: (page: VcpuPageView, rings: number, now: bigint) => void;
}

const interrupt = (page: VcpuPageView): void => {
  page.set("wakeAt", NEVER);
  page.set("waitingInterrupt", WAITS | TIMER);
};

interface Waited {
  readonly run: Run;
  /** The time-stamp counter at each call for an alarm, less what the alarm was set to. */
  readonly late: readonly bigint[];
  readonly events: readonly number[];
  /** RIP at the end. */
  readonly rip: bigint;
}

/** Runs a guest through the exits, then to its end. */
function wait(list: readonly Exit[], timer: Timer, options: MachineOptions = {}): Waited {
  const late: bigint[] = [];
  let rip = 0n;
  const answer = (page: VcpuPageView): number | null => {
    const kind = page.get("exitKind");
    if (kind !== EXIT_HALT && kind !== EXIT_ALARM) return null;
    if (kind === EXIT_HALT) {
      page.set("wakeAt", machine.clock.ticks + timer.after);
      return RESUME;
    }
    late.push(machine.clock.ticks - page.get("wakeAt"));
    timer.ring(page, late.length, machine.clock.ticks);
    return RESUME;
  };
  const machine: Machine = new Machine({
    commandLine: "guest=count",
    answer,
    ...options,
    scripts: [
      function* (guest) {
        yield* list;
        rip = guest.rip;
        yield vmcall;
      },
    ],
  });
  const run = machine.run();
  const delivered: readonly (readonly Delivered[])[] = machine.entry.delivered;
  return { run, late, events: delivered.flat().map(({ event }) => event), rip };
}

/** How often the CPU slept. */
const sleeps = ({ run }: Waited): number => run.machine.trace.filter((step) => step === "HLT").length;

test("an alarm wakes a guest that waits in HLT at its time, and not before", () => {
  for (const after of [LEAST, 100_000n, SLICE - 1n, SLICE + SLACK, 10n * SLICE]) {
    const waited = wait([waiting()], { after, ring: interrupt });
    assertEnd(waited.run, "ok", exits("halt", 1));
    const [late = -1n, ...others] = waited.late;
    assert.deepEqual(others, [], `${after}: the vmm is called once`);
    assert.ok(late >= 0n && late <= LEAST + SLACK, `${after} ticks end ${late} ticks late`);
    assert.deepEqual(waited.events, [Number(TIMER)]);
    assert.equal(waited.rip, START + 1n, "behind the HLT");
    // The host's timer counts a slice at most.
    assert.equal(sleeps(waited), Number((after + SLICE - 1n) / SLICE), `${after}`);
  }
});

test("ticks while the vmm is asked for its alarms bring no interrupt in the place of one that was not delivered yet", () => {
  const [DEVICE, CLOCK] = [0x22n, 0xecn];
  const requested = new Set<bigint>();
  const ring = (page: VcpuPageView, rings: number): void => {
    requested.delete(page.get("acknowledgedInterrupt") & 0xffn);
    page.set("acknowledgedInterrupt", 0n);
    if (rings === 1) requested.add(DEVICE);
    if (rings === 3) requested.add(CLOCK);
    if (rings <= 2) waited.tick();
    const first = [...requested].reduce((one, other) => (one > other ? one : other), 0n);
    page.set("waitingInterrupt", first === 0n ? 0n : WAITS | first);
    page.set("wakeAt", rings <= 3 ? 0n : NEVER);
  };
  const waited = { tick: (): void => {} };
  const prepare = (machine: Machine): void => void (waited.tick = () => machine.tickInVmm());
  // The device's interrupt waits until then: the other one is more important.
  const later = { ...externalInterrupt, fields: { GUEST_RFLAGS: IF } };
  const { run, events } = wait([waiting(), later], { after: LEAST, ring }, { prepare });
  assertEnd(run, "ok");
  assert.deepEqual(events, [Number(CLOCK), Number(DEVICE)]);
});

test("an alarm that is over when the guest halts rings without a sleep", () => {
  const waited = wait([waiting()], { after: 0n, ring: interrupt });
  assertEnd(waited.run, "ok", exits("halt", 1));
  assert.equal(sleeps(waited), 0);
  assert.deepEqual(waited.events, [Number(TIMER)]);
});

test("an alarm that brings nothing leaves the guest in its HLT until a later one does", () => {
  const ring = (page: VcpuPageView, rings: number): void => {
    if (rings === 3) interrupt(page);
    else page.set("wakeAt", page.get("wakeAt") + SLICE / 2n);
  };
  const waited = wait([waiting()], { after: SLICE / 2n, ring });
  assertEnd(waited.run, "ok", exits("halt", 1));
  assert.equal(waited.late.length, 3);
  assert.ok(waited.late.every((ticks) => ticks >= 0n && ticks <= LEAST + SLACK));
  assert.equal(sleeps(waited), 3);
  assert.equal(waited.rip, START + 1n);
});

test("an interrupt does not wake a guest that has them disabled, an NMI does", () => {
  const ring = (page: VcpuPageView, rings: number, now: bigint): void => {
    page.set("wakeAt", rings === 1 ? now + 100_000n : NEVER);
    if (rings === 1) page.set("waitingInterrupt", WAITS | TIMER);
    else page.set("eventRequest", REQUEST_NMI);
  };
  const waited = wait([waiting(ON)], { after: 100_000n, ring });
  assertEnd(waited.run, "ok", exits("halt", 1));
  assert.equal(waited.late.length, 2);
  assert.deepEqual(waited.events, [0x202]);
  assert.equal(waited.rip, START + 1n);
});

test("a HLT under a single step does not wait", () => {
  const waited = wait([waiting(IF | TF)], { after: NEVER - (1n << 62n), ring: interrupt });
  assertEnd(waited.run, "ok");
  assert.deepEqual([waited.late, sleeps(waited)], [[], 0]);
});

test("an alarm rings while the guest runs, at the host's first tick behind its time", () => {
  const passing = SLICE / 4n;
  const ring = (page: VcpuPageView, rings: number, now: bigint): void => {
    page.set("wakeAt", rings <= 2 ? now + 2n * passing : NEVER);
    if (rings === 1) page.set("waitingInterrupt", WAITS | TIMER);
  };
  const ticks = Array<Exit>(8).fill({ ...externalInterrupt, fields: { GUEST_RFLAGS: ON } });
  const waited = wait([waiting(), ...ticks], { after: LEAST, ring }, { ticksBeforeInterrupt: passing });
  assertEnd(waited.run, "ok", exits("externalInterrupt", 8));
  const [, ...whileRunning] = waited.late;
  assert.equal(whileRunning.length, 2);
  for (const late of whileRunning) assert.ok(late >= 0n && late <= passing + SLACK, String(late));
});

test("the host's timer is set to an alarm that is nearer than the end of the slice, and to no time below the least", () => {
  for (const after of [1n, LEAST, 5000n, SLICE / 2n, 3n * SLICE]) {
    const waited = wait([waiting()], { after, ring: interrupt });
    assertEnd(waited.run, "ok");
    const { counts } = waited.run.machine.clock;
    const expected = after < LEAST ? LEAST : after < SLICE ? after : SLICE;
    const isThere = counts.some(({ count }) => BigInt(count) <= expected && BigInt(count) >= expected - SLACK);
    assert.ok(after === 1n || isThere, `${after}: ${counts.map(({ count }) => count).join(" ")}`);
    assert.ok(counts.every(({ count }) => BigInt(count) >= LEAST && (BigInt(count) <= SLICE || count === 0xffffffff)));
  }
});

test("guests that wait side by side are woken each at its own time, in the order of their alarms", () => {
  const afters = [3n * SLICE, SLICE / 3n, 2n * SLICE];
  const woken: string[] = [];
  const wakeAt = new Map<bigint, number>();
  const halted: number[] = [];
  const machine: Machine = new Machine({
    commandLine: "guest=count+count+count",
    answer: (page) => {
      const kind = page.get("exitKind");
      if (kind === EXIT_HALT) {
        const vm = halted.at(-1)!;
        const at = machine.clock.ticks + afters[vm]!;
        wakeAt.set(at, vm);
        page.set("wakeAt", at);
        return RESUME;
      }
      if (kind !== EXIT_ALARM) return null;
      const late = machine.clock.ticks - page.get("wakeAt");
      assert.ok(late >= 0n && late <= LEAST + SLACK, `${late} ticks late`);
      woken.push(`vm${wakeAt.get(page.get("wakeAt"))}`);
      interrupt(page);
      return RESUME;
    },
    scripts: afters.map(
      (_, vm) =>
        function* () {
          halted.push(vm);
          yield waiting();
          yield vmcall;
        },
    ),
  });
  const run = machine.run();
  assertEnd(run, "ok");
  assert.deepEqual(woken, ["vm1", "vm2", "vm0"]);
});

test("an alarm of a guest that waits ends the slice of one that works", () => {
  const order: string[] = [];
  const machine: Machine = new Machine({
    commandLine: "guest=count+count",
    hasSerial: false,
    hasKeyboard: false,
    ticksBeforeInterrupt: SLICE / 8n,
    answer: (page) => {
      const kind = page.get("exitKind");
      if (kind === EXIT_HALT) page.set("wakeAt", machine.clock.ticks + SLICE / 4n);
      else if (kind === EXIT_ALARM) interrupt(page);
      else return null;
      return RESUME;
    },
    scripts: [
      function* () {
        order.push("halts");
        yield waiting();
        order.push("is woken");
        yield vmcall;
      },
      function* () {
        for (let n = 0; n < 6; n++) {
          order.push("works");
          yield externalInterrupt;
        }
        yield vmcall;
      },
    ],
  });
  assertEnd(machine.run(), "ok");
  // Two ticks of an eighth of a slice, and the guest that works goes on behind the other.
  const at = order.indexOf("is woken");
  assert.deepEqual(order.slice(0, at), ["halts", "works", "works"]);
  assert.equal(order.filter((step) => step === "works").length, 6);
});

test("a guest that waits for nothing that comes leaves the CPU to the others for good", () => {
  const machine: Machine = new Machine({
    commandLine: "guest=count+count",
    answer: (page) => {
      if (page.get("exitKind") !== EXIT_HALT) return null;
      page.set("wakeAt", NEVER);
      return RESUME;
    },
    onText: (text) => {
      if (/vm1: ended/.test(text)) throw new Error("vm1 has ended");
    },
    scripts: [() => [waiting()][Symbol.iterator](), () => [cpuid, cpuid, vmcall][Symbol.iterator]()],
  });
  assert.throws(() => machine.run(), /vm1 has ended/);
  assert.equal(machine.trace.filter((step) => step === "HLT").length, 0);
});
