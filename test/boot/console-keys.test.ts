// The keys behind Ctrl-A at the serial line: consoles of VMs on two CPUs, which are listed, shown, paused, resumed and killed.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { execa } from "execa";
import { exitCodes } from "../../tools/exit-codes.ts";
import type { RunResult } from "../../tools/emulators/run.ts";
import { root } from "../../tools/paths.ts";
import type { Vm } from "../../tools/vms/vm.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { Typist, type TypingStep } from "./support/typist.ts";

const CTRL_A = "\x01";

/** Two on one CPU and one on another; none ends by itself. */
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

for (const on of ["bochs", "tcg"] as const) {
  describe(on, () => {
    let run: RunResult;
    const typist = new Typist(steps);
    before(async () => {
      const { onSerial, onLine } = typist;
      run = await boot(on, "ticks=999999999999", { vms, processors: 2, onSerial, onLine });
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

describe("basalt run --interactive", () => {
  test("sends what is typed to the machine, and Ctrl-A x ends it", async () => {
    const words = ["run", "--no-build", "--on", "tcg", "--guest", "loop", "--append", "ticks=999999999999"];
    const run = execa(process.execPath, ["tools/basalt.mjs", ...words, "--interactive"], { cwd: root, reject: false });
    for await (const line of run) {
      if (/: loaded guest loop$/.test(line)) run.stdin.write(`${CTRL_A}l`);
      if (/^basalt: console: vm0: CPU 0, guest loop, runs/.test(line)) run.stdin.write(`${CTRL_A}x`);
    }
    const { exitCode, stderr } = await run;
    assert.equal(exitCode, exitCodes.interrupted.code, stderr);
    assert.match(stderr, /Ctrl-A x ends the machine, Ctrl-A h lists the keys/);
  });

  test("is refused with what else takes the line or prints nothing until the end", async () => {
    for (const [option, sentence] of [
      [["--json"], /Leave out --interactive/],
      [["--emulate", "tool.mjs"], /--interactive and --emulate both take the serial line/],
    ] as const) {
      const words = ["tools/basalt.mjs", "run", "--no-build", "--interactive", ...option];
      const { exitCode, stderr } = await execa(process.execPath, words, { cwd: root, reject: false });
      assert.equal(exitCode, exitCodes.usage.code);
      assert.match(stderr, sentence);
    }
  });
});
