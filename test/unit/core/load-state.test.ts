// The state of a new task: whatever a vmm answers a task switch with, VM entry takes it, or the VM ends by name.
import assert from "node:assert/strict";
import { Random } from "../ept/random.ts";
import { assertEnd } from "./assertions.ts";
import { vmcall, type Exit } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { boot, type Run } from "./machine/machine.ts";
import { field, reason, vcpuPage } from "./machine/tables.ts";
import type { VcpuPageView } from "./machine/vcpu-page.ts";
import { onVmx } from "./vendors.ts";

type State = Record<string, bigint>;
const NO_EXCEPTION = 0xffffffffn;

/** Protected mode, as the guest was before the switch. */
const taskSwitch: Exit = {
  reason: reason("EXIT_REASON_TASK_SWITCH"),
  qualification: 0x80000028n,
  instructionLength: 7,
  fields: { GUEST_CR0: 0x31n, GUEST_DR7: 0x755n, GUEST_INTERRUPTIBILITY_STATE: 2n, GUEST_PENDING_DEBUG_EXCEPTIONS: 1n },
};

/** A new task at privilege level `cpl`. */
function task(cpl: bigint): State {
  const state: State = { rip: 0x401000n, rflags: 0x3202n, cr3: 0x5000n, faultVector: NO_EXCEPTION };
  const segment = (name: string, selector: bigint, accessRights: bigint, limit = 0xffffffffn): void => {
    Object.assign(state, {
      [`${name}.selector`]: selector,
      [`${name}.base`]: 0n,
      [`${name}.limit`]: limit,
      [`${name}.accessRights`]: accessRights,
    });
  };
  for (const name of ["es", "ss", "ds", "fs", "gs"]) segment(name, 0x10n | cpl, 0xc093n | (cpl << 5n));
  segment("cs", 0x8n | cpl, 0xc09bn | (cpl << 5n));
  segment("ldtr", 0n, 0x10000n, 0n);
  segment("tr", 0x28n, 0x8bn, 0x67n);
  return state;
}

interface Loaded {
  readonly run: Run;
  readonly field: (name: string) => bigint;
  /** As the new task finds it. */
  readonly dr6: bigint;
}

function load(state: State): Loaded {
  let read: (name: string) => bigint = () => 0n;
  let dr6 = 0n;
  function* script(guest: Guest): Generator<Exit> {
    yield taskSwitch;
    const names = ["RIP", "RFLAGS", "CR0", "CR3", "DR7", "CS_SELECTOR", "TR_SELECTOR", "INTERRUPTIBILITY_STATE"];
    const values = new Map(names.map((name) => [name, guest.vmcs.read(field(`GUEST_${name}`))]));
    read = (name) => values.get(name)!;
    dr6 = guest.processor.unswitched.get("DR6")!;
    // A program's would be #UD.
    yield { ...vmcall, fields: { GUEST_SS_ACCESS_RIGHTS: 0xc093n } };
  }
  const answer = (page: VcpuPageView): number | null => {
    if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_TASK_SWITCH"))) return null;
    assert.equal(page.get("instructionLength"), 7n);
    for (const [name, value] of Object.entries(state)) page.set(name, value);
    return vcpuPage("ANSWER_LOAD_STATE");
  };
  const run = boot({ commandLine: "guest=real", scripts: [script], answer });
  return { run, field: (name) => read(name), dr6 };
}

onVmx(
  "a new task is entered with its registers, CR0.TS set, and the old task's shadow and local breakpoints gone",
  () => {
    for (const cpl of [0n, 3n]) {
      const { run, field } = load(task(cpl));
      assertEnd(run, "ok");
      assert.deepEqual([field("RIP"), field("RFLAGS"), field("CR3")], [0x401000n, 0x3202n, 0x5000n]);
      assert.deepEqual([field("CR0"), field("DR7") & 0x755n], [0x39n, 0x600n]);
      assert.deepEqual([field("CS_SELECTOR"), field("TR_SELECTOR")], [0x8n | cpl, 0x28n]);
      assert.equal(field("INTERRUPTIBILITY_STATE"), 0n);
    }
  },
);

onVmx("a task in virtual-8086 mode is entered, and one whose segments do not fit that mode is not", () => {
  const state = task(3n);
  state["rflags"] = 0x23202n;
  for (const name of ["es", "cs", "ss", "ds", "fs", "gs"]) {
    Object.assign(state, { [`${name}.selector`]: 0x1234n, [`${name}.base`]: 0x12340n });
    Object.assign(state, { [`${name}.limit`]: 0xffffn, [`${name}.accessRights`]: 0xf3n });
  }
  assertEnd(load(state).run, "ok");
  assertEnd(load({ ...state, "fs.base": 0n }).run, "vmm-answer-not-possible", /does not take: FS$/);
});

onVmx(
  "a fault of the new task is delivered in it, even if CS and SS could not be loaded; T of its TSS is DR6.BT",
  () => {
    const unusable = { "cs.accessRights": 0x10000n, "cs.limit": 0n, "ss.accessRights": 0x10000n, "ss.limit": 0n };
    const fault = load({ ...task(3n), ...unusable, faultVector: 10n, faultErrorCode: 0x8n });
    assertEnd(fault.run, "ok");
    const [, delivered] = fault.run.machine.entry.delivered;
    assert.deepEqual(
      delivered?.map(({ event, errorCode }) => [event, errorCode]),
      [[0xb0a, 8]],
    );

    const trap = load({ ...task(0n), faultVector: 1n, faultErrorCode: 0xffffffffn });
    assertEnd(trap.run, "ok");
    assert.deepEqual(
      trap.run.machine.entry.delivered[1]?.map(({ event }) => event),
      [0x301],
    );
    assert.equal(trap.dr6 & 0x8000n, 0x8000n);
  },
);

onVmx("no state that a vmm answers with makes VM entry fail: it is refused by the name of what is wrong", () => {
  const random = new Random(20261121);
  const ends = new Map<string, number>();
  for (let i = 0; i < 400; i++) {
    const state = task(random.pick([0n, 1n, 3n]));
    if (random.chance(20)) state["rflags"] = 0x23202n;
    for (let changes = random.below(4); changes > 0; changes--) {
      const name = random.pick(Object.keys(state).filter((key) => key !== "faultVector"));
      const bit = 1n << BigInt(random.below(/rip|cr3|base|rflags/.test(name) ? 64 : /limit/.test(name) ? 32 : 18));
      state[name] = (state[name] ?? 0n) ^ bit;
    }
    const { run } = load(state);
    const shown = JSON.stringify(state, (_, value: unknown) =>
      typeof value === "bigint" ? value.toString(16) : value,
    );
    assert.deepEqual(run.machine.entry.brokenRules, [], shown);
    assert.ok(["ok", "vmm-answer-not-possible"].includes(run.name), `${run.name}: ${shown}`);
    ends.set(run.name, (ends.get(run.name) ?? 0) + 1);
  }
  assert.ok((ends.get("ok") ?? 0) > 80 && (ends.get("vmm-answer-not-possible") ?? 0) > 80, [...ends].join(" "));
});
