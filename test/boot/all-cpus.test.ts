// All CPUs of a machine work: each is started, virtualizes, runs the VMs whose home it is, and is missed by name where it fails.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunOptions, RunResult } from "../../tools/emulators/run.ts";
import type { Vm } from "../../tools/vms/vm.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";

/** Ticks that starting three more CPUs, with a copy of core for each, may take. */
const MOST_TICKS = 30_000_000;
const MADE_ALIKE = "Basalt needs CPUs that are alike";

/** TCG has a host's thread for each CPU, as long as it does not count instructions. */
const places = [
  { name: "by VMX in Bochs", on: "bochs", media: undefined, sizes: [2, 4], on1: "VMX operation is" },
  { name: "by SVM in QEMU's TCG", on: "tcg", media: "kernel", sizes: [2, 4, 8], on1: "SVM is" },
] as const;

/** The line that Basalt says once all have started; none on a single CPU. */
function assertWorking(run: RunResult, working: number, found: number): void {
  onlyLine(run, new RegExp(`^basalt: ${working} of ${found} CPUs work$`));
}

/** Groups of VMs by their CPU, as the VMs' announcements have it. */
function cpusOf(run: RunResult): Record<string, number> {
  const announced = run.lines.map((line) => /^basalt: ([a-z][a-z0-9-]*): .*, on CPU (\d+)$/.exec(line));
  return Object.fromEntries(announced.flatMap((match) => (match ? [[match[1]!, Number(match[2])]] : [])));
}

for (const { name, on, media, sizes, on1 } of places) {
  describe(name, () => {
    const start = (append: string, options: RunOptions = {}): Promise<RunResult> =>
      boot(on, append, { media, ...options });

    for (const processors of sizes) {
      test(`all of ${processors} CPUs virtualize, run a VM each, and stop`, async () => {
        const guests = Array.from({ length: processors }, () => "hlt").join("+");
        const run = await start(`guest=${guests} iterations=10 loglevel=debug`, { processors });
        assertEnded(run, "0 ok", "ok");
        assertWorking(run, processors, processors);
        for (let cpu = 1; cpu < processors; cpu++) {
          onlyLine(run, new RegExp(`^basalt: CPU ${cpu}: ${on1} on$`));
          onlyLine(run, new RegExp(`^basalt: CPU ${cpu}: ${on1} off$`));
        }
        const expected = Object.fromEntries(Array.from({ length: processors }, (_, n) => [`vm${n}`, n]));
        assert.deepEqual(cpusOf(run), expected);
        for (let vm = 0; vm < processors; vm++) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
      });
    }

    test("cpus=2 leaves two of four alone, and VMs share the others", async () => {
      const run = await start("guest=hlt+hlt+hlt iterations=10 cpus=2", { processors: 4 });
      assertEnded(run, "0 ok", "ok");
      assertWorking(run, 2, 4);
      assert.deepEqual(cpusOf(run), { vm0: 0, vm1: 1, vm2: 0 });
    });

    test("cpus=1 starts none", async () => {
      const run = await start("guest=hlt+hlt iterations=10 cpus=1 loglevel=debug", { processors: 4 });
      assertEnded(run, "0 ok", "ok");
      assert.ok(!run.lines.some((line) => /CPUs work|on CPU|: CPU [1-9]/.test(line)), run.lines.join("\n"));
    });

    test("a CPU that does not come ends the run by its APIC ID", async () => {
      const run = await start("guest=hlt fail=processor-silent", { processors: 4 });
      assertEnded(run, "17 processor-not-started", "refused");
      onlyLine(
        run,
        /^basalt: error: CPU 1, with APIC ID 0x1, does not start: processor-not-started; the boot option cpus=available/,
      );
    });

    test("with cpus=available those that do not come are left out, and their VMs run on those that work", async () => {
      const run = await start("guest=hlt+hlt+hlt iterations=10 fail=processor-silent cpus=available", {
        processors: 3,
      });
      assertEnded(run, "0 ok", "ok");
      assertWorking(run, 1, 3);
      for (const cpu of [1, 2]) {
        const sentence = `CPU ${cpu}, with APIC ID 0x${cpu}, does not start: processor-not-started; it is left out`;
        onlyLine(run, new RegExp(`^basalt: warning: ${sentence}$`));
      }
      for (const vm of [0, 1, 2]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
    });

    test("a CPU that is not like the first one ends the run, and the difference is named", async () => {
      const run = await start("guest=hlt fail=processor-differs", { processors: 2 });
      assertEnded(run, "16 processors-differ", "refused");
      const told = onlyLine(run, /^basalt: error: CPU 1: CPUID\./);
      const [, here, there] =
        /CPUID\.0x0\.0:EBX is (0x[0-9a-f]{8}) here and (0x[0-9a-f]{8}) on CPU 0; /.exec(told) ?? [];
      assert.equal(Number(here) ^ Number(there), 1, told);
      assert.ok(told.endsWith(MADE_ALIKE), told);
      onlyLine(run, /^basalt: error: CPU 1, with APIC ID 0x1, does not start: processors-differ; /);
    });

    test("with cpus=available one that differs is left out", async () => {
      const run = await start("guest=hlt iterations=10 fail=processor-differs cpus=available", { processors: 2 });
      assertEnded(run, "0 ok", "ok");
      assertWorking(run, 1, 2);
      onlyLine(run, /^basalt: warning: CPU 1, with APIC ID 0x1, does not start: processors-differ; it is left out$/);
    });

    describe("VMs of a vm.json", () => {
      const vm = (name: string, cpu: number | "any"): Vm => ({ name, guest: "count", cpu, iterations: 10 });

      test("run on the CPUs that they name; any is the one with the least weight", async () => {
        const vms = [vm("last", 3), vm("one", "any"), vm("first", 0), vm("third", 2), vm("fourth", 3)];
        const run = await start("", { processors: 4, vms, media: "iso" });
        assertEnded(run, "0 ok", "ok");
        assert.deepEqual(cpusOf(run), { last: 3, one: 1, first: 0, third: 2, fourth: 3 });
      });

      test("whose CPU the machine has not are refused by a sentence, before any VM is made", async () => {
        const run = await start("", { processors: 2, vms: [vm("here", 1), vm("nowhere", 2)], media: "iso" });
        assertEnded(run, "14 bad-option", "refused");
        onlyLine(
          run,
          /^basalt: error: nowhere: its home is CPU 2, which does not work; expected any, or one that does: 2 do$/,
        );
        assert.ok(!run.lines.some((line) => line.startsWith("basalt: here: ")));
      });
    });
  });
}

test("starting three more CPUs in Bochs takes less than 30 million ticks", async () => {
  const ticks = [];
  for (const processors of [1, 4]) {
    const run = await boot("bochs", "guest=hlt iterations=10 quiet cpus=all", { processors });
    assertEnded(run, "0 ok", "ok");
    ticks.push(run.ticks!);
  }
  const [alone = 0, four = Infinity] = ticks;
  assert.ok(four - alone < MOST_TICKS, `${four - alone} ticks beyond the ${alone} of one CPU`);
});

test("a machine whose memory does not suffice for what each CPU has of its own is refused by the CPU and the figure", async () => {
  const run = await boot("tcg", "guest=hlt", { processors: 32, memory: 48, media: "kernel" });
  assertEnded(run, "15 too-little-memory", "refused");
  onlyLine(
    run,
    /^basalt: error: too little memory below 4 GiB for CPU \d+: each takes \d+ MiB in one piece; limit them by cpus=N$/,
  );
});

test("that machine's first CPUs work with cpus=2", async () => {
  const run = await boot("tcg", "guest=hlt iterations=10 cpus=2", { processors: 32, memory: 48, media: "kernel" });
  assertEnded(run, "0 ok", "ok");
  assertWorking(run, 2, 32);
});

test("both CPUs of a UEFI machine virtualize", async () => {
  const run = await boot("tcg", "guest=hlt+hlt iterations=10", { processors: 2, firmware: "uefi" });
  assertEnded(run, "0 ok", "ok");
  assertWorking(run, 2, 2);
  assert.deepEqual(cpusOf(run), { vm0: 0, vm1: 1 });
});

test("guests that mirror the host run on any CPU, by what that CPU has of the image", async () => {
  for (const [on, media] of [
    ["bochs", "iso"],
    ["tcg", "kernel"],
  ] as const) {
    const run = await boot(on, "guest=hlt+mirror+rdtsc+mirror iterations=10", { processors: 3, media });
    assertEnded(run, "0 ok", "ok");
    assert.deepEqual(cpusOf(run), { vm0: 0, vm1: 1, vm2: 2, vm3: 0 });
    for (const vm of [0, 1, 2, 3]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
  }
});
