// How fast time goes: what the processor tells, held against an 8254, and what guests are told of it.
import assert from "node:assert/strict";
import { assertEnd, assertNoLine } from "./assertions.ts";
import { cpuModel, skylake } from "./machine/cpu-model.ts";
import { listed, vmcall } from "./machine/exits.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import type { PortDevice } from "./machine/ports.ts";
import { onVmx, test } from "./vendors.ts";

/** What its CPUID tells. */
const SKYLAKE_KILOHERTZ = 3_500_000;
const TIMER_PERIOD = 4 << 20;
const UNKNOWN = /warning: neither CPUID nor an 8254 tells how fast time goes; guests are told 1 GHz/;

/** Boots, and tells the kHz that the vmm is told. */
function kilohertz(options: MachineOptions): { run: Run; told: number } {
  let told = 0;
  const run = boot({
    commandLine: "guest=count",
    scripts: [listed(vmcall)],
    answer: (page) => {
      told = Number(page.get("tscKilohertz"));
      return null;
    },
    ...options,
  });
  assertEnd(run, "ok");
  return { run, told };
}

const isMeasured = (told: number, real: number): boolean => Math.abs(told - real) <= 1;

onVmx("what CPUID tells is taken where the 8254 agrees to 1 in 64, as it is more exact", () => {
  for (const real of [3_500_000n, 3_490_000n, 3_510_000n, 3_450_000n, 3_550_000n]) {
    const { run, told } = kilohertz({ tscKilohertz: real });
    assert.equal(told, SKYLAKE_KILOHERTZ, String(real));
    assertNoLine(run, /warning/);
  }
});

onVmx("a CPUID that lies, as an emulator's does of its host's model, is not believed", () => {
  for (const real of [10_000n, 1_000_000n, 3_400_000n, 3_600_000n, 7_000_000n]) {
    const { run, told } = kilohertz({ tscKilohertz: real });
    assert.ok(isMeasured(told, Number(real)), `${real}: ${told}`);
    assertNoLine(run, /warning/);
  }
});

test("where CPUID tells nothing the 8254 is believed", () => {
  for (const real of [50_000n, 2_000_000n, 5_200_000n]) {
    const { run, told } = kilohertz({ cpu: cpuModel("corei7_sandy_bridge_2600k"), tscKilohertz: real });
    assert.ok(isMeasured(told, Number(real)), `${real}: ${told}`);
    assertNoLine(run, /warning/);
  }
});

onVmx("without an 8254 what CPUID tells is taken, and where that is nothing, 1 GHz with a warning", () => {
  const trusting = kilohertz({ hasPit: false, tscKilohertz: 123_000n });
  assert.equal(trusting.told, SKYLAKE_KILOHERTZ);
  assertNoLine(trusting.run, /warning/);
  const blind = kilohertz({ hasPit: false, cpu: cpuModel("corei7_sandy_bridge_2600k") });
  assert.equal(blind.told, 1_000_000);
  assert.ok(blind.run.lines.some((line) => UNKNOWN.test(line)));
});

onVmx("an 8254 that stands still, or whose count jumps about, is none, and holds nothing up", () => {
  const still: PortDevice = { read: () => 0x12, write: () => undefined };
  let reads = 0;
  const jumping: PortDevice = { read: () => (reads++ * 0x5b) & 0xff, write: () => undefined };
  for (const pit of [still, jumping]) {
    const { told } = kilohertz({
      cpu: skylake,
      tscKilohertz: 1_000_000n,
      prepare: ({ ports }) => {
        ports.attach(0x40, 4, pit);
      },
    });
    assert.equal(told, SKYLAKE_KILOHERTZ);
  }
});

test("the speaker stays silent, port 0x61 is as firmware left it, and the timer counts its period again", () => {
  const written: number[] = [];
  let portB = 0x33;
  const { run } = kilohertz({
    prepare: ({ ports }) =>
      ports.attach(0x61, 1, {
        read: () => portB,
        write: (_offset, _bytes, value) => {
          portB = value;
          written.push(value);
        },
      }),
  });
  // Bits 7:4 cannot be written; bit 0 is the gate, bit 1 the speaker.
  assert.deepEqual(written, [0x1, 0x3]);
  const { counts } = run.machine.clock;
  const measuring = counts.findIndex(({ count }) => count === 0xffffffff);
  assert.ok(measuring >= 0, "it does not begin anew meanwhile");
  assert.equal(counts[measuring + 1]?.count, TIMER_PERIOD);
});
