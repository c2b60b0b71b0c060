// Debian's Linux, unmodified, in a VM by VMX and by SVM: its shell is typed at, its time, interrupts, disk and power-off are held.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { execa } from "execa";
import { exitCodes } from "../../tools/exit-codes.ts";
import { bootBareLinux } from "../../tools/linux/bare-linux.ts";
import type { Linux } from "../../tools/linux/made-linux.ts";
import { makeShellLinux } from "../../tools/linux/shell-linux.ts";
import { root } from "../../tools/paths.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { answersOf, bootLinux, linuxPlaces, type LinuxRun } from "./support/linux-shell.ts";
import { allowedWarnings, unexpectedWarnings, warningsIn } from "./support/linux-warnings.ts";

/** The disk from its 100th block of 64 KiB on. */
const BLOCKS = "bs=64k count=16";

/** Typed in this order. None depends on how fast it is typed. */
const ask = "echo $((6 * 7)) is $(cat /proc/sys/kernel/ostype)";
const memory = "free -m";
const sleeps = "a=$(ticks); sleep 1; b=$(ticks); sleep 3; c=$(ticks); echo slept $((c - b - (b - a)))";
const uptimes = "cut -d' ' -f1 /proc/uptime; sleep 1; cut -d' ' -f1 /proc/uptime";
const make = `dd if=/dev/urandom of=/tmp/a ${BLOCKS}; md5sum /tmp/a`;
const write = `dd if=/tmp/a of=/dev/vda seek=100 conv=fsync ${BLOCKS}`;
const read = `echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vda skip=100 ${BLOCKS} | md5sum; md5sum /dev/vda`;
const random = "head -c 32 /dev/hwrng | wc -c";
const interrupts = "cat /proc/interrupts";
const warnings = "/init warnings";
const reboot = "reboot -f";
const powerOff = "poweroff -f";
const session = [
  ...[ask, memory, sleeps, uptimes, make, write, read, random, interrupts, warnings],
  ...[reboot, read, warnings, powerOff],
];

let linux: Linux;
before(async () => {
  linux = await makeShellLinux();
});

for (const on of ["bochs", "tcg"] as const) {
  describe(`Debian's Linux in a VM of 128 MiB, ${on}`, () => {
    let run: LinuxRun;
    let slept: string;
    before(async () => {
      run = await bootLinux(on, linux, session, { memory: 128 });
      if (on === "bochs") slept = onlyAnswer(run, sleeps);
      // Only a QEMU that counts instructions keeps time apart from its host's.
      else
        slept = (await bootLinux(on, linux, [], { memory: 128, words: "basalt.sleep", countsInstructions: true }))
          .bootLog;
    });

    test("reaches the prompt of a shell, is typed at and answers", (t) => {
      t.diagnostic(`${run.seconds.toFixed(1)} s`);
      assert.match(run.bootLog, /^basalt-test: ready$/m);
      assert.match(onlyAnswer(run, ask), /^42 is Linux$/m);
    });

    test("has its RAM", () => {
      const mebibytes = numberIn(onlyAnswer(run, memory), /^Mem: +(\d+)/m);
      assert.ok(mebibytes > 80 && mebibytes < 128, `${mebibytes} MiB`);
    });

    test("sleeps for a second of the machine's time, within 1 %", (t) => {
      const { ticksPerSecond } = linuxPlaces[on];
      // The shell's own time is in both, and so in no difference.
      const seconds = numberIn(slept, /^(?:basalt-test: )?slept (-?\d+)$/m) / ticksPerSecond;
      t.diagnostic(`sleep 3 took ${seconds.toFixed(4)} s more than sleep 1`);
      assert.ok(Math.abs(seconds - 2) <= 0.02, `${seconds} s`);
    });

    test("sees a second pass by its own clock", () => {
      const [first = NaN, second = NaN] = [...onlyAnswer(run, uptimes).matchAll(/^\d+\.\d\d$/gm)].map(Number);
      // The shell takes some more to start its programs, and QEMU's time is the host's.
      assert.ok(second - first >= 1 && second - first < (on === "bochs" ? 1.5 : 5), `${first} s, then ${second} s`);
    });

    test("counts interrupts of timer, UART, disk and random numbers", () => {
      const answer = onlyAnswer(run, interrupts);
      const counts = new Map(
        [...answer.matchAll(/^ *(\w+): +(\d+)(?: .*?([\w.-]+))?$/gm)].flatMap(([, name, count, device]) => {
          return [name!, device ?? name!].map((key) => [key, Number(count)] as const);
        }),
      );
      for (const [key, least] of [
        ["LOC", 100],
        ["ttyS0", 100],
        ["virtio2-req.0", 10],
        ["virtio1-input", 1],
      ] as const) {
        assert.ok((counts.get(key) ?? 0) >= least, `${key}: ${counts.get(key)} of at least ${least} in:\n${answer}`);
      }
      assert.deepEqual([counts.get("ERR"), counts.get("SPU")], [0, 0], answer);
      assert.match(onlyAnswer(run, random), /^32$/m);
    });

    test("reads from the disk what it wrote, before a reboot and after it", () => {
      const made = /^([0-9a-f]{32}) {2}\/tmp\/a$/m.exec(onlyAnswer(run, make))?.[1];
      const [written, after] = answersOf(run, read).map((answer) => answer.match(/^[0-9a-f]{32}(?= {2}\S+$)/gm));
      assert.ok(made !== undefined, "nothing was made");
      assert.equal(written?.[0], made);
      assert.equal(written?.length, 2);
      assert.deepEqual(after, written);
    });

    test("reboots to the same prompt", () => {
      const answer = onlyAnswer(run, reboot);
      assert.match(answer, /^\[[ \d.]+\] reboot: Restarting system$/m);
      assert.match(answer, /^\[ +0\.0+\] Linux version /m);
      assert.match(answer, /^basalt-test: ready$/m);
    });

    test("powers off by ACPI, which is the result ok", () => {
      assertEnded(run, "0 ok", "ok");
      assert.match(onlyAnswer(run, powerOff), /^\[[ \d.]+\] reboot: Power down$/m);
    });

    test("warns of nothing that the bare emulator does not give it reason for", async (t) => {
      const words = `${linuxPlaces[on].words} basalt.warnings basalt.bench`;
      const { text: bare } = await bootBareLinux(on, linux, words, 512);
      assert.match(bare, /^basalt-test: ready\r?$/m);
      const found = answersOf(run, warnings).flatMap(warningsIn);
      t.diagnostic(`${found.length} warnings in two boots, ${warningsIn(bare).length} in one on the bare emulator`);
      assert.deepEqual(unexpectedWarnings(on, found, warningsIn(bare)), []);
      for (const { on: places, line, reason } of allowedWarnings) {
        if (places.includes(on))
          assert.ok(
            found.some((text) => line.test(text)),
            `not warned any more: ${reason}`,
          );
      }
    });

    test("leaves its boot log in the run's folder", async () => {
      const kept = await readFile(join(run.directory, "serial.txt"), "utf8");
      assert.equal(kept.match(/Linux version /g)?.length, 2);
    });
  });
}

test("Linux reaches its prompt in a VM of 3 GiB, the most that a VM can have", async () => {
  const run = await bootLinux("tcg", linux, [memory, powerOff], { memory: 3072, words: "quiet" });
  const mebibytes = numberIn(onlyAnswer(run, memory), /^Mem: +(\d+)/m);
  assert.ok(mebibytes > 2900 && mebibytes < 3072, `${mebibytes} MiB`);
  assertEnded(run, "0 ok", "ok");
});

describe("more than 3 GiB", () => {
  for (const size of ["3073M", "3074M", "4G"]) {
    test(`as ${size} is refused by the tool, which names the limit`, async () => {
      const words = ["run", "--no-build", "--on", "tcg", "--kernel", linux.kernel, "--memory", size];
      const run = await execa(process.execPath, ["tools/basalt.mjs", ...words], { cwd: root, reject: false });
      assert.equal(run.exitCode, exitCodes.usage.code);
      assert.match(run.stderr, /from 2M to 3072M/);
    });
  }

  test("is refused by Basalt itself, which names the limit", async () => {
    const run = await boot("tcg", "guest=hlt memory=3073M");
    onlyLine(run, /^basalt: error: .*memory=3073M.*: expected an even number of MiB from 2M to 3072M/);
  });
});

function onlyAnswer(run: LinuxRun, command: string): string {
  const answers = answersOf(run, command);
  assert.equal(answers.length, 1);
  return answers[0]!;
}

/** The number that `pattern` captures. */
function numberIn(text: string, pattern: RegExp): number {
  const [, digits] = pattern.exec(text) ?? [];
  assert.ok(digits !== undefined, `nothing matches ${String(pattern)} in:\n${text}`);
  return Number(digits);
}
