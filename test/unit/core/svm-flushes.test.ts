// What must drop translations does, on a processor whose TLB keeps all that it may (APM 2 15.16).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { Asker } from "./machine/ask.ts";
import { ryzen, tcgMax, type CpuModel } from "./machine/cpu-model.ts";
import { cpuid, externalInterrupt, vmcall, type Exit, type Script } from "./machine/exits.ts";
import { NestedFault, type Guest } from "./machine/guest.ts";
import { boot, type Run } from "./machine/machine.ts";
import { withAsids, withSvmFeature } from "./machine/svm/features.ts";
import { msr, reason, vmcb } from "./machine/tables.ts";

const clean = withSvmFeature(ryzen, "cleanBits");
const PAGE = 0x30000n;
/** The guest's own page directory, whose first entry maps the first 2 MiB to themselves. */
const DIRECTORY = 0x3000n;
const LARGE_PAGE = 0x83n;
const FLUSH_ALL = vmcb("TLB_CONTROL_FLUSH_ALL");
const FLUSH_ASID = vmcb("TLB_CONTROL_FLUSH_ASID");

function run(script: (guest: Guest) => Generator<Exit>, cpu: CpuModel, commandLine = "guest=count"): Run {
  const ended = boot({
    commandLine,
    cpu,
    scripts: [
      function* (guest) {
        yield* script(guest);
        yield { ...vmcall, registers: { rax: 0n } };
      },
    ],
  });
  assertEnd(ended, "ok");
  return ended;
}

const flushes = ({ machine }: Run): readonly (readonly [number, number])[] => machine.svm.tlb.flushes;

function writeQuad(guest: Guest, physical: bigint, value: bigint): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  const host = guest.hostAddress(physical);
  assert.ok(host !== null, physical.toString(16));
  guest.writeHost(host, bytes);
}

/**
 * Whether the guest's own linear translations are gone behind `exit`: it has looked at an address, and changed its page
 * directory since, without a word to the processor.
 */
function dropsLinear(cpu: CpuModel, exit: (guest: Asker) => Generator<Exit, unknown, undefined>): boolean {
  const found: { isDropped?: boolean } = {};
  run(function* (guest) {
    writeQuad(guest, PAGE, 0x1111n);
    writeQuad(guest, PAGE + 0x1000n, 0x2222n);
    // 4-KiB pages would take a table: the whole 2 MiB are mapped as they are, and later as if they began elsewhere.
    assert.equal(guest.readQuad(PAGE), 0x1111n);
    writeQuad(guest, DIRECTORY, 0x8000n | 3n);
    for (let page = 0n; page < 512n; page++) writeQuad(guest, 0x8000n + 8n * page, (page << 12n) | 3n);
    writeQuad(guest, 0x8000n + 8n * (PAGE >> 12n), (PAGE + 0x1000n) | 3n);
    assert.equal(guest.readQuad(PAGE), 0x1111n, "nothing was dropped yet");
    yield* exit(new Asker(guest)) as Generator<Exit, void, undefined>;
    found.isDropped = guest.readQuad(PAGE) === 0x2222n;
    writeQuad(guest, DIRECTORY, LARGE_PAGE);
    guest.vmcs.set("GUEST_CR3", guest.vmcs.get("GUEST_CR3"));
  }, cpu);
  return found.isDropped!;
}

test("at its first entry a guest's ASID is flushed, by itself where the CPU can, and at ordinary exits nothing is", () => {
  const exits = function* (): Generator<Exit> {
    for (let i = 0; i < 10; i++) yield i % 3 === 0 ? externalInterrupt : cpuid;
  };
  assert.deepEqual(flushes(run(exits, clean)), [[FLUSH_ASID, 1]]);
  assert.deepEqual(flushes(run(exits, withSvmFeature(clean, "flushByAsid", false))), [[FLUSH_ALL, 1]]);
  assert.deepEqual(flushes(run(exits, tcgMax)), [[FLUSH_ALL, 1]]);
});

describe("linear translations are dropped", () => {
  for (const cpu of [clean, tcgMax]) {
    test(`by WRMSR to EFER that changes NXE, and not by CPUID, on a ${cpu.name}`, () => {
      const efer = msr("IA32_EFER");
      assert.equal(
        dropsLinear(cpu, (guest) => guest.wrmsr(efer, 0x500n)),
        true,
      );
      assert.equal(
        dropsLinear(cpu, (guest) => guest.cpuid(0)),
        false,
      );
    });

    test(`by MOV to CR4 that changes the paging, on a ${cpu.name}`, () => {
      const writeCr4 = (guest: Asker, value: bigint): ReturnType<Asker["exit"]> =>
        guest.exit({
          reason: reason("EXIT_REASON_CONTROL_REGISTER_ACCESS"),
          instructionLength: 3,
          qualification: 4n,
          registers: { rax: value },
        });
      for (const value of [0xa0n, 0x30n, 0x100020n]) {
        assert.equal(
          dropsLinear(cpu, (guest) => writeCr4(guest, value)),
          true,
          value.toString(16),
        );
      }
    });
  }
});

test("a page that a watch forbids again is dropped, behind a step over the access", () => {
  const step: Exit = {
    reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
    qualification: 1n << 14n,
    fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000301n },
  };
  for (const [kind, access] of [
    ["noaccess", (guest: Guest): unknown => guest.readQuad(PAGE)],
    ["nowrite", (guest: Guest): unknown => guest.writeByte(PAGE, 1)],
    ["nofetch", (guest: Guest): unknown => guest.fetch(PAGE, 1)],
  ] as const) {
    const tried = (guest: Guest): Exit | null => {
      try {
        access(guest);
        return null;
      } catch (error) {
        if (error instanceof NestedFault) return error.exit;
        throw error;
      }
    };
    const ended = run(
      function* (guest) {
        for (let i = 0; i < 3; i++) {
          const fault = tried(guest);
          assert.ok(fault, `${kind}: the page is armed`);
          yield fault;
          assert.equal(tried(guest), null, `${kind}: it is open for the step`);
          yield step;
        }
        assert.ok(tried(guest), "and armed at the end");
      },
      clean,
      `guest=count watch=0:30000-31000:${kind}:count`,
    );
    assertEnd(ended, "ok", new RegExp(`${kind}:count: 3 accesses`));
    // One before the first entry, one behind each step; that the page is opened needs none.
    assert.equal(flushes(ended).length, 4, kind);
  }
});

test("RAM that is touched for the first time needs no flush", () => {
  const ended = boot({ commandLine: "guest=touch iterations=5", cpu: clean });
  assertEnd(ended, "ok", /exit 0x400 NPF: 5 exits/);
  assert.equal(flushes(ended).length, 1);
});

describe("VMs that share an ASID", () => {
  /** Each writes its number to a page, and looks at it at each turn. */
  const script = (vm: number): Script =>
    function* (guest) {
      guest.writeByte(PAGE, vm);
      for (let i = 0; i < 6; i++) {
        assert.equal(guest.readQuad(PAGE) & 0xffn, BigInt(vm), `turn ${i} of vm${vm}`);
        yield externalInterrupt;
      }
      yield vmcall;
    };

  for (const asids of [2, 3, 16]) {
    test(`never see each other's memory, on a CPU with ${asids} ASIDs`, () => {
      for (const guests of ["count+count+count", "count,count,count"]) {
        const ended = boot({
          commandLine: `guest=${guests} populate=start`,
          cpu: withAsids(clean, asids),
          scripts: [1, 2, 3].map(script),
        });
        assertEnd(ended, "ok", /vm2: ended: ok/);
        assert.ok(flushes(ended).every(([, asid]) => asid > 0 && asid < asids));
      }
    });
  }
});
