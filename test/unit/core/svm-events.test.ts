// Events by VMRUN: EVENTINJ and EXITINTINFO, and the exits that core knows no answer to (APM 2 15.7.2, 15.12 and 15.20).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertEnd, complaints } from "./assertions.ts";
import { Asker } from "./machine/ask.ts";
import { ryzen, tcgMax } from "./machine/cpu-model.ts";
import { externalInterrupt, io, listed, vmcall, type Exit } from "./machine/exits.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { withSvmFeature } from "./machine/svm/features.ts";
import { reason, svmExit, svmExitName, vcpuPage } from "./machine/tables.ts";
import type { VcpuPageView } from "./machine/vcpu-page.ts";

const clean = withSvmFeature(ryzen, "cleanBits");
const VALID = 0x80000000n;
const EXTERNAL = 0x031;
const NMI = 0x202;
const PAGE_FAULT = 0xb0e;
const ALIGNMENT_CHECK = 0xb11;
const DEBUG = 0x301;
const INT_80 = 0x480;
const INT3 = 0x603;
const START = 0x10000n;

/** What each entry delivered, of a guest that makes these exits and then ends. */
function delivered(exits: readonly Exit[], options: MachineOptions = {}): { run: Run; events: number[][] } {
  const run = boot({ commandLine: "guest=count", cpu: clean, ...options, scripts: [listed(...exits, vmcall)] });
  assertEnd(run, "ok");
  return { run, events: run.machine.entry.delivered.slice(1).map((list) => list.map(({ event }) => event)) };
}

/** The first touch of a block of RAM, in the middle of the delivery of an event. */
const touchIn = (event: number, errorCode = 0n): Exit => ({
  reason: reason("EXIT_REASON_EPT_VIOLATION"),
  qualification: 0x182n,
  fields: {
    GUEST_PHYSICAL_ADDRESS: 0x400000n,
    IDT_VECTORING_INFORMATION: VALID | BigInt(event),
    IDT_VECTORING_ERROR_CODE: errorCode,
  },
});

describe("an event whose delivery an exit interrupted", () => {
  test("is injected at the next entry, with its error code", () => {
    for (const event of [EXTERNAL, NMI, PAGE_FAULT, DEBUG]) {
      const { run, events } = delivered([touchIn(event, 7n)]);
      assert.deepEqual(events, [[event]], event.toString(16));
      const [, [first]] = run.machine.entry.delivered as [unknown, readonly { errorCode?: number }[]];
      assert.equal(first?.errorCode, event === PAGE_FAULT ? 7 : undefined);
    }
  });

  test("is injected behind a physical interrupt too", () => {
    const fields = { IDT_VECTORING_INFORMATION: VALID | BigInt(EXTERNAL) };
    assert.deepEqual(delivered([{ ...externalInterrupt, fields }]).events, [[EXTERNAL]]);
  });

  test("is executed again where it is INT n or INT3, at which RIP is still", () => {
    for (const event of [INT_80, INT3]) {
      const { run, events } = delivered([touchIn(event)]);
      assert.deepEqual(events, [[]]);
      assert.equal(run.machine.entry.records.at(-1)?.rip, START);
    }
  });

  test("gives way to an exception that its delivery raised", () => {
    const alignment = (event: number): Exit => ({
      reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
      fields: {
        VM_EXIT_INTERRUPTION_INFORMATION: VALID | BigInt(ALIGNMENT_CHECK),
        IDT_VECTORING_INFORMATION: VALID | BigInt(event),
      },
    });
    assert.deepEqual(delivered([alignment(EXTERNAL)]).events, [[ALIGNMENT_CHECK]]);
    assert.deepEqual(delivered([alignment(PAGE_FAULT)]).events, [[ALIGNMENT_CHECK]]);
  });
});

test("in real mode no error code is injected", () => {
  const answer = (page: VcpuPageView): number | null => {
    if (page.get("exitKind") !== BigInt(vcpuPage("EXIT_PORT"))) return null;
    page.set("faultVector", 13n);
    page.set("faultErrorCode", 0n);
    return vcpuPage("ANSWER_FAULT");
  };
  const halt: Exit = { reason: reason("EXIT_REASON_HLT"), instructionLength: 1, fields: { GUEST_RFLAGS: 2n } };
  const run = boot({ commandLine: "guest=real", cpu: clean, answer, scripts: [listed(io(0x70n, false), halt)] });
  assertEnd(run, "ok");
  assert.deepEqual(
    run.machine.entry.delivered[1]?.map(({ event }) => event),
    [0x30d],
  );
});

test("a breakpoint on a port traps behind the access, once the guest has set CR4.DE", () => {
  const trapped = (cr4: bigint, dr7: bigint): number[] => {
    const seen: number[] = [];
    const run = boot({
      commandLine: "guest=count",
      cpu: clean,
      answer: (page) =>
        page.get("exitKind") === BigInt(vcpuPage("EXIT_PORT")) ? vcpuPage("ANSWER_NEXT_INSTRUCTION") : null,
      scripts: [
        function* (guest) {
          const asker = new Asker(guest);
          const qualification = 4n;
          const write = { reason: reason("EXIT_REASON_CONTROL_REGISTER_ACCESS"), instructionLength: 3, qualification };
          assert.equal((yield* asker.exit({ ...write, registers: { rax: cr4 } })).outcome, "done");
          const before = entered();
          yield { ...io(0n, false), fields: { GUEST_DR7: dr7 } };
          seen.push(...deliveredSince(before));
          yield { ...vmcall, fields: { GUEST_DR7: 0x400n } };
        },
      ],
      prepare: (machine) => void (held.machine = machine),
    });
    assertEnd(run, "ok");
    return seen;
  };
  assert.deepEqual(trapped(0x28n, 0x20401n), [DEBUG]);
  assert.deepEqual(trapped(0x20n, 0x20401n), [], "without CR4.DE");
  assert.deepEqual(trapped(0x28n, 0x20400n), [], "not enabled");
});

const held: { machine: Run["machine"] | null } = { machine: null };
const entered = (): number => held.machine!.entry.delivered.length;
const deliveredSince = (entry: number): number[] =>
  held.machine!.entry.delivered.slice(entry).flatMap((list) => list.map(({ event }) => event));

test("MOV to and from CR4 uses the register that the instruction names, whatever the processor tells of it", () => {
  const NAMES = ["rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi", "r8", "r15"];
  const NUMBERS = [0, 1, 2, 3, 5, 6, 7, 8, 15];
  for (const cpu of [clean, withSvmFeature(clean, "decodeAssists"), tcgMax]) {
    const run = boot({
      commandLine: "guest=count",
      cpu,
      scripts: [
        function* (guest) {
          const asker = new Asker(guest);
          for (const [i, name] of NAMES.entries()) {
            const instructionLength = NUMBERS[i]! >= 8 ? 4 : 3;
            const access = { reason: reason("EXIT_REASON_CONTROL_REGISTER_ACCESS"), instructionLength };
            const number = BigInt(NUMBERS[i]!) << 8n;
            const value = i % 2 === 0 ? 0xa0n : 0x20n;
            const others = Object.fromEntries(NAMES.map((each) => [each, 0xbadn]));
            const registers = { ...others, [name]: value };
            const { outcome } = yield* asker.exit({ ...access, qualification: 4n | number, registers });
            assert.equal(outcome, "done", `MOV CR4, ${name} on ${cpu.name}`);
            yield* asker.exit({ ...access, qualification: 0x14n | number, registers: others });
            assert.equal(guest.registers.get(name), value, `MOV ${name}, CR4 on ${cpu.name}`);
          }
          yield { ...vmcall, registers: { rax: 0n } };
        },
      ],
    });
    assertEnd(run, "ok");
  }
});

test("a VMCB that VMRUN refuses ends the VM by name, and the next one runs", () => {
  const run = boot({
    commandLine: "guest=hlt,hlt iterations=1",
    cpu: clean,
    prepare: ({ svm: { cache } }) => {
      const load = cache.load.bind(cache);
      let entries = 0;
      cache.load = (address, bytes) => {
        const image = load(address, bytes);
        if (entries++ === 0) image.set("VMCB_EFER", 0xd00n);
        return image;
      };
    },
  });
  assertEnd(run, "entry-failed-by-state", /error: vm0: VMRUN refused the VMCB: VMEXIT_INVALID/, /vm1: ended: ok/);
  assert.deepEqual(run.machine.entry.brokenRules, ["15.5.1 EFER.SVME is 1"]);
});

/** Those that have handlers. */
const ANSWERED = [
  ...[
    "INTR",
    "NMI",
    "VINTR",
    "RDTSC",
    "RDPMC",
    "CPUID",
    "RSM",
    "IRET",
    "INVD",
    "PAUSE",
    "HLT",
    "INVLPGA",
    "IOIO",
    "MSR",
  ],
  ...["SHUTDOWN", "VMRUN", "VMMCALL", "VMLOAD", "VMSAVE", "STGI", "CLGI", "SKINIT", "RDTSCP", "WBINVD", "MONITOR"],
  ...["MWAIT", "MWAIT_ARMED", "XSETBV", "RDPRU", "INVLPGB", "INVLPGB_ILLEGAL", "MCOMMIT", "TLBSYNC", "NPF"],
].map((name) => svmExit(`SVM_EXIT_${name}`));
const CR4_READ = 0x04;
const CR8_READ = 0x08;
const CR8_WRITE = 0x18;
const CR4_WRITE = 0x14;
const EXCEPTIONS = [1, 17, 18].map((vector) => svmExit("SVM_EXIT_EXCEPTION") + vector);

test("every other exit code ends the VM by its number and name, and by the reason why it should not come", () => {
  const answered = new Set([...ANSWERED, ...EXCEPTIONS, CR4_READ, CR4_WRITE, CR8_READ, CR8_WRITE]);
  answered.add(svmExit("SVM_EXIT_CR0_SELECTIVE_WRITE"));
  const codes = [...Array(svmExit("SVM_EXIT_LOW_CODES")).keys(), 0x401, 0x402, 0x403];
  for (const code of codes.filter((each) => !answered.has(each))) {
    const run = boot({
      commandLine: "guest=count",
      cpu: clean,
      scripts: [listed({ reason: 0xffff, svm: { code, info1: 0x77n, info2: 0x88n }, rip: 0x10008n })],
    });
    assertEnd(run, "unexpected-exit", /error: this exit should not happen: \w/);
    assert.match(
      complaints(run).join("\n"),
      new RegExp(`exit 0x0*${code.toString(16)}, ${svmExitName(code)}, at RIP 0x0+10008, information 0x77 0x88`),
    );
  }
});

test("a code that the manual does not have ends the VM by its number", () => {
  for (const code of [0xa7, 0x3ff, 0x404, 0x12345]) {
    const run = boot({ commandLine: "guest=count", cpu: clean, scripts: [listed({ reason: 0xffff, svm: { code } })] });
    assertEnd(run, "unexpected-exit", new RegExp(`exit 0x0*${code.toString(16)}, not defined`));
  }
});
