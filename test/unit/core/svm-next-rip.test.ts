// Behind an instruction that exited: by the processor's word where it saves the next RIP, else by the vmm's, which decodes it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { ryzen, tcgMax } from "./machine/cpu-model.ts";
import { cpuid, vmcall, type Exit } from "./machine/exits.ts";
import { boot, type Run } from "./machine/machine.ts";

const START = 0x10000n;
const EXIT_ENTRY = 3;

/** Runs CPUIDs of these lengths; the RIPs behind them. */
function lengths(cpu: typeof ryzen, exits: readonly Exit[]): { run: Run; rips: bigint[] } {
  const rips: bigint[] = [];
  const run = boot({
    commandLine: "guest=count",
    cpu,
    scripts: [
      function* (guest) {
        for (const exit of exits) {
          yield exit;
          rips.push(guest.rip);
        }
        yield { ...vmcall, registers: { rax: 0n } };
      },
    ],
  });
  assertEnd(run, "ok");
  return { run, rips };
}

const asked = ({ machine }: Run): number => machine.vmms.calls.filter(([, entry]) => entry === EXIT_ENTRY).length;

const GUESTS = [
  "count",
  "hlt",
  "real",
  "ept",
  "rdtsc",
  "mirror",
  "hypercall",
  "rdmsr",
  "port",
  "mmio",
  "touch",
  "zeroes",
];

describe("every built-in guest makes the same exits with and without the next RIP:", () => {
  for (const guest of GUESTS) {
    test(guest, () => {
      const summary = (cpu: typeof ryzen): string[] => {
        const run = boot({ commandLine: `guest=${guest} iterations=5`, cpu });
        assertEnd(run, "ok");
        return run.lines.flatMap((line) => /(vm0: exit 0x.*) exits/.exec(line)?.[1] ?? []);
      };
      assert.deepEqual(summary(tcgMax), summary(ryzen));
    });
  }
});

test("the length of an instruction is found, with prefixes up to 15 bytes", () => {
  for (const cpu of [ryzen, tcgMax]) {
    const { rips } = lengths(
      cpu,
      [2, 3, 15, 7, 2].map((instructionLength) => ({ ...cpuid, instructionLength })),
    );
    assert.deepEqual(
      rips,
      [2n, 5n, 20n, 27n, 29n].map((offset) => START + offset),
      cpu.name,
    );
  }
});

test("a processor that saves the next RIP needs no vmm for it; else the vmm decodes an instruction once", () => {
  const again = Array.from({ length: 20 }, () => ({ ...cpuid, rip: START }));
  // The end is the vmm's, too.
  assert.equal(asked(lengths(ryzen, again).run), 1);
  assert.equal(asked(lengths(tcgMax, again).run), 2);
});

test("an instruction that another one has taken the place of is decoded anew", () => {
  const exits = [2, 5, 5, 2, 15, 3].map((instructionLength) => ({ ...cpuid, rip: START, instructionLength }));
  const { run, rips } = lengths(tcgMax, exits);
  assert.deepEqual(
    rips,
    [2n, 5n, 5n, 2n, 15n, 3n].map((length) => START + length),
  );
  assert.equal(asked(run), 6, "one of the six was known, and one call is the end's");
});

test("an instruction that cannot be found ends the VM by name", () => {
  const run = boot({
    commandLine: "guest=count",
    cpu: tcgMax,
    scripts: [
      function* () {
        // Nothing is mapped there, so that no instruction was.
        yield { ...cpuid, rip: 0x123456789000n };
      },
    ],
  });
  assertEnd(run, "not-handled", /error: vm0: the vmm does not tell the length of the instruction at exit 0x72, CPUID/);
});
