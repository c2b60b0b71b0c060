// VM exits: what core does at each exit reason, and what the guest sees of it.
import assert from "node:assert/strict";
import { assertEnd, complaints } from "./assertions.ts";
import {
  cpuid,
  externalInterrupt,
  hlt,
  listed,
  machineCheck,
  nmi,
  tripleFault,
  vmcall,
  type Exit,
} from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { interruptedAt } from "./machine/interpreter.ts";
import { boot, type MachineOptions, type Run, WORK_MAIL } from "./machine/machine.ts";
import { exitReasonNames, msr, reason } from "./machine/tables.ts";
import { vendor } from "./machine/vendor.ts";
import { exits, isVmx, onVmx, test } from "./vendors.ts";

const START = 0x10000n;
/** More than a slice has ticks. */
const SLICE = 5n << 20n;

/** What the guest finds when it goes on after an exit. */
interface Resumed {
  readonly rip: bigint;
  readonly registers: Readonly<Record<string, bigint>>;
}

/** Runs guest `count` through the exits of a list, then through a VMCALL that ends it. */
function runExits(exits: readonly Exit[], options: MachineOptions = {}): { run: Run; resumed: Resumed[] } {
  const resumed: Resumed[] = [];
  function* script(guest: Guest): Generator<Exit> {
    for (const exit of exits) {
      yield exit;
      const registers = Object.fromEntries(
        ["rax", "rbx", "rcx", "rdx", "rsi", "r15"].map((r) => [r, guest.registers.get(r)]),
      );
      resumed.push({ rip: guest.rip, registers });
    }
    yield vmcall;
  }
  return { run: boot({ commandLine: "guest=count", ...options, scripts: [script] }), resumed };
}

/** Runs one guest that meets `exit` at once. */
function runToExit(exit: Exit, commandLine = "guest=count"): Run {
  return boot({ commandLine, scripts: [listed(exit)] });
}

test("the first entry is a VMLAUNCH, every further one a VMRESUME", () => {
  const { run } = runExits([cpuid, cpuid, externalInterrupt, cpuid]);
  assertEnd(run, "ok");
  assert.deepEqual(
    run.machine.entry.records.map(({ wasResume }) => wasResume),
    [false, true, true, true, true],
  );
});

test("RIP is advanced by the length of the instruction that exited, whatever it is", () => {
  const lengths = [2, 3, 15, 2];
  const { run, resumed } = runExits(lengths.map((instructionLength) => ({ ...cpuid, instructionLength })));
  assertEnd(run, "ok");
  let expected = START;
  assert.deepEqual(
    resumed.map(({ rip }) => rip),
    lengths.map((length) => (expected += BigInt(length))),
  );
});

test("HLT exits go on behind the HLT until the option iterations is spent", () => {
  const rips: bigint[] = [];
  const run = boot({
    commandLine: "guest=hlt iterations=3",
    scripts: [
      function* (guest) {
        for (let i = 0; i < 3; i++) {
          rips.push(guest.rip);
          yield hlt;
        }
      },
    ],
  });
  assertEnd(run, "ok", /vm0: ended: ok, 3 VM entries, final RIP 0x0000000000010003$/);
  assert.deepEqual(rips, [START, START + 1n, START + 2n]);
});

test("a guest that halts, and that nothing will wake, has ended: its vmm says so", () => {
  for (const rflags of [0x2n, 0x202n]) {
    const run = runToExit({ ...hlt, fields: { GUEST_RFLAGS: rflags } });
    assertEnd(run, "ok", /vm0: ended: ok, 1 VM entries, final RIP 0x0000000000010001$/);
    assert.deepEqual(run.machine.vmms.calls.at(-1), [0, 3]);
  }
});

test("an external interrupt is taken by the host, and the guest goes on where it was", () => {
  const { run, resumed } = runExits([externalInterrupt, cpuid, externalInterrupt]);
  assertEnd(run, "ok");
  assert.deepEqual(
    resumed.map(({ rip }) => rip),
    [START, START + 2n, START + 2n],
  );
  assert.equal(run.machine.trace.filter((step) => step === "STI").length, 2);
});

test("mail of another CPU ends the slice, so that it is served, and the guest goes on where it was", () => {
  assert.equal(slicesOf({ interruptWork: WORK_MAIL }), 3);
});

test("a tick ends the slice that is over of the only VM where somebody may type, and nowhere else", () => {
  const ticksBeforeInterrupt = SLICE;
  assert.equal(slicesOf({ ticksBeforeInterrupt }), 3);
  assert.equal(slicesOf({ ticksBeforeInterrupt, hasSerial: false, keys: [0x0d] }), 3);
  assert.equal(slicesOf({ ticksBeforeInterrupt, hasSerial: false, hasKeyboard: false }), 1);
});

test("a tick that comes before the slice is over, as for an alarm, does not end it", () => {
  assert.equal(slicesOf({ ticksBeforeInterrupt: SLICE / 4n }), 1);
});

/** How many slices a guest has that two interrupts of the host interrupt. */
function slicesOf(options: MachineOptions): number {
  const { run, resumed } = runExits([externalInterrupt, cpuid, externalInterrupt], options);
  assertEnd(run, "ok");
  assert.deepEqual(
    resumed.map(({ rip }) => rip),
    [START, START + 2n, START + 2n],
  );
  // Interrupts have a word of their own before the first slice, and behind the last.
  return run.machine.slices - 2;
}

test("interrupts between any two instructions of a guest change nothing of what it does", () => {
  const rips = [0x10000n, null, 0x10007n, 0x10002n, null, 0x10004n, 0x10007n, null, 0x10009n, null];
  const run = boot({ commandLine: "guest=count iterations=3", scripts: [interruptedAt(rips)] });
  assertEnd(run, "ok", exits("cpuid", 3), exits("externalInterrupt", 6), exits("hypercall", 1));
});

// By SVM the NMI comes with STGI, in boot/vm_entry.asm.
test("an NMI is the host's: NMIs are unblocked, and the guest goes on where it was", () => {
  const { run, resumed } = runExits([nmi, nmi]);
  assertEnd(run, "ok", exits("exceptionOrNmi", 2));
  assert.deepEqual(
    resumed.map(({ rip }) => rip),
    [START, START],
  );
  assert.equal(run.machine.trace.filter((step) => step === "INT 2").length, isVmx() ? 2 : 0);
});

const MCG_STATUS = "IA32_MCG_STATUS";
/** RIPV, EIPV and MCIP (SDM 3B 16.3.1.2). */
const IN_PROGRESS = 7n;

test("a machine check in a guest ends its VM by a result of its own, whatever else the exit says, and the next one runs", () => {
  const cpu = vendor().cpu.withMsr(MCG_STATUS, IN_PROGRESS);
  for (const information of [0x80000312n, 0x80001312n]) {
    const exit = { ...machineCheck, rip: 0x10004n, fields: { VM_EXIT_INTERRUPTION_INFORMATION: information } };
    const run = boot({ commandLine: "guest=count,hlt iterations=1", cpu, scripts: [listed(exit), listed(hlt)] });
    assertEnd(
      run,
      "machine-check-in-guest",
      /error: vm0: machine check in the guest at RIP 0x0000000000010004, IA32_MCG_STATUS 0x7: .*failed; this VM ends$/,
      /vm0: ended: machine-check-in-guest/,
      /vm1: ended: ok/,
    );
    assert.equal(run.machine.processor.rdmsr(msr(MCG_STATUS)), 0n, "the next machine check does not shut the CPU down");
    assert.ok(!run.machine.trace.includes("INT 2"));
  }
});

test("a machine check is told on a CPU without IA32_MCG_STATUS too", () => {
  const run = boot({
    commandLine: "guest=count",
    cpu: vendor().cpu.withMsr(MCG_STATUS, null),
    scripts: [listed(machineCheck)],
  });
  assertEnd(run, "machine-check-in-guest", /machine check in the guest at RIP 0x0000000000010000: the processor/);
});

onVmx("a machine check during VM entry ends the VM by the same result", () => {
  const run = boot({
    commandLine: "guest=count",
    cpu: vendor().cpu.withMsr(MCG_STATUS, IN_PROGRESS),
    scripts: [listed({ reason: 0x80000029 })],
  });
  assertEnd(run, "machine-check-in-guest", /error: vm0: machine check during VM entry at RIP .*IA32_MCG_STATUS 0x7/);
});

onVmx("an event that the SDM knows no exit for ends the VM", () => {
  for (const information of [0x80000402n, 0x80000203n & 0xfffff0ffn, 0x80000702n]) {
    const run = runToExit({ ...nmi, fields: { VM_EXIT_INTERRUPTION_INFORMATION: information } });
    assertEnd(run, "unexpected-exit", /error: vm0: .*VM exit 0, Exception or non-maskable interrupt/);
    assert.ok(!run.machine.trace.includes("INT 2"));
  }
});

test("a triple fault ends the VM with a report of the guest's state", () => {
  const registers = { rax: 0x1111n, r15: 0xfff5n };
  const run = runToExit({ ...tripleFault, rip: 0x12345n, registers, fields: { GUEST_IDTR_BASE: 0x7000n } });
  assertEnd(
    run,
    "triple-fault",
    /error: vm0: triple fault at RIP 0x0000000000012345/,
    /error: vm0: {3}RAX 0x1111, RBX /,
    /error: vm0: .*R15 0xfff5$/,
    /error: vm0: .*CR0 0x80010031, CR2 /,
    /error: vm0: .*IDTR 0x7000 limit /,
    /error: vm0: {3}CS 0x8 base 0x0 limit 0xffffffff access rights 0xa09b$/,
    /error: vm0: .*delivered to it: none$/,
  );
});

onVmx("a string I/O instruction, which the vmm does not do, ends the VM as not handled", () => {
  const run = runToExit({
    reason: reason("EXIT_REASON_IO_INSTRUCTION"),
    instructionLength: 1,
    qualification: 0xf40010n,
  });
  assertEnd(run, "not-handled", /VM exit 30, I\/O instruction.*exit qualification 0xf40010/);
  assert.deepEqual(run.machine.vmms.calls.at(-1), [0, 3]);
});

const handled = new Set(
  [
    ...["EXCEPTION_OR_NMI", "EXTERNAL_INTERRUPT", "TRIPLE_FAULT", "CPUID", "HLT", "RDTSC", "VMCALL", "IO_INSTRUCTION"],
    ...["EPT_VIOLATION", "EPT_MISCONFIGURATION", "INTERRUPT_WINDOW", "NMI_WINDOW", "TASK_SWITCH"],
    ...["GETSEC", "INVD", "RDPMC", "VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME", "VMWRITE"],
    ...["VMXOFF", "VMXON", "CONTROL_REGISTER_ACCESS", "RDMSR", "WRMSR", "MWAIT", "MONITOR", "PAUSE", "INVEPT"],
    ...["RDTSCP", "INVVPID", "WBINVD", "XSETBV", "ENCLS", "ENCLV", "MONITOR_TRAP_FLAG"],
    ...["SEAMCALL", "TDCALL", "RDMSR_IMMEDIATE", "WRMSRNS_IMMEDIATE", "VMX_PREEMPTION_TIMER_EXPIRED"],
  ].map((name) => reason(`EXIT_REASON_${name}`)),
);

onVmx("every other exit reason of the SDM, and the numbers between, end the VM by name", () => {
  for (const [number, name] of exitReasonNames.entries()) {
    if (handled.has(number)) continue;
    const text = name === "" ? "unknown exit reason" : name;
    const run = runToExit({ reason: number, rip: 0x10008n, qualification: 0x77n });
    assertEnd(run, "unexpected-exit");
    // MOV DR has a handler to come.
    if (number !== 29) assertEnd(run, "unexpected-exit", /error: this exit should not happen: \w/);
    assert.match(
      complaints(run).join("\n"),
      new RegExp(
        `VM exit ${number}, ${text.replace(/[()]/g, "\\$&")}, at RIP 0x0000000000010008, exit qualification 0x77`,
      ),
    );
  }
});

onVmx("an exit reason beyond the SDM's ends the VM by its number", () => {
  for (const number of [exitReasonNames.length, 100, 0xffff]) {
    const run = runToExit({ reason: number });
    assertEnd(run, "unexpected-exit", new RegExp(`VM exit ${number}, unknown exit reason`));
  }
});

onVmx("flags in the upper half of the exit reason change nothing of how it is handled and counted", () => {
  const flags = [0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000];
  const { run, resumed } = runExits(flags.map((flag) => ({ ...cpuid, reason: cpuid.reason + flag })));
  assertEnd(run, "ok", exits("cpuid", 5));
  assert.equal(resumed.at(-1)?.rip, START + 10n);
  assertEnd(runToExit({ ...tripleFault, reason: tripleFault.reason + 0x10000000 }), "triple-fault");
});

onVmx("a VM entry that fails by the guest's state, or by an MSR, says so by reason and qualification", () => {
  const state = runToExit({ reason: 0x80000021, qualification: 4n });
  assertEnd(state, "entry-failed-by-state", /0x80000021, VM-entry failure due to invalid guest state.* 0x4/);
  const msr = runToExit({ reason: 0x80000022, qualification: 3n });
  assertEnd(msr, "entry-failed-by-state", /0x80000022, VM-entry failure due to MSR loading.* 0x3/);
});

onVmx("a VMLAUNCH or VMRESUME that fails is told by instruction, kind of failure and error", () => {
  const cases = [
    { execution: 1, error: 7, pattern: /VMLAUNCH.*VMfailValid.* 7: VM entry with invalid control field/ },
    { execution: 1, error: 8, pattern: /VMLAUNCH.*VMfailValid.* 8: VM entry with invalid host-state field/ },
    { execution: 2, error: 5, pattern: /VMRESUME.*VMfailValid.* 5: VMRESUME with non-launched VMCS/ },
  ] as const;
  for (const { pattern, ...failure } of cases) {
    const run = boot({ commandLine: "guest=hlt iterations=9", failures: [{ instruction: "VM entry", ...failure }] });
    assertEnd(run, "entry-failed", pattern);
  }
  for (const execution of [1, 2]) {
    const run = boot({ commandLine: "guest=hlt iterations=9", failures: [{ instruction: "VM entry", execution }] });
    assertEnd(run, "entry-failed", execution === 1 ? /VMLAUNCH.*VMfailInvalid/ : /VMRESUME.*VMfailInvalid/);
  }
});

onVmx("VMCLEAR and VMPTRLD that fail are told apart by instruction and kind of failure", () => {
  const short = "guest=hlt iterations=1";
  for (const instruction of ["VMCLEAR", "VMPTRLD"] as const) {
    const result = `${instruction.toLowerCase()}-failed`;
    const invalid = boot({ commandLine: short, failures: [{ instruction, execution: 1 }] });
    assertEnd(invalid, result, new RegExp(`${instruction} of 0x[0-9a-f]{16} failed: VMfailInvalid`));
    const error = instruction === "VMCLEAR" ? 2 : 11;
    const valid = boot({ commandLine: short, failures: [{ instruction, execution: 1, error }] });
    assertEnd(
      valid,
      result,
      new RegExp(`${instruction} of 0x[0-9a-f]{16} failed: VMfailValid.* ${error}: ${instruction}`),
    );
    for (const run of [invalid, valid]) assert.ok(!run.machine.trace.includes("VM entry"));
  }
});

onVmx("a VMCLEAR that fails when a VM has ended is that VM's result", () => {
  const run = boot({
    commandLine: "guest=hlt iterations=1",
    failures: [{ instruction: "VMCLEAR", execution: 2, error: 3 }],
  });
  assert.equal(run.name, "vmclear-failed");
});

onVmx("the summary counts entries and exits by reason", () => {
  const { run } = runExits([cpuid, externalInterrupt, cpuid, nmi, cpuid, externalInterrupt]);
  assertEnd(run, "ok", /vm0: ended: ok, 7 VM entries/);
  const counts = run.lines.flatMap(
    (line) => /exit (\d+) .*: (\d+) exits, \d+ ticks, \d+ each$/.exec(line)?.slice(1, 3) ?? [],
  );
  assert.deepEqual(counts, ["0", "1", "1", "2", "10", "3", "18", "1"]);
});

onVmx("at log level debug the first exits are told one by one, with RIP, length and qualification", () => {
  const exits = Array.from({ length: 12 }, () => ({ ...cpuid, qualification: 0xabcn }));
  const { run } = runExits(exits, { commandLine: "guest=count loglevel=debug" });
  assertEnd(run, "ok");
  const told = run.lines.filter(
    (line) => /debug: vm0: exit 10 CPUID.*rip 0x|RIP 0x/i.test(line) && line.includes("debug"),
  );
  assert.equal(told.length, 8);
  assert.match(told[1] ?? "", /0x10002.* 2.*0xabc/);
  assert.deepEqual(
    boot({ commandLine: "guest=count iterations=2" }).lines.filter((line) => line.includes("qualification")),
    [],
  );
});

test("a guest's failure does not keep the next guest from running, and the first failure is the run's result", () => {
  const scripts = [listed(hlt), listed(tripleFault), listed({ reason: 3 }), listed(hlt)];
  const run = boot({ commandLine: "guest=hlt,hlt,hlt,hlt iterations=1", scripts });
  assertEnd(run, "triple-fault", /vm3: ended: ok/, /vm2: ended: unexpected-exit/, /vm1: ended: triple-fault/);
});
