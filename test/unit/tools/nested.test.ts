// Holds how a boot of Linux with several runs is told apart into runs, what --on nested refuses, and what it needs.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { execa } from "execa";
import { judgeInnerRun, planInnerRun, type OuterEnd } from "../../../tools/emulators/nested/inner.ts";
import { removeOthers } from "../../../tools/linux/keep.ts";
import { placeModules } from "../../../tools/linux/modules.ts";
import { unpackPackages, wantedPackages } from "../../../tools/linux/packages.ts";
import { runNested } from "../../../tools/emulators/nested/nested.ts";
import { failedEntryChecks, Report, ticksAtEnd } from "../../../tools/emulators/nested/report.ts";
import { exitCodes } from "../../../tools/exit-codes.ts";
import { unlessInterrupted } from "../../../tools/interrupt.ts";

const neverAborts = new AbortController().signal;

/** The report of `count` runs after `lines`, and what was told live: the number of a run that begins, or its line. */
function reportOf(count: number, ...lines: string[]): { report: Report; live: unknown[] } {
  const live: unknown[] = [];
  const report = new Report(count, { onBegin: (run) => live.push(run), onLine: (...line) => live.push(line) });
  lines.forEach((line) => report.receive(line));
  return { report, live };
}

describe("the report of a boot", () => {
  test("gives each run its lines as they come, its result and QEMU's exit status", () => {
    const { report, live } = reportOf(
      2,
      ...["nested: run 000 begins", "one", "basalt: result 0 ok", "", "nested: run 000 ended with 1"],
      ...["nested: run 001 begins", "two", "", "nested: run 001 ended with 137"],
    );
    const [first, second] = report.runs;
    assert.deepEqual([first?.lines, first?.status], [["one", "basalt: result 0 ok"], 1]);
    assert.deepEqual(first?.result, { number: 0, name: "ok", value: null });
    assert.deepEqual([second?.lines, second?.status, second?.result], [["two"], 137, null]);
    assert.deepEqual(live, [0, [0, "one"], [0, "basalt: result 0 ok"], 1, [1, "two"]]);
  });

  test("keeps a machine's empty lines, and not the one that Linux's report starts with", () => {
    const { report } = reportOf(1, "nested: run 000 begins", "a", "", "b", "", "nested: run 000 ended with 0");
    assert.deepEqual(report.runs[0]?.lines, ["a", "", "b"]);
  });

  test("that breaks off leaves the run without a status, and later ones as not begun", () => {
    const { report } = reportOf(2, "nested: run 000 begins", "a");
    assert.deepEqual(
      report.runs.map(({ hasBegun, status }) => [hasBegun, status]),
      [
        [true, null],
        [false, null],
      ],
    );
  });

  test("keeps what Linux says before a run apart from what is said about one", () => {
    const { report } = reportOf(
      1,
      ...["nested: Linux cannot load kvm-intel", "nested: run 000 begins", "nested: QEMU: no KVM"],
      "nested: run 000 ended with 1",
    );
    assert.deepEqual([report.remarks, report.runs[0]?.remarks], [["Linux cannot load kvm-intel"], ["QEMU: no KVM"]]);
  });
});

describe("from KVM's trace", () => {
  const event = (text: string): string => `KVM:  qemu-system-x86-96      [000] d..1.   ${text}`;

  test("comes the counter of the machine inside at its end: KVM's own plus the offset, modulo 2^64", () => {
    const remarks = [
      event("1000: kvm_write_tsc_offset: vcpu=0 prev=0 next=5"),
      event("1100: kvm_write_tsc_offset: vcpu=0 prev=5 next=18446744073709550616"),
      event("5000: kvm_pio: pio_write at 0xf4 size 1 count 1 val 0x0"),
      event("5600: kvm_pio: pio_write at 0x604 size 2 count 1 val 0x2000"),
    ];
    assert.equal(ticksAtEnd(remarks), 4600);
    assert.equal(ticksAtEnd(remarks.slice(0, 2)), null);
    assert.equal(ticksAtEnd([]), null);
  });

  test("come the checks by which it refused VM entries", () => {
    const remarks = [event("7: kvm_nested_vmenter_failed: CC(!cr0_valid): 0"), "QEMU: kvm_nested_vmenter_failed"];
    assert.deepEqual(failedEntryChecks(remarks), ["CC(!cr0_valid): 0"]);
  });
});

describe("a run that failed", () => {
  const outer = { directory: tmpdir(), cause: "Linux ended", remarks: [], stopped: null, limit: 600 };
  const judgeLines = async (
    lines: readonly string[],
    end: Partial<OuterEnd> = {},
  ): ReturnType<typeof judgeInnerRun> => {
    const run = await planInnerRun({ media: "kernel" }, 0, tmpdir(), 3);
    const { report } = reportOf(1, "nested: run 000 begins", ...lines);
    return judgeInnerRun(run, report.runs[0]!, { ...outer, ...end });
  };

  for (const [what, lines, end] of [
    ["and that QEMU ended", ["nested: QEMU: no KVM", "nested: run 000 ended with 1"], {}],
    ["and that Linux did not end", [], {}],
    ["at the limit of the boot", [], { stopped: "timeout" }],
  ] as const) {
    test(`${what} tells what Linux said before it`, async () => {
      const { summary } = await judgeLines(lines, { ...end, remarks: ["Linux cannot load kvm-intel"] });
      assert.match(summary, /^Before the first run: Linux cannot load kvm-intel$/m);
    });
  }

  for (const [what, remarks, expected] of [
    ["was killed at its limit is a timeout", [], ["timeout", "timeout", /^No result within 3 s of Linux's time/]],
    [
      "Linux killed for lack of memory is none",
      ["nested: Linux: [   42.1] Out of memory: Killed process 99 (qemu-system-x86)"],
      ["no-result", "panic", /without a result.* exit code 137: .*Out of memory: Killed process 99/],
    ],
  ] as const) {
    test(`because QEMU ${what}`, async () => {
      const [ended, exit, message] = expected;
      const verdict = await judgeLines(["basalt: console: COM1", ...remarks, "nested: run 000 ended with 137"]);
      assert.deepEqual([verdict.ended, verdict.exit], [ended, exit]);
      assert.match(verdict.summary, message);
    });
  }

  test("is told from one that ended well, which does not tell of Linux", async () => {
    const lines = ["basalt: result 0 ok", "nested: run 000 ended with 1"];
    const { exit, summary } = await judgeLines(lines, { remarks: ["Linux cannot load irqbypass"] });
    assert.deepEqual([exit, summary], ["ok", "Basalt ended on nested with result 0 ok."]);
  });
});

describe("--on nested refuses with exit code 1", () => {
  for (const [what, options, message] of [
    ["gdb", { debug: 1234 }, /gdb cannot reach .* --on kvm/],
    ["UEFI", { firmware: "uefi" }, /no UEFI firmware/],
    ["more memory than Bochs has for it", { memory: 4096 }, /1024 MiB at most .* not 4096/],
    ["a word of two lines", { media: "kernel", append: "a\nb" }, /line break/],
  ] as const) {
    test(what, () => assert.rejects(runNested([options]), { exit: "usage", message }));
  }
});

/** Runs `work` in a directory with these programs, which are found before all others. */
async function withPrograms(
  programs: Readonly<Record<string, string>>,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "basalt-packages-"));
  const path = process.env["PATH"];
  try {
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    process.env["PATH"] = `${directory}${delimiter}${path}`;
    await work(directory);
  } finally {
    process.env["PATH"] = path;
    await rm(directory, { recursive: true });
  }
}

test("what was made for another state of this machine goes, and what a killed process left, but no young workplace", async () => {
  const directory = await mkdtemp(join(tmpdir(), "basalt-linux-"));
  try {
    for (const name of ["wanted", "other", "making-old", "making-young"]) await mkdir(join(directory, name));
    await symlink("nowhere", join(directory, "gone"));
    await utimes(join(directory, "making-old"), 0, 0);
    await removeOthers(directory, "wanted");
    assert.deepEqual((await readdir(directory)).sort(), ["gone", "making-young", "wanted"]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

describe("the packages of Linux", () => {
  const common = { "apt-cache": "echo '  Depends: linux-image-6-cloud'", sudo: 'shift; exec "$@"' };

  test("that apt cannot download are named with what apt said and what to do, with exit code 8", () =>
    withPrograms({ ...common, "apt-get": "echo no network; exit 100" }, async (directory) => {
      await assert.rejects(unpackPackages(join(directory, "unpacked"), neverAborts), {
        exitCode: exitCodes.setup.code,
        message: /linux-image-cloud-amd64 and busybox-static.*sudo apt-get update.*\nno network$/,
      });
      assert.deepEqual(await readdir(join(directory, "unpacked/packages")), []);
    }));

  test("are named with their versions by the package lists, or not at all", async () => {
    const script = `echo "'http://host/l.deb' linux-image-6-cloud_6.1_amd64.deb 26713492 SHA256:00"
      echo "'http://host/b%2b.deb' busybox-static_1%3a1.35_amd64.deb 928188 SHA256:00"`;
    await withPrograms({ ...common, "apt-get": script }, async () => {
      assert.deepEqual(await wantedPackages(neverAborts), [
        "linux-image-6-cloud_6.1_amd64.deb",
        "busybox-static_1%3a1.35_amd64.deb",
      ]);
    });
    await withPrograms({ ...common, "apt-get": "exit 100" }, async () => {
      assert.equal(await wantedPackages(neverAborts), null);
    });
    await withPrograms({ ...common, "apt-cache": "exit 100" }, async () => {
      assert.equal(await wantedPackages(neverAborts), null);
    });
  });

  test("of a download that failed are not mixed with those of the next one", () => {
    const script = `state="$(dirname "$0")/updated"
      case $1 in
        update) touch "$state" ;;
        *) if [ -e "$state" ]; then touch linux-2.deb busybox.deb; else touch linux-1.deb; exit 100; fi ;;
      esac`;
    return withPrograms({ ...common, "apt-get": script, "dpkg-deb": "exit 0" }, async (directory) => {
      const files = await unpackPackages(join(directory, "unpacked"), neverAborts);
      assert.deepEqual(files.sort(), ["busybox.deb", "linux-2.deb"]);
    });
  });

  test("whose download is interrupted are not tried again", () => {
    const aptGet = 'echo $1 >>"$(dirname "$0")/log"; kill -USR2 $PPID; exec sleep 1000';
    return withPrograms({ ...common, "apt-get": aptGet }, async (directory) => {
      const controller = new AbortController();
      const abort = (): void => controller.abort();
      process.on("SIGUSR2", abort);
      try {
        await assert.rejects(unpackPackages(join(directory, "unpacked"), controller.signal));
      } finally {
        process.off("SIGUSR2", abort);
      }
      assert.equal(await readFile(join(directory, "log"), "utf8"), "download\n");
    });
  });
});

test("an interruption before Linux is made ends with exit code 130", () =>
  assert.rejects(runNested([{ media: "kernel" }], { signal: AbortSignal.abort() }), {
    exit: "interrupted",
    message: /^Interrupted while Linux for Bochs was being made/,
  }));

test("an interruption while Linux is made is told instead of what failed by it", async () => {
  const controller = new AbortController();
  const failing = async (): Promise<void> => {
    controller.abort();
    throw new Error("the command was cancelled");
  };
  await assert.rejects(unlessInterrupted(controller.signal, "it was made", failing), { exit: "interrupted" });
  const failed = unlessInterrupted(neverAborts, "it was made", () => Promise.reject(new Error("broken")));
  await assert.rejects(failed, { message: "broken" });
});

test("Linux gets KVM's modules as insmod takes them, whether Debian's kernel has them compressed or not", async () => {
  const directory = await mkdtemp(join(tmpdir(), "basalt-modules-"));
  try {
    const paths = ["irqbypass.ko", "kvm.ko", "kvm-intel.ko", "kvm-amd.ko"].map((name) => join(directory, name));
    for (const path of paths) await writeFile(path, `contents of ${path}`);
    await execa("xz", paths.slice(1));
    const contents = (await readdir(directory)).map((name) => join(directory, name));
    const placed = join(directory, "placed");
    await mkdir(placed);
    await placeModules(
      ["irqbypass.ko", "kvm.ko", "kvm-intel.ko"],
      (name) => contents.find((path) => name.test(path))!,
      placed,
      neverAborts,
    );
    assert.deepEqual((await readdir(placed)).sort(), ["irqbypass.ko", "kvm-intel.ko", "kvm.ko"]);
    for (const path of paths.slice(0, 3)) {
      assert.equal(await readFile(join(placed, basename(path)), "utf8"), `contents of ${path}`);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
