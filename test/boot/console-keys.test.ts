// The keys behind Ctrl-A at the serial line: consoles of VMs on two CPUs, which are listed, shown, paused, resumed and killed.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import type { Vm } from "../../tools/vms/vm.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { Typist, type TypingStep } from "./support/typist.ts";

const CTRL_A = "\x01";

/** Two that end only if somebody ends them, and behind them what the first one's CPU does. */
const vms: readonly Vm[] = [
  { name: "near", guest: "loop", cpu: 0 },
  { name: "far", guest: "loop", cpu: 1 },
  { name: "third", guest: "loop", cpu: 0 },
];

const steps: readonly TypingStep[] = [
  [[/^basalt: third: loaded guest loop$/, /^basalt: far: loaded guest loop$/], `${CTRL_A}h`],
  [[/^basalt: console: Ctrl-A Ctrl-A is /], "x"],
  [[/^basalt: console: what is typed is for the VM whose console is shown/], `${CTRL_A}n`],
  [[/^basalt: console: near's console is shown/], `${CTRL_A}n`],
  [[/^basalt: console: far's console is shown/], `${CTRL_A}s`],
  [[/^basalt: console: far is paused/], `${CTRL_A}l`],
  [[/^basalt: console: third: CPU 0, guest loop, runs/], `${CTRL_A}r`],
  [[/^basalt: console: far is resumed$/], `${CTRL_A}l`],
  [[/^basalt: console: third: CPU 0, guest loop, runs/], `${CTRL_A}k`],
  [[/^basalt: console: far has ended: all VMs are shown$/], `${CTRL_A}n`],
  [[/^basalt: console: near's console is shown/], `${CTRL_A}k`],
  [[/^basalt: console: near has ended: all VMs are shown$/], `${CTRL_A}p`],
  [[/^basalt: console: third's console is shown/], `${CTRL_A}s`],
  [[/^basalt: console: third is paused/], `${CTRL_A}k`],
];

for (const [on, cpu] of [
  ["bochs", undefined],
  ["tcg", undefined],
] as const) {
  describe(on, () => {
    let run: RunResult;
    const typist = new Typist(steps);
    before(async () => {
      const { onSerial, onLine } = typist;
      run = await boot(on, "ticks=999999999999", { cpu, vms, processors: 2, onSerial, onLine });
    });

    test("each key is answered, and the run ends as killed", () => {
      assertEnded(run, "55 killed", "guest");
      typist.assertDone();
    });

    test("a VM on another CPU is paused, resumed and killed by mail", () => {
      const states = run.lines.flatMap((line) => {
        return /^basalt: console: far: CPU 1, guest loop, (\w+), ran \d+ ticks, shown$/.exec(line)?.[1] ?? [];
      });
      assert.deepEqual(states, ["paused", "runs"]);
      onlyLine(run, /^basalt: far: ended from outside$/);
      onlyLine(run, /^basalt: far: ended: killed, /);
    });

    test("a VM that is paused can be killed", () => {
      onlyLine(run, /^basalt: third: ended: killed, /);
    });
  });
}
