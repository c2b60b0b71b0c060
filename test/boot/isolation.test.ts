// What a VM does to itself stays its own: others keep their memory and their time, and all CPUs stop where Basalt itself fails.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import type { Vm } from "../../tools/vms/vm.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { makeKernel } from "./support/kernels.ts";

/** Counts of the host's timer between two ticks of it: in Bochs as many instructions. */
const SLICE = 4 << 20;
/** In Bochs 2.7 a guest that masks interrupts goes on until the VMX-preemption timer has expired: 1 << 23 ticks. */
const SLICES_OF_MASKED = 2;
/** Ticks that telling of a VM's end takes: some 1,500 letters through COM1, at 870 ticks each. */
const REPORT = 1_500_000;

const kernels: Record<string, string> = {};
before(async () => {
  for (const name of ["witness", "storm", "triple-fault", "masked", "work"]) {
    kernels[name] = await makeKernel(name, 32, 0x100000);
  }
});

/** Two witnesses among VMs that loop, storm, shut down, or have a vmm that traps: half of them on each of two CPUs. */
function troubledVms(): Vm[] {
  const kernel = (name: string, file: string, cpu: number, more: Partial<Vm> = {}): Vm => ({
    ...{ name, kernel: kernels[file]!, memory: "16M", cpu },
    ...more,
  });
  const limit = { ticks: 16_000_000 };
  return [
    kernel("left", "witness", 0, { commandLine: "left" }),
    kernel("right", "witness", 1, { commandLine: "right" }),
    kernel("shut", "triple-fault", 0),
    kernel("storm", "storm", 0, limit),
    { name: "loop", guest: "loop", memory: "16M", cpu: 1, ...limit },
    kernel("masked", "masked", 1, limit),
    { name: "trap", guest: "fault-unreachable", memory: "16M", cpu: 1 },
    { name: "bounds", guest: "fault-bounds", memory: "16M", cpu: 0 },
  ];
}

const ends: Readonly<Record<string, string>> = {
  left: "ok",
  right: "ok",
  shut: "triple-fault",
  storm: "time-limit",
  loop: "time-limit",
  masked: "time-limit",
  trap: "vmm-stopped",
  bounds: "vmm-stopped",
};

function assertEnds(run: RunResult, expected: Readonly<Record<string, string>>): void {
  for (const [vm, result] of Object.entries(expected)) onlyLine(run, new RegExp(`^basalt: ${vm}: ended: ${result}, `));
}

/** The longest time that a witness did not run, in ticks; fails where its memory has changed. */
function longestGap(run: RunResult, witness: string): number {
  const told = onlyLine(run, new RegExp(`^basalt: ${witness}: memory as it was, longest gap [0-9a-f]{8}$`));
  return parseInt(told.slice(-8), 16);
}

describe("beside VMs that fault three times, loop, storm, mask interrupts, and trap their vmm", () => {
  test("witnesses in Bochs keep their memory, and run at least once in a slice for each VM of their CPU", async () => {
    const vms = troubledVms();
    const run = await boot("bochs", "", { processors: 2, vms });
    assertEnded(run, "43 triple-fault", "guest");
    assertEnds(run, ends);
    for (const witness of ["left", "right"]) {
      const { cpu } = vms.find(({ name }) => name === witness)!;
      const beside = vms.filter((vm) => vm.cpu === cpu);
      const slices = beside.length + (beside.some(({ name }) => name === "masked") ? SLICES_OF_MASKED - 1 : 0);
      const gap = longestGap(run, witness);
      assert.ok(gap > SLICE / 2, `${witness}: others ran beside it, and it missed ${gap} ticks only`);
      const bound = slices * SLICE + (beside.length - 1) * REPORT;
      assert.ok(gap < bound, `${witness} did not run for ${gap} ticks, more than ${bound}`);
    }
  });

  test("witnesses on four CPUs of TCG keep their memory, with sixteen VMs at once", async () => {
    const twice = [0, 2].flatMap((first) =>
      troubledVms().map((vm) => ({ ...vm, name: `${vm.name}-${first}`, cpu: Number(vm.cpu) + first })),
    );
    const run = await boot("tcg", "", { processors: 4, vms: twice });
    assertEnded(run, "43 triple-fault", "guest");
    for (const first of [0, 2]) {
      assertEnds(run, Object.fromEntries(Object.entries(ends).map(([vm, result]) => [`${vm}-${first}`, result])));
      for (const witness of ["left", "right"]) longestGap(run, `${witness}-${first}`);
    }
  });
});

test("two VMs of one CPU with weights 10 and 30 have a quarter and three quarters of it", async () => {
  const work = { kernel: kernels.work!, memory: "16M", cpu: 0 };
  const vms = [
    { ...work, name: "light", weight: 10 },
    { ...work, name: "heavy", weight: 30 },
  ];
  const run = await boot("bochs", "", { vms });
  assertEnded(run, "0 ok", "ok");
  const [light = 0, heavy = 0] = ["light", "heavy"].map((name) =>
    parseInt(onlyLine(run, new RegExp(`^basalt: ${name}: done, ticks [0-9a-f]{8}$`)).slice(-8), 16),
  );
  // As much work each: it takes 4/3 of that time with three quarters, and both are done after twice that time.
  const measured = heavy / (light / 2);
  assert.ok(Math.abs(measured / (4 / 3) - 1) < 0.05, `${heavy} of ${light} ticks: ${measured}, not 1.333`);
});

describe("a CPU that panics stops all others, each with a guest that runs for ever, and there is one report", () => {
  for (const [on, media] of [
    ["bochs", "iso"],
    ["tcg", "kernel"],
  ] as const) {
    test(on, async () => {
      // The VMs of CPU 1 end, and then it is to panic.
      const append = "guest=loop+hlt iterations=10 ticks=100000000000 fail=processor-panics";
      const run = await boot(on, append, { processors: 2, media });
      assertEnded(run, "61 assertion", "panic");
      const isPanic = (line: string): boolean => line.startsWith("basalt: panic: ");
      const first = run.lines.findIndex(isPanic);
      const sentence = /^basalt: panic: CPU 1: the boot option fail=processor-panics asks for it at hv\/core\//;
      assert.match(run.lines[first] ?? "", sentence);
      onlyLine(run, /^basalt: panic: CPU \d/);
      onlyLine(run, /^basalt: panic: from 0x[0-9a-f]{16} hv\/core\/index\/join\+/);
      // From there on nothing but the report and the result.
      assert.ok(run.lines.slice(first, -1).every(isPanic), run.lines.join("\n"));
      assert.equal(run.lines.at(-1), "basalt: result 61 assertion");
      assert.ok(!run.lines.some((line) => line.includes("vm0: ended")), "the other CPU's guest was running");
    });
  }
});

describe("VMs that come and go on all CPUs, and move between them, leave nothing behind on any:", () => {
  // Six VMs a round, on four CPUs: `rdtsc` stays where it is, the others may move.
  const guests = "guest=hlt+count+rdtsc+registers+count+hlt iterations=10";
  for (const [on, media, rounds] of [
    ["bochs", "iso", 5],
    ["tcg", "kernel", 170],
  ] as const) {
    test(`${6 * rounds} VMs on ${on}`, async () => {
      const run = await boot(on, `${guests} repeat=${rounds}`, { processors: 4, media });
      assertEnded(run, "0 ok", "ok");
      // That of another CPU would be a line of its own, and the result.
      onlyLine(run, new RegExp(`^basalt: ${rounds} rounds left nothing behind: `));
      const ended = run.lines.filter((line) => /^basalt: vm\d: ended: ok, /.test(line));
      assert.equal(ended.length, 6 * rounds);
    });
  }
});
