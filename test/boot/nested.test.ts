// Runs every guest, refusals and a panic under QEMU with KVM and nested VMX: in a Linux that Bochs boots, and on this
// machine's own KVM where that has VMX.
import assert from "node:assert/strict";
import { before, describe, test, type TestContext } from "node:test";
import { judgeMeasure, nested } from "../../tools/bench/measures.ts";
import { nestedRoundTrip, nestedRoundTripRuns } from "../../tools/bench/nested-round-trip.ts";
import { probeKvm } from "../../tools/emulators/kvm-probe.ts";
import { runNested } from "../../tools/emulators/nested/nested.ts";
import { runOn, type RunOptions, type RunResult } from "../../tools/emulators/run.ts";
import type { ExitName } from "../../tools/exit-codes.ts";
import { cpuModel } from "../unit/core/machine/cpu-model.ts";
import { boot as simulate } from "../unit/core/machine/machine.ts";
import { assertEnded, onlyLine } from "./support/boot.ts";
import { guestBoots, ITERATIONS } from "./support/guest-list.ts";
import { assertTopic, topicBoots } from "./support/topic-boots.ts";
import { makeKernel } from "./support/kernels.ts";

/** One run: how it is started, how it has to end, and what else has to hold. */
interface Row {
  readonly what: string;
  readonly options: RunOptions;
  readonly result: string;
  readonly exit: ExitName;
  readonly holds?: (run: RunResult) => void;
}

function refusalRow(what: string, cpu: string, result: string, sentence: RegExp): Row {
  return {
    what,
    options: { cpu, media: "kernel" },
    result,
    exit: "refused",
    holds: (run) => void onlyLine(run, new RegExp(`^basalt: error: ${sentence.source}`)),
  };
}

const rows: readonly Row[] = [
  ...guestBoots("intel").map(({ guests, append, result, exit, holds }): Row => {
    const options: RunOptions = { append, media: "kernel" };
    return { what: `the guests ${guests.join(", ")}, each in a VM of its own,`, options, result, exit, holds };
  }),
  {
    what: "a guest that loops for ever, beside a healthy one,",
    options: { append: `guest=loop+count iterations=${ITERATIONS}`, media: "kernel" },
    result: "54 time-limit",
    exit: "guest",
    holds: (run) => void onlyLine(run, /^basalt: vm1: ended: ok, /),
  },
  {
    what: "a vmm that loops for ever, beside a healthy VM,",
    options: { append: `guest=fault-loop+count iterations=${ITERATIONS}`, media: "kernel" },
    result: "50 vmm-stopped",
    exit: "guest",
    holds: (run) => void onlyLine(run, /^basalt: vm1: ended: ok, /),
  },
  {
    what: "`qemu-system-x86_64 -machine q35,accel=kvm -cpu host -cdrom build/basalt.iso`, as people start it,",
    // 128 MiB are QEMU's default.
    options: { append: `iterations=${ITERATIONS}`, devices: "default", memory: 128 },
    result: "0 ok",
    exit: "ok",
    holds: (run) => void onlyLine(run, new RegExp(`^basalt: vm0: exit 12 HLT: ${ITERATIONS} exits, `)),
  },
  {
    what: "a kernel that is a boot module",
    options: { kernel: { path: await makeKernel("multiboot1", 32, 0x100000), append: "words", memory: 64 } },
    result: "53 guest-exit",
    exit: "guestValue",
    holds: (run) => void onlyLine(run, /^basalt: vm0: command line: multiboot1\.elf words$/),
  },
  {
    what: "a CPU without VPID",
    options: { cpu: "host,vmx-vpid=off", append: `guest=count iterations=${ITERATIONS}`, media: "kernel" },
    result: "0 ok",
    exit: "ok",
  },
  refusalRow("a CPU without VMX", "host,vmx=off", "21 no-vmx", /no VMX: CPUID\.1:ECX\[5\] is 0 /),
  refusalRow("a CPU without EPT", "host,vmx-ept=off", "28 no-ept", /secondary controls: Basalt needs "Enable EPT"/),
  refusalRow(
    "a CPU without unrestricted guest",
    "host,vmx-unrestricted-guest=off",
    "29 no-unrestricted-guest",
    /secondary controls: Basalt needs "Unrestricted guest"/,
  ),
  refusalRow("a CPU without execute-disable", "host,nx=off", "11 no-nx", /this CPU has no execute-disable /),
  {
    what: "a failure of Basalt's own",
    options: { append: "fail=exception", media: "kernel" },
    result: "60 host-exception",
    exit: "panic",
    holds: (run) => void onlyLine(run, /^basalt: panic: #GP general protection, vector 13/),
  },
];

/** The test guests, whose differences test/guests/deviations.ts names. */
const topicRows = topicBoots("basalt nested");

const vmxScript: RunOptions = { append: "vmx-script", media: "kernel" };

/** The steps of `vmx-script` that end otherwise than the SDM says, by KVM's doing or by that of Bochs below it. */
const deviations: Readonly<Record<string, string>> = {
  "guest GS with reserved bit 8": "KVM drops reserved bits of access rights at VMWRITE",
  "activity state HLT, MOV SS blocks": "KVM enters",
  "guest SS with DPL 3": "Bochs, as without KVM: see vmx-script.test.ts",
  "guest RIP with bit 48": "Bochs",
  "NMI injected, NMI blocks": "Bochs",
  "BS without TF, MOV SS blocks": "Bochs",
};

/** The steps of the script and how they ended; Bochs leaves bit 0 of the qualification out (vmx-script.test.ts). */
function scriptOf(lines: readonly string[]): string[] {
  const steps = lines.filter((line) => line.startsWith("basalt: script "));
  return steps.map((line) =>
    line.replace("EPT violation, exit qualification 0x83", "EPT violation, exit qualification 0x82"),
  );
}

const topicRuns = topicRows.map(({ options }) => options);
const runs: readonly RunOptions[] = [
  ...rows.map(({ options }) => options),
  ...topicRuns,
  ...nestedRoundTripRuns,
  vmxScript,
];

/** A boot of Linux takes half a minute of one CPU, each run in it about five seconds. */
const limits = { timeoutSeconds: 900, innerSeconds: 3 };

const probe = await probeKvm();
const hasVmx = probe.works && probe.vendor === "intel";
const places = [
  { name: "nested KVM in Bochs", skip: false, bar: nested.bar, runAll: () => runNested(runs, limits) },
  {
    name: "this machine's own KVM",
    skip: hasVmx ? false : `KVM with VMX does not work here: ${probe.detail.split("\n")[0]}`,
    // Its ticks are no instructions.
    bar: null,
    runAll: async () => {
      const results: RunResult[] = [];
      for (const options of runs) results.push(await runOn("kvm", options));
      return results;
    },
  },
] as const;

for (const { name, skip, bar, runAll } of places) {
  describe(`under ${name}`, { skip }, () => {
    const unknown = bar === null ? "where this machine's KVM and CPU deviate is not known" : false;
    let results: readonly RunResult[];
    before(async () => {
      results = await runAll();
    });

    for (const [n, { what, result, exit, holds }] of rows.entries()) {
      test(`${what} ends with result ${result}`, (t) => {
        const run = results[n]!;
        tellTicks(t, run);
        assertEnded(run, result, exit);
        holds?.(run);
      });
    }

    for (const [n, { topics, result, exit }] of topicRows.entries()) {
      const names = topics.map(({ name }) => name).join(", ");
      test(`the test guests ${names} find what they find on a processor`, { skip: unknown }, (t) => {
        const run = results[rows.length + n]!;
        tellTicks(t, run);
        for (const [vm, topic] of topics.entries()) {
          t.diagnostic(`${topic.name}: ${assertTopic("basalt nested", run, vm, topic)}`);
        }
        assertEnded(run, result, exit);
      });
    }

    test(`${nested.name}: ${bar === null ? "is measured" : `at most ${bar} ${nested.unit}`}`, (t) => {
      const measured = judgeMeasure(
        { ...nested, bar },
        nestedRoundTrip(results.slice(rows.length + topicRuns.length, -1)),
      );
      t.diagnostic(`${measured.value} ${measured.unit}`);
      assert.ok(measured.value > 0, "nothing was measured");
      assert.ok(measured.isMet, `found ${measured.value} ${measured.unit}`);
    });

    test("every VMX instruction of the script ends as simulated, but for named deviations", { skip: unknown }, () => {
      const run = results.at(-1)!;
      assertEnded(run, "0 ok", "ok");
      const simulated = scriptOf(simulate({ commandLine: "vmx-script", cpu: cpuModel("corei7_skylake_x") }).lines);
      const found = scriptOf(run.lines);
      const isNamed = (line = ""): boolean => (/^basalt: script (.+?): VM/.exec(line)?.[1] ?? "") in deviations;
      const differing = found
        .map((line, n) => ({ found: line, simulated: simulated[n] }))
        .filter((step) => step.found !== step.simulated && !(isNamed(step.found) && isNamed(step.simulated)));
      assert.deepEqual(differing, []);
      assert.equal(found.length, simulated.length);
    });
  });
}

function tellTicks(t: TestContext, { ticks }: RunResult): void {
  if (ticks !== null) t.diagnostic(`${(ticks / 1e6).toFixed(0)} million ticks`);
}
