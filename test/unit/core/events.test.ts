// Events at VM entry: what waits is delivered in time, what an exit interrupted is delivered again, and nothing is lost.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { skylake } from "./machine/cpu-model.ts";
import { cpuid, externalInterrupt, io, nmi, vmcall, type Exit } from "./machine/exits.ts";
import type { Delivered } from "./machine/event-delivery.ts";
import type { Guest } from "./machine/guest.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { field, reason, vcpuPage } from "./machine/tables.ts";
import type { VcpuPageView } from "./machine/vcpu-page.ts";
import { interruptWindowIsOn } from "./machine/windows.ts";
import { exitName, exits, isVmx, onVmx, test } from "./vendors.ts";

const IF = 0x202n;
const ON = 0x2n;
const RF = 0x10000n;
const TF = 0x100n;
const START = 0x10000n;
/** What an OUT asks of the vmm that these tests play, as its port: an interrupt with the vector in bits 7:0. */
const INTERRUPT = 0x100n;
/** An interrupt of which the vmm wants to be told at once that it has come. */
const TELLING = 0x500n;
const NMI_REQUEST = 0x200n;
/** The interrupt that waits is none any more. */
const WITHDRAWAL = 0x800n;
const WAITS = BigInt(vcpuPage("INTERRUPT_WAITS"));
const TELLS = BigInt(vcpuPage("INTERRUPT_TELLS"));
const NEVER = 0xffffffffffffffffn;
const NEXT_INSTRUCTION = vcpuPage("ANSWER_NEXT_INSTRUCTION") | vcpuPage("ANSWER_AND_REQUEST");
const RESUME = vcpuPage("ANSWER_RESUME");
const EXIT_PORT = BigInt(vcpuPage("EXIT_PORT"));
const EXIT_ALARM = BigInt(vcpuPage("EXIT_ALARM"));

type Fields = Readonly<Record<string, bigint>>;
const event = (type: number, vector: number, errorCode = false): number =>
  (type << 8) | vector | (errorCode ? 0x800 : 0);
const [EXTERNAL, NMI, HARDWARE, SOFTWARE_INTERRUPT, PRIVILEGED, SOFTWARE_EXCEPTION] = [0, 2, 3, 4, 5, 6] as const;
const valid = (value: number): bigint => BigInt(value) | 0x80000000n;

/** An exit by an exception, with the event that it interrupted. */
function exception(vector: number, errorCode: bigint | null, interrupted = 0, more: Fields = {}): Exit {
  const information = valid(event(HARDWARE, vector, errorCode !== null));
  const fields: Fields = {
    VM_EXIT_INTERRUPTION_INFORMATION: information,
    VM_EXIT_INTERRUPTION_ERROR_CODE: errorCode ?? 0n,
    IDT_VECTORING_INFORMATION: interrupted === 0 ? 0n : valid(interrupted),
    ...more,
  };
  return { reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"), fields };
}

/** An OUT, at which the vmm asks for an event. */
const out = (request: bigint, fields: Fields = {}): Exit => ({ ...io(request, false), fields });

/** The port of an OUT is the request; the port 0 asks for nothing. */
function request(page: VcpuPageView): number | null {
  if (page.get("exitKind") !== EXIT_PORT) return null;
  const port = (page.get("access") >> 16n) & 0xffffn;
  if (port & NMI_REQUEST) page.set("eventRequest", BigInt(vcpuPage("REQUEST_NMI")));
  if (port & INTERRUPT)
    page.set("waitingInterrupt", WAITS | ((port & TELLING) === TELLING ? TELLS : 0n) | (port & 0xffn));
  if (port & WITHDRAWAL) page.set("waitingInterrupt", 0n);
  return NEXT_INSTRUCTION;
}

interface Entered {
  readonly delivered: readonly Delivered[];
  readonly fields: (name: string) => bigint;
  readonly hasInterruptWindow: boolean;
  /** CR2 and DR6, as the guest finds them. */
  readonly cr2: bigint;
  readonly dr6: bigint;
}

/** Runs a guest through the exits, then through a VMCALL that ends it: what each entry behind an exit brought. */
function enter(
  exits: readonly Exit[],
  options: MachineOptions = {},
): { run: Run; entered: Entered[]; acknowledged: bigint[] } {
  const entered: Entered[] = [];
  /** What the vmm finds acknowledged when it is asked. */
  const acknowledged: bigint[] = [];
  const play = options.answer ?? request;
  const answer = (page: VcpuPageView): number | null => {
    const value = page.get("acknowledgedInterrupt");
    if (value !== 0n) acknowledged.push(value);
    page.set("acknowledgedInterrupt", 0n);
    return play(page);
  };
  function* script(guest: Guest): Generator<Exit> {
    for (const exit of exits) {
      const first = machine().entry.delivered.length;
      yield exit;
      const values = new Map<string, bigint>();
      for (const name of [
        "GUEST_INTERRUPTIBILITY_STATE",
        "GUEST_RFLAGS",
        "GUEST_RIP",
        "GUEST_RSP",
        "GUEST_DR7",
        "GUEST_IA32_DEBUGCTL",
      ]) {
        values.set(name, guest.vmcs.read(field(name)));
      }
      const delivered = machine().entry.delivered.slice(first).flat();
      const [cr2, dr6] = ["CR2", "DR6"].map((name) => guest.processor.unswitched.get(name)!) as [bigint, bigint];
      const hasInterruptWindow = interruptWindowIsOn(guest);
      entered.push({ delivered, fields: (name) => values.get(name)!, hasInterruptWindow, cr2, dr6 });
    }
    yield vmcall;
  }
  let found: Run["machine"] | null = null;
  const machine = (): Run["machine"] => found!;
  const prepare = (m: Run["machine"]): void => {
    found = m;
  };
  const run = boot({ commandLine: "guest=count", ...options, answer, scripts: [script], prepare });
  return { run, entered, acknowledged };
}

const events = (entered: Entered | undefined): number[] => (entered?.delivered ?? []).map(({ event }) => event);

test("an interrupt that a vmm asks for is delivered at once where the guest takes interrupts", () => {
  const { run, entered } = enter([out(INTERRUPT | 0x31n, { GUEST_RFLAGS: IF })]);
  assertEnd(run, "ok");
  assert.deepEqual(events(entered[0]), [event(EXTERNAL, 0x31)]);
  assert.equal(entered[0]?.fields("GUEST_RIP"), START + 1n, "behind the OUT");
});

test("while RFLAGS.IF is 0 an interrupt waits for its window, which is closed when it came", () => {
  const { run, entered } = enter([
    out(INTERRUPT | 0x31n, { GUEST_RFLAGS: ON }),
    { ...cpuid, fields: { GUEST_RFLAGS: ON } },
    { ...cpuid, rip: 0x10100n, fields: { GUEST_RFLAGS: IF } },
    { ...cpuid, rip: 0x10200n },
  ]);
  assertEnd(run, "ok", exits("interruptWindow", 1));
  assert.deepEqual(entered.map(events), [[], [], [event(EXTERNAL, 0x31)], []]);
  assert.deepEqual(
    entered.map(({ hasInterruptWindow }) => hasInterruptWindow),
    [true, true, false, false],
  );
});

test("the vmm says which interrupt is next: one that it puts in another's place is delivered in its stead", () => {
  const { run, entered, acknowledged } = enter([
    out(INTERRUPT | 0x31n, { GUEST_RFLAGS: ON }),
    out(INTERRUPT | 0xf0n),
    { ...cpuid, fields: { GUEST_RFLAGS: IF } },
    out(INTERRUPT | 0x31n, { GUEST_RFLAGS: IF }),
    { ...cpuid, fields: { GUEST_RFLAGS: IF } },
  ]);
  assertEnd(run, "ok");
  assert.deepEqual(entered.map(events), [[], [], [event(EXTERNAL, 0xf0)], [event(EXTERNAL, 0x31)], []]);
  assert.deepEqual(acknowledged, [WAITS | 0xf0n, WAITS | 0x31n]);
});

test("every vector of an interrupt is delivered as it is", () => {
  for (const vector of [0n, 0x10n, 0x20n, 0x80n, 0xffn]) {
    const { run, entered, acknowledged } = enter([out(INTERRUPT | vector, { GUEST_RFLAGS: IF })]);
    assertEnd(run, "ok");
    assert.deepEqual(events(entered[0]), [event(EXTERNAL, Number(vector))]);
    assert.deepEqual(acknowledged, [WAITS | vector]);
  }
});

test("an interrupt is acknowledged when it is delivered, not before, and once", () => {
  const waiting: bigint[] = [];
  const { run, entered, acknowledged } = enter(
    [
      out(INTERRUPT | 0x31n, { GUEST_RFLAGS: ON }),
      out(0n),
      { ...cpuid, fields: { GUEST_RFLAGS: IF } },
      out(0n, { GUEST_RFLAGS: IF }),
      out(0n, { GUEST_RFLAGS: IF }),
    ],
    {
      answer: (page) => {
        waiting.push(page.get("waitingInterrupt"));
        return request(page);
      },
    },
  );
  assertEnd(run, "ok");
  assert.deepEqual(entered.map(events), [[], [], [event(EXTERNAL, 0x31)], [], []]);
  // The last is the hypercall's.
  assert.deepEqual(waiting, [0n, WAITS | 0x31n, 0n, 0n, 0n]);
  assert.deepEqual(acknowledged, [WAITS | 0x31n]);
});

test("an interrupt that the vmm withdraws before its window is not delivered, and the window is closed when it opens", () => {
  const { run, entered, acknowledged } = enter([
    out(INTERRUPT | 0x31n, { GUEST_RFLAGS: ON }),
    out(WITHDRAWAL),
    { ...cpuid, fields: { GUEST_RFLAGS: IF } },
    { ...cpuid, rip: 0x10200n, fields: { GUEST_RFLAGS: IF } },
  ]);
  assertEnd(run, "ok");
  assert.deepEqual(entered.map(events), [[], [], [], []]);
  assert.equal(entered.at(-1)?.hasInterruptWindow, false);
  assert.deepEqual(acknowledged, []);
});

test("behind an interrupt that tells, and behind no other, the vmm is asked at once what is next", () => {
  for (const [kind, count] of [
    [TELLING, 1],
    [INTERRUPT, 0],
  ] as const) {
    let alarms = 0;
    const { run, entered, acknowledged } = enter(
      [
        out(kind | 0x31n, { GUEST_RFLAGS: IF }),
        { ...externalInterrupt, rip: 0x10100n, fields: { GUEST_RFLAGS: IF } },
        { ...cpuid, rip: 0x10200n, fields: { GUEST_RFLAGS: ON } },
      ],
      {
        answer: (page) => {
          if (page.get("exitKind") !== EXIT_ALARM) return request(page);
          alarms++;
          page.set("wakeAt", NEVER);
          page.set("waitingInterrupt", WAITS | 0x32n);
          return RESUME;
        },
      },
    );
    assertEnd(run, "ok");
    assert.equal(alarms, count);
    const second = count === 1 ? [event(EXTERNAL, 0x32)] : [];
    assert.deepEqual(entered.map(events), [[event(EXTERNAL, 0x31)], second, []]);
    const first = WAITS | 0x31n | (kind === TELLING ? TELLS : 0n);
    assert.deepEqual(acknowledged, count === 1 ? [first, WAITS | 0x32n] : [first]);
    const { counts } = run.machine.clock;
    assert.equal(
      counts.some(({ count }) => count === 1024),
      kind === TELLING,
      "the host's timer ticks as soon as it can",
    );
  }
});

test("STI and MOV SS hold up an interrupt for one instruction where it came at no instruction's end", () => {
  for (const shadow of [1n, 2n]) {
    const inShadow = { GUEST_RFLAGS: IF, GUEST_INTERRUPTIBILITY_STATE: shadow };
    const { run, entered } = enter([
      out(INTERRUPT | 0x31n, { GUEST_RFLAGS: ON }),
      { ...nmi, fields: { ...nmi.fields, ...inShadow } },
      { ...cpuid, fields: { GUEST_INTERRUPTIBILITY_STATE: 0n } },
    ]);
    assertEnd(run, "ok");
    assert.deepEqual(entered.map(events), [[], [], [event(EXTERNAL, 0x31)]]);
  }
});

test("an instruction that exits ends the shadow that it stood in", () => {
  for (const shadow of [1n, 2n]) {
    const fields = { GUEST_RFLAGS: IF, GUEST_INTERRUPTIBILITY_STATE: shadow };
    const { run, entered } = enter([out(INTERRUPT | 0x31n, fields)]);
    assertEnd(run, "ok");
    assert.deepEqual(events(entered[0]), [event(EXTERNAL, 0x31)]);
  }
});

test("an NMI comes before an interrupt, and the next one not before the handler's IRET", () => {
  const { run, entered } = enter([
    out(INTERRUPT | NMI_REQUEST | 0x31n, { GUEST_RFLAGS: IF }),
    out(NMI_REQUEST, { GUEST_RFLAGS: ON }),
    { ...cpuid, rip: 0x11000n },
    { ...cpuid, rip: 0x12000n, fields: { GUEST_INTERRUPTIBILITY_STATE: 0n } },
    { ...cpuid, rip: 0x13000n, fields: { GUEST_INTERRUPTIBILITY_STATE: 0n, GUEST_RFLAGS: IF } },
  ]);
  assertEnd(run, "ok", exits("nmiWindow", 1));
  assert.deepEqual(entered.map(events), [[event(NMI, 2)], [], [], [event(NMI, 2)], [event(EXTERNAL, 0x31)]]);
});

onVmx("without virtual NMIs the next NMI waits until the guest enables interrupts", () => {
  const index = 0x481;
  const pins = (skylake.msrs.get(index) ?? 0n) & ~(1n << 37n);
  const cpu = skylake.withMsr("IA32_VMX_PINBASED_CTLS", pins).withMsr("IA32_VMX_TRUE_PINBASED_CTLS", pins);
  const { run, entered } = enter(
    [
      out(NMI_REQUEST, { GUEST_RFLAGS: ON }),
      out(NMI_REQUEST),
      { ...cpuid, rip: 0x11000n },
      { ...cpuid, rip: 0x12000n, fields: { GUEST_RFLAGS: IF } },
    ],
    { cpu },
  );
  assertEnd(run, "ok", exits("interruptWindow", 1));
  assert.deepEqual(entered.map(events), [[event(NMI, 2)], [], [], [event(NMI, 2)]]);
});

test("a single step over an instruction that exits comes before an interrupt", () => {
  const { run, entered } = enter([
    out(INTERRUPT | 0x31n, { GUEST_RFLAGS: IF | TF }),
    { ...cpuid, fields: { GUEST_RFLAGS: IF } },
  ]);
  assertEnd(run, "ok");
  assert.deepEqual(entered.map(events), [[event(HARDWARE, 1)], [event(EXTERNAL, 0x31)]]);
  const stepped = (fields: Fields): number[] => events(enter([{ ...cpuid, fields }]).entered[0]);
  assert.deepEqual(stepped({ GUEST_RFLAGS: TF | ON, GUEST_IA32_DEBUGCTL: 2n }), [], "with BTF only a branch is a step");
  assert.deepEqual(stepped({ GUEST_RFLAGS: TF | ON, GUEST_IA32_DEBUGCTL: 1n }), [event(HARDWARE, 1)]);
});

// By SVM no guest sets CR4.DE without an exit: svm-events.test.ts has such a guest.
onVmx("a breakpoint on a port traps behind the access, where CR4.DE makes it one and the port is met", () => {
  const [DE, PORT_0] = [0x2028n, 0x20401n];
  const trapped = (port: bigint, cr4: bigint, dr7: bigint): number[] =>
    events(enter([out(port, { GUEST_CR4: cr4, GUEST_DR7: dr7 })]).entered[0]);
  const debug = [event(HARDWARE, 1)];
  assert.deepEqual(trapped(0n, DE, PORT_0), debug);
  assert.deepEqual(trapped(0n, DE & ~8n, PORT_0), [], "without CR4.DE");
  assert.deepEqual(trapped(0n, DE, PORT_0 & ~1n), [], "not enabled");
  assert.deepEqual(trapped(0n, DE, 0x10401n), [], "a breakpoint on writes");
  assert.deepEqual(trapped(3n, DE, PORT_0), [], "of one byte");
  assert.deepEqual(trapped(3n, DE, 0xe0401n), debug, "of four bytes");
});

test("an exception that exited is delivered with its error code, and RF as a fault pushes it", () => {
  const cases = [
    [exception(13, 0x18n), event(HARDWARE, 13, true), 0x18, true],
    [exception(6, null), event(HARDWARE, 6), undefined, true],
    [exception(8, 0n), event(HARDWARE, 8, true), 0, false],
    [exception(17, 0n), event(HARDWARE, 17, true), 0, true],
  ] as const;
  // By SVM only #DB, #AC and #MC exit.
  for (const [exit, expected, errorCode, isFault] of isVmx() ? cases : cases.slice(-1)) {
    const { run, entered } = enter([exit]);
    assertEnd(run, "ok");
    const [delivered] = entered[0]?.delivered ?? [];
    assert.equal(delivered?.event, expected);
    assert.equal(delivered?.errorCode, errorCode);
    assert.equal(((delivered?.rflags ?? 0n) & RF) !== 0n, isFault);
  }
});

onVmx("#PF brings its address in CR2", () => {
  const fault = enter([{ ...exception(14, 6n), qualification: 0xdead000n }]);
  assertEnd(fault.run, "ok");
  assert.deepEqual(events(fault.entered[0]), [event(HARDWARE, 14, true)]);
  assert.equal(fault.entered[0]?.cr2, 0xdead000n);
});

test("#DB brings its conditions in DR6, and ends BTF and DR7.GD", () => {
  const fields = { GUEST_DR7: 0x2400n, GUEST_IA32_DEBUGCTL: 3n };
  const debug = enter([{ ...exception(1, null, 0, fields), qualification: 0x4001n }]);
  assertEnd(debug.run, "ok");
  assert.deepEqual(events(debug.entered[0]), [event(HARDWARE, 1)]);
  assert.equal((debug.entered[0]?.dr6 ?? 0n) & 0x400fn, 0x4001n);
  assert.equal(debug.entered[0]?.fields("GUEST_DR7"), 0x400n);
  assert.equal(debug.entered[0]?.fields("GUEST_IA32_DEBUGCTL"), 0n);
});

onVmx("INT3, INTO and INT1 that exited are delivered with their length", () => {
  for (const [type, vector, instructionLength] of [
    [SOFTWARE_EXCEPTION, 3, 1],
    [SOFTWARE_EXCEPTION, 4, 1],
    [PRIVILEGED, 1, 2],
  ] as const) {
    const fields = { VM_EXIT_INTERRUPTION_INFORMATION: valid(event(type, vector)) };
    const { run, entered } = enter([{ ...nmi, fields, instructionLength }]);
    assertEnd(run, "ok");
    assert.deepEqual(events(entered[0]), [event(type, vector)]);
    assert.equal(entered[0]?.delivered[0]?.instructionLength, instructionLength);
  }
});

onVmx(
  "an exception that arises while another event is delivered replaces it, or makes a double or triple fault",
  () => {
    const PAGE = event(HARDWARE, 14, true);
    const cases = [
      [13, 0n, event(HARDWARE, 13, true), event(HARDWARE, 8, true)],
      [14, 0n, event(HARDWARE, 13, true), PAGE],
      [13, 0n, PAGE, event(HARDWARE, 8, true)],
      [14, 0n, PAGE, event(HARDWARE, 8, true)],
      [6, null, PAGE, event(HARDWARE, 6)],
      [14, 2n, event(EXTERNAL, 0x31), PAGE],
      [14, 2n, event(SOFTWARE_INTERRUPT, 0x80), PAGE],
      [6, null, event(HARDWARE, 8, true), event(HARDWARE, 6)],
    ] as const;
    for (const [vector, errorCode, interrupted, expected] of cases) {
      const { run, entered } = enter([exception(vector, errorCode, interrupted)]);
      assertEnd(run, "ok");
      assert.deepEqual(events(entered[0]), [expected], `${vector} in ${interrupted.toString(16)}`);
      if (expected === event(HARDWARE, 8, true)) assert.equal(entered[0]?.delivered[0]?.errorCode, 0);
    }
    for (const vector of [0, 10, 11, 12, 13, 14]) {
      const { run } = enter([exception(vector, vector === 0 ? null : 0n, event(HARDWARE, 8, true))]);
      assertEnd(run, "triple-fault", /error: vm0: triple fault at RIP/);
    }
  },
);

/** A task switch that a task gate of the IDT asked for, unless the qualification says otherwise. */
const taskSwitch = (fields: Fields, qualification = 0xc0000028n): Exit => ({
  reason: reason("EXIT_REASON_TASK_SWITCH"),
  qualification,
  instructionLength: 2,
  fields,
});
/** Answers every exit in one way. */
const always =
  (answer: string, fill: (page: VcpuPageView) => void = () => undefined) =>
  (page: VcpuPageView): number | null => {
    if (page.get("exitKind") === BigInt(vcpuPage("EXIT_HYPERCALL"))) return null;
    if (page.get("exitKind") === BigInt(vcpuPage("EXIT_MEMORY_MOVE"))) return vcpuPage("ANSWER_STATE_NEEDED");
    fill(page);
    return vcpuPage(answer);
  };

onVmx("an event whose delivery an exit interrupted is delivered again, software's with its length", () => {
  for (const [interrupted, length] of [
    [event(EXTERNAL, 0x55), undefined],
    [event(NMI, 2), undefined],
    [event(HARDWARE, 14, true), undefined],
    [event(SOFTWARE_INTERRUPT, 0x80), 2],
    [event(SOFTWARE_EXCEPTION, 3), 2],
    [event(PRIVILEGED, 1), 2],
  ] as const) {
    const fields = {
      // Bit 12 is undefined.
      IDT_VECTORING_INFORMATION: valid(interrupted) | 0x1000n,
      IDT_VECTORING_ERROR_CODE: 7n,
      GUEST_RFLAGS: IF,
      // The delivery of an NMI blocks the next one.
      GUEST_INTERRUPTIBILITY_STATE: interrupted === event(NMI, 2) ? 8n : 0n,
    };
    const { run, entered } = enter([taskSwitch(fields)], { answer: always("ANSWER_RESUME") });
    assertEnd(run, "ok");
    assert.deepEqual(events(entered[0]), [interrupted]);
    assert.equal(entered[0]?.delivered[0]?.errorCode, interrupted === event(HARDWARE, 14, true) ? 7 : undefined);
    assert.equal(entered[0]?.delivered[0]?.instructionLength, length);
  }
});

onVmx("where IRET unblocked NMIs and then faulted they are blocked again, but not for #DF or within a delivery", () => {
  const blocked = (exit: Exit): boolean => {
    const { run, entered } = enter([exit]);
    assertEnd(run, "ok");
    return ((entered[0]?.fields("GUEST_INTERRUPTIBILITY_STATE") ?? 0n) & 8n) !== 0n;
  };
  const information = (vector: number): Fields => ({
    VM_EXIT_INTERRUPTION_INFORMATION: valid(event(HARDWARE, vector, true)) | 0x1000n,
  });
  assert.equal(blocked(exception(13, 0n)), false);
  assert.equal(blocked(exception(13, 0n, 0, information(13))), true);
  assert.equal(blocked(exception(8, 0n, 0, information(8))), false);
  assert.equal(blocked(exception(13, 0n, event(EXTERNAL, 0x31), information(13))), false);
});

test("an access beyond RAM while an event is delivered stops the VM by name, as no instruction made it", () => {
  const fields = { GUEST_PHYSICAL_ADDRESS: 0xc0000000n, IDT_VECTORING_INFORMATION: valid(event(EXTERNAL, 0x31)) };
  const { run } = enter([{ reason: reason("EXIT_REASON_EPT_VIOLATION"), qualification: 0x182n, fields }]);
  assertEnd(
    run,
    "event-beyond-ram",
    new RegExp(`an event is delivered through memory that is no RAM: ${exitName("nestedFault")}`),
  );
});

const outAt = (rip: bigint): Exit => ({ ...io(0x70n, false), rip });

test("a fault that a vmm answers with is raised at the instruction, and one that cannot be ends the VM by name", () => {
  const fault = (vector: bigint, errorCode: bigint, address = 0n) =>
    enter([outAt(START)], {
      answer: always("ANSWER_FAULT", (page) => {
        page.set("faultVector", vector);
        page.set("faultErrorCode", errorCode);
        page.set("faultAddress", address);
      }),
    });
  const none = 0xffffffffn;
  const good = [0n, 5n, 6n, 7n, 16n, 19n].map((vector) => [vector, none] as const);
  const withCode = [10n, 11n, 12n, 13n, 14n, 17n].map((vector) => [vector, 4n] as const);
  for (const [vector, errorCode] of [...good, ...withCode]) {
    const { run, entered } = fault(vector, errorCode, 0x1234n);
    assertEnd(run, "ok");
    assert.equal(BigInt(events(entered[0])[0] ?? 0) & 0xffn, vector);
    assert.equal(entered[0]?.fields("GUEST_RIP"), START);
    if (vector === 14n) assert.equal(entered[0]?.cr2, 0x1234n);
  }
  for (const [vector, errorCode] of [
    ...good.map(([vector]) => [vector, 0n] as const),
    ...withCode.map(([vector]) => [vector, none] as const),
    ...withCode.map(([vector]) => [vector, 0x8000n] as const),
    ...[1n, 2n, 3n, 4n, 8n, 9n, 15n, 18n, 22n, 31n, 32n, 255n, none].map((vector) => [vector, none] as const),
    [8n, 0n] as const,
  ]) {
    assertEnd(fault(vector, errorCode).run, "vmm-answer-not-possible", /raises an exception that no instruction can/);
  }
});

const memory: Exit = {
  reason: reason("EXIT_REASON_EPT_VIOLATION"),
  qualification: 0x182n,
  rip: START,
  fields: { GUEST_PHYSICAL_ADDRESS: 0xc0000000n, GUEST_RFLAGS: 0x3202n },
};

test("an emulated instruction moves RIP by its length, and changes no flags but those of arithmetic", () => {
  const emulated = always("ANSWER_EMULATED", (page) => {
    assert.deepEqual([page.get("rip"), page.get("rflags"), page.get("gpa")], [START, 0x3202n, 0xc0000000n]);
    page.set("instructionLength", 7n);
    page.set("rflags", 0xffffffffn);
  });
  // The vmm is asked about a MOV first, without all of the state.
  let asked = 0;
  const answer = (page: VcpuPageView): number | null =>
    asked++ === 0 ? vcpuPage("ANSWER_STATE_NEEDED") : emulated(page);
  const { run, entered } = enter([memory], { answer });
  assertEnd(run, "ok");
  assert.equal(entered[0]?.fields("GUEST_RIP"), START + 7n);
  assert.equal(entered[0]?.fields("GUEST_RFLAGS"), 0x3202n | 0x8d5n);
  for (const length of [0n, 16n, 0xffffffffn]) {
    const wrong = always("ANSWER_EMULATED", (page) => page.set("instructionLength", length));
    assertEnd(enter([memory], { answer: wrong }).run, "vmm-answer-not-possible", /no length of 1 to 15 bytes/);
  }
});

test("answers that do not fit the exit end the VM by name", () => {
  for (const answer of ["ANSWER_EMULATED", "ANSWER_LOAD_STATE"]) {
    const { run } = enter([outAt(START)], { answer: always(answer) });
    assertEnd(run, "vmm-answer-not-possible", new RegExp(`the vmm's answer does not fit ${exitName("port")}`));
  }
  assertEnd(enter([outAt(START)], { answer: always("ANSWER_NOT_HANDLED") }).run, "not-handled");
});
