// The MSRs of the machine around the processor, and CR8: each access is the vmm's to answer, and core keeps what it says.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { ask } from "./machine/ask.ts";
import { listed } from "./machine/exits.ts";
import { boot } from "./machine/machine.ts";
import { reason, msr, vcpuPage } from "./machine/tables.ts";
import type { VcpuPageView } from "./machine/vcpu-page.ts";
import { onVmx, test } from "./vendors.ts";

const GP = "#GP(0)";
const EXIT_MSR = BigInt(vcpuPage("EXIT_MSR"));
const EXIT_ALARM = BigInt(vcpuPage("EXIT_ALARM"));
const EXIT_TASK_PRIORITY = BigInt(vcpuPage("EXIT_TASK_PRIORITY"));
const READS = BigInt(vcpuPage("TASK_PRIORITY_IS_READ"));
const WRITE = 1n << 32n;
const NEXT_INSTRUCTION = vcpuPage("ANSWER_NEXT_INSTRUCTION");
const DIRTY = 0xdeadbeef00000000n;

const APIC_BIT = 1 << 9;
const [TSC_DEADLINE, X2APIC_FIRST, X2APIC_LAST] = [0x6e0, 0x800, 0x83f];
const KVM_MSRS = [0x4b564d00, 0x4b564d01];

interface Asked {
  readonly access: bigint;
  readonly value: bigint;
}

/** A vmm that notes what it is asked, reads each MSR as three times its number, and refuses what `refuses` says. */
function noting(asked: Asked[], refuses = false): (page: VcpuPageView) => number | null {
  return (page) => {
    if (page.get("exitKind") !== EXIT_MSR) return null;
    const access = page.get("access");
    const isWrite = (access & WRITE) !== 0n;
    asked.push({ access, value: isWrite ? page.get("ioValue") : 0n });
    if (!isWrite) page.set("ioValue", DIRTY | (3n * access));
    page.set("faultVector", 13n);
    page.set("faultErrorCode", 0n);
    return refuses ? vcpuPage("ANSWER_FAULT") : NEXT_INSTRUCTION;
  };
}

const machines = [TSC_DEADLINE, X2APIC_FIRST, 0x808, 0x80b, 0x830, X2APIC_LAST, ...KVM_MSRS];

test("RDMSR and WRMSR of x2APIC's registers, of IA32_TSC_DEADLINE and of KVM's clock are the vmm's, 64 bits both ways", () => {
  const asked: Asked[] = [];
  ask(
    function* (guest) {
      for (const index of machines) {
        assert.equal(yield* guest.rdmsr(index), DIRTY | (3n * BigInt(index)), index.toString(16));
        assert.equal(yield* guest.wrmsr(index, 0x123456789abcdef0n), "done", index.toString(16));
      }
    },
    { answer: noting(asked) },
  );
  const expected = machines.flatMap((index) => [
    { access: BigInt(index), value: 0n },
    { access: BigInt(index) | WRITE, value: 0x123456789abcdef0n },
  ]);
  assert.deepEqual(asked, expected);
});

test("what the vmm refuses of them is #GP(0), and changes no register", () => {
  const asked: Asked[] = [];
  ask(
    function* (guest) {
      for (const index of [...machines, msr("IA32_APIC_BASE")]) assert.equal(yield* guest.wrmsr(index, 1n), GP);
      for (const index of machines) {
        const registers = { rcx: BigInt(index), rax: 0x1111n, rdx: 0x2222n };
        const answer = yield* guest.exit({ reason: reason("EXIT_REASON_RDMSR"), instructionLength: 2, registers });
        assert.deepEqual([answer.outcome, answer.eax, answer.edx], [GP, 0x1111n, 0x2222n]);
      }
      assert.equal(yield* guest.rdmsr(msr("IA32_APIC_BASE")), 0xfee00900n, "what was refused is not kept");
    },
    { answer: noting(asked, true) },
  );
  assert.equal(asked.length, 2 * machines.length + 1, "reading IA32_APIC_BASE asks nobody");
});

test("no other MSR is the vmm's", () => {
  const asked: Asked[] = [];
  ask(
    function* (guest) {
      for (const index of [0x6df, 0x6e1, 0x7ff, 0x840, 0x8ff, 0x4b564cff, 0x4b564d02, 0xc0000080])
        yield* guest.rdmsr(index);
      for (const name of ["IA32_MTRR_DEF_TYPE", "IA32_MISC_ENABLE", "IA32_EFER"]) yield* guest.rdmsr(msr(name));
    },
    { answer: noting(asked) },
  );
  assert.deepEqual(asked, []);
});

test("the vmm's local APIC takes them as its mode has it", () => {
  ask(function* (guest) {
    assert.equal(yield* guest.wrmsr(TSC_DEADLINE, 5n), "done");
    assert.equal(yield* guest.rdmsr(TSC_DEADLINE), 0n, "the timer is in no TSC-deadline mode");
    const [id, version, priority, selfIpi] = [0x802, 0x803, 0x808, X2APIC_LAST] as const;
    for (const index of [id, version, priority]) assert.equal(yield* guest.rdmsr(index), GP, "in xAPIC mode");
    assert.equal(yield* guest.wrmsr(msr("IA32_APIC_BASE"), 0xfee00d00n), "done");
    assert.equal(yield* guest.rdmsr(id), 0n);
    assert.equal(yield* guest.wrmsr(id, 0n), GP, "read-only");
    assert.equal(yield* guest.wrmsr(priority, 0x35n), "done");
    assert.equal(yield* guest.rdmsr(priority), 0x35n);
    assert.equal(yield* guest.wrmsr(priority, 0x100n), GP, "reserved");
    assert.equal(yield* guest.rdmsr(selfIpi), GP, "write-only");
  });
});

test("CPUID shows the local APIC while IA32_APIC_BASE enables it, after what the vmm took only", () => {
  ask(function* (guest) {
    const isShown = function* () {
      return ((yield* guest.cpuid(1))[3]! & APIC_BIT) !== 0;
    };
    assert.equal(yield* isShown(), true);
    for (const [value, outcome, shown] of [
      [0xfee00100n, "done", false],
      // From disabled to x2APIC mode at once.
      [0xfee00d00n, GP, false],
      [0xfee00900n, "done", true],
      [0x12345100n, GP, true],
      [0xfee00d00n, "done", true],
    ] as const) {
      assert.equal(yield* guest.wrmsr(msr("IA32_APIC_BASE"), value), outcome, value.toString(16));
      assert.equal(yield* isShown(), shown, value.toString(16));
    }
  });
});

test("a write of the time-stamp counter has the vmm look at its alarms, as they may be by the guest's counter", () => {
  let looks = 0;
  ask(
    function* (guest) {
      assert.equal(yield* guest.wrmsr(msr("IA32_TIME_STAMP_COUNTER"), 1n << 40n), "done");
      assert.equal(looks, 1);
      assert.equal(yield* guest.wrmsr(msr("IA32_MISC_ENABLE"), 0x1800n), "done");
      assert.equal(looks, 1);
    },
    {
      answer: (page) => {
        if (page.get("exitKind") !== EXIT_ALARM) return null;
        looks++;
        return vcpuPage("ANSWER_RESUME");
      },
    },
  );
});

/** MOV from CR8 to RSI. */
const readCr8 = {
  reason: reason("EXIT_REASON_CONTROL_REGISTER_ACCESS"),
  instructionLength: 4,
  qualification: 0x18n | (6n << 8n),
};

test("MOV to and from CR8 are the vmm's to answer: a class of 0 to 15, and #GP(0) above it", () => {
  const asked: bigint[] = [];
  ask(
    function* (guest) {
      for (const value of [0n, 15n, 7n]) assert.equal(yield* guest.writeControlRegister(8, value), "done");
      for (const value of [16n, 0x1fn, 1n << 63n]) assert.equal(yield* guest.writeControlRegister(8, value), GP);
      yield* guest.exit(readCr8);
      assert.equal(guest.guest.registers.get("rsi"), 5n, "of what the vmm says four bits");
    },
    {
      answer: (page) => {
        if (page.get("exitKind") !== EXIT_TASK_PRIORITY) return null;
        asked.push(page.get("access"));
        if ((page.get("access") & READS) !== 0n) page.set("ioValue", 0xf5n);
        return NEXT_INSTRUCTION;
      },
    },
  );
  assert.deepEqual(asked, [0n, 15n, 7n, READS]);
});

test("CR8 is the class of the local APIC's task priority, whichever of the two was written", () => {
  ask(function* (guest) {
    const priority = 0x808;
    assert.equal(yield* guest.wrmsr(msr("IA32_APIC_BASE"), 0xfee00d00n), "done");
    for (const value of [0n, 15n, 7n]) {
      assert.equal(yield* guest.writeControlRegister(8, value), "done");
      assert.equal(yield* guest.rdmsr(priority), value << 4n, "the sub-class is 0");
      yield* guest.exit(readCr8);
      assert.equal(guest.guest.registers.get("rsi"), value);
    }
    assert.equal(yield* guest.wrmsr(priority, 0xa3n), "done");
    yield* guest.exit(readCr8);
    assert.equal(guest.guest.registers.get("rsi"), 0xan);
  });
});

test("a vmm without an answer to CR8, or to a new time, ends its VM", () => {
  const writeTsc = { rcx: 0x10n, rax: 0n, rdx: 0x100n };
  const writeCr8 = { ...readCr8, qualification: 0x08n | (6n << 8n), registers: { rsi: 7n } };
  for (const exit of [
    readCr8,
    writeCr8,
    { reason: reason("EXIT_REASON_WRMSR"), instructionLength: 2, registers: writeTsc },
  ]) {
    const run = boot({
      commandLine: "guest=count",
      scripts: [listed(exit)],
      answer: (page) => {
        const isAsked = [EXIT_TASK_PRIORITY, EXIT_ALARM].includes(page.get("exitKind"));
        return isAsked ? vcpuPage("ANSWER_NOT_HANDLED") : null;
      },
    });
    assertEnd(run, "not-handled", /error: vm0: the vmm has no answer to /);
  }
});

onVmx("a guest that mirrors the host has no machine: its MSRs are #GP(0), and CR8 reads 0", () => {
  const run = ask(
    function* (guest) {
      for (const index of machines) {
        assert.equal(yield* guest.rdmsr(index), GP, index.toString(16));
        assert.equal(yield* guest.wrmsr(index, 0n), GP, index.toString(16));
      }
      assert.equal(yield* guest.wrmsr(msr("IA32_APIC_BASE"), 0xfee00900n), GP);
      assert.equal(yield* guest.writeControlRegister(8, 7n), "done");
      yield* guest.exit(readCr8);
      assert.equal(guest.guest.registers.get("rsi"), 0n);
    },
    { commandLine: "guest=mirror" },
  );
  assert.deepEqual(run.machine.vmms.calls, []);
});
