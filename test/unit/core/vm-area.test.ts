// What a VM has, objects, pages and RAM, goes when the VM goes: after a thousand of them, and after one that could not be made.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { elf, header1 } from "../vmm/kernel-images.ts";
import { RAM } from "./machine/boot-information.ts";
import { listed, type Exit } from "./machine/exits.ts";
import { boot, type Failure, type MachineOptions, type Run } from "./machine/machine.ts";
import { reason } from "./machine/tables.ts";
import { onVmx, test } from "./vendors.ts";

/** hv/core/vm-area.ts: what lies in an area, and how large a VM's share of its block is. */
const AREA_BYTES = 0x180000;
const OBJECT_BYTES = 0x10000;
const AREA_PAGES = (AREA_BYTES - OBJECT_BYTES) / 4096;

const KEPT =
  /basalt: \d+ rounds left nothing behind: \d+ blocks of 2 MiB are free, \d+ pages and \d+ bytes of core's heap/;

const MODULE = 0x1000000n;
const kernel = elf(32, 0x10000cn, [{ physical: 0x100000n, bytes: Buffer.concat([header1(3), Buffer.from("kernel")]) }]);
/** OUT of the value 0 to the exit port. */
const end: Exit = {
  reason: reason("EXIT_REASON_IO_INSTRUCTION"),
  instructionLength: 1,
  qualification: 0xf40003n,
  registers: { rax: 0n },
};

/** Boots `kernel` as guest `module` on a machine of 8 GiB. */
function bootModule(commandLine: string): Run {
  return boot({
    commandLine: `guest=module ${commandLine}`,
    modules: [{ start: MODULE, bytes: BigInt(kernel.length) }],
    memoryMap: [{ start: 0n, bytes: 1n << 33n, type: RAM }],
    scripts: [listed(end)],
    prepare: ({ memory }) => memory.write(MODULE, kernel),
  });
}

/** Boots with a command line that says `repeat`, and holds the end to what there was after the first round. */
function assertNothingIsLeft(options: MachineOptions): Run {
  const run = boot(options);
  const { lines, machine } = run;
  assert.equal(lines.filter((line) => KEPT.test(line)).length, 1, lines.slice(-8).join("\n"));
  assert.deepEqual([machine.areas.size, machine.vmms.mapped], [0, 0]);
  return run;
}

/** The results of all VMs that `run` tells of as ended, and what else the last lines say. */
function endings(run: Run): string[] {
  return run.lines.flatMap((line) => /vm\d+: ended: (\S+),/.exec(line)?.[1] ?? []);
}

test("1,000 VMs that end well, that fault, that mirror the host, that are refused, leave nothing behind", () => {
  const rounds = 200;
  const run = assertNothingIsLeft({
    commandLine: `guest=hlt,count+mirror,fault-unreachable,module iterations=1 memory=1G repeat=${rounds}`,
  });
  const results = endings(run);
  assert.equal(results.filter((result) => result === "ok").length, 3 * rounds);
  assert.equal(results.filter((result) => result === "vmm-stopped").length, rounds);
  assert.equal(run.lines.filter((line) => /vm4: too little memory: /.test(line)).length, rounds);
  assert.equal(run.name, "vmm-stopped", "the result is that of the first guest that is not ok");
});

test("eight VMs side by side, each with its watches, leave nothing behind", () => {
  const watches = [...Array(8).keys()].map((vm) => `watch=${vm}:200000-400000:nowrite:count`).join(" ");
  const run = assertNothingIsLeft({
    commandLine: `guest=${Array(8).fill("hlt").join("+")} iterations=2 repeat=2 ${watches}`,
  });
  assert.equal(endings(run).filter((result) => result === "ok").length, 16);
});

test("a VM that is made anew has its slot again, and its watches count from 0", () => {
  const run = assertNothingIsLeft({
    commandLine: "guest=hlt,hlt iterations=2 repeat=3 watch=1:10000-11000:nofetch:count loglevel=debug",
  });
  const counts = run.lines.flatMap((line) => /vm1: watch .*: (\d+) accesses/.exec(line)?.[1] ?? []);
  assert.equal(counts.length, 3);
  assert.equal(new Set(counts).size, 1);
  assert.deepEqual([...run.machine.vmms.mappings.keys()], [0, 1]);
});

test("the largest VM, with watches of every kind, has all of its objects in its area", () => {
  const watches = [...Array(16).keys()].map(
    (n) => `watch=0:${n + 1}00000-${n + 1}01000:noaccess:${n % 2 ? "dump" : "emulate"}`,
  );
  const run = bootModule(`memory=3G loglevel=debug doctor=strict fail=entry-state ${watches.join(" ")}`);
  assert.equal(run.name, "entry-refused-by-doctor", run.lines.slice(-9).join("\n"));
  const [, bytes = ""] = /its area is given up, with \d+ pages and (\d+) bytes/.exec(run.lines.join("\n")) ?? [];
  assert.ok(Number(bytes) > 3072 * 4 && Number(bytes) < (OBJECT_BYTES * 3) / 4, `${bytes} bytes`);
  assert.ok(!run.lines.some((line) => /had no room/.test(line)));
});

test("a watch over 600 MiB of RAM has the tables that it takes, one over 800 MiB is refused", () => {
  for (const [last, name] of [
    ["25800000", "ok"],
    ["32000000", "ept-unusable"],
  ] as const) {
    assert.equal(bootModule(`memory=1G watch=0:0-${last}:nowrite:log`).name, name);
  }
});

describe("a VM that cannot be made leaves nothing behind", () => {
  for (const service of ["coreMap", "vmmMap", "vmmInstantiate"] as const) {
    test(`where the runtime refuses ${service}, whichever time it is asked`, () => {
      let failed = 0;
      for (let call = 1; ; call++) {
        const run = assertNothingIsLeft({
          commandLine: "guest=count+hlt iterations=2 repeat=2",
          refuses: { service, call },
        });
        if (run.name === "ok") break;
        assert.equal(endings(run).filter((result) => result === "ok").length, 3, run.lines.join("\n"));
        failed++;
      }
      // Two VMs a round; a failure in the second round is a leak of one against the first.
      assert.ok(failed >= 4, `${failed} calls`);
    });
  }

  test("where its pool has too few pages, however many those are", () => {
    let failed = 0;
    for (let pages = 0; ; pages++) {
      const run = assertNothingIsLeft({
        commandLine: "guest=count,mirror iterations=2 repeat=2 loglevel=debug watch=0:10000-11000:nofetch:count",
        onText: (text, machine) => {
          if (/vm0: vmm at/.test(text)) shrinkPools(machine.core, machine.areas.values(), pages);
        },
      });
      assert.equal(run.lines.filter((line) => /vm1: ended: ok/.test(line)).length, 2);
      if (run.name === "ok") break;
      assert.match(run.name, /too-little-memory|unusable|vmm-stopped/);
      failed++;
    }
    // The page pair, the VMCS or VMCB, the tables, the save area, the state of the vmm's instance, a split page.
    assert.ok(failed >= 10, `${failed} pages`);
  });

  test("where its boot module is missing, its watch lies beyond RAM or takes too many tables, or the doctor refuses it", () => {
    for (const [options, name] of [
      ["guest=module", "guest-not-loaded"],
      ["guest=hlt watch=0:2000000-2001000:nofetch:log", "bad-option"],
      ["guest=hlt doctor=strict fail=entry-state", "entry-refused-by-doctor"],
      ["guest=hlt fail=entry-state", "entry-failed-by-state"],
    ] as const) {
      assert.equal(assertNothingIsLeft({ commandLine: `${options} iterations=1 repeat=3` }).name, name);
    }
  });

  onVmx("where VMCLEAR or VMPTRLD fails before its first entry", () => {
    for (const instruction of ["VMCLEAR", "VMPTRLD"] as const) {
      const failures: Failure[] = [{ instruction, execution: 1, error: instruction === "VMCLEAR" ? 2 : 11 }];
      const run = assertNothingIsLeft({ commandLine: "guest=hlt iterations=1 repeat=2", failures });
      assert.equal(run.name, `${instruction.toLowerCase()}-failed`);
    }
  });
});

onVmx("a VM whose VMCS the processor may still hold is left where it is, and that is told", () => {
  const run = boot({
    commandLine: "guest=hlt iterations=1 repeat=2",
    // Each VM has one before its first entry and one when it has ended.
    failures: [{ instruction: "VMCLEAR", execution: 4, error: 2 }],
  });
  assert.equal(run.name, "leak");
  assert.equal(run.result, 66);
  const line = run.lines.find((each) => each.startsWith("basalt: error: 2 rounds left something behind: "));
  const counts = [...(line ?? "").matchAll(/(\d+) blocks of 2 MiB are free/g)].map(([, count]) => Number(count));
  // RAM too: 8 blocks, and the VM's own.
  assert.equal(counts[0]! - counts[1]!, 9);
});

/** Leaves `pages` pages in the pool of each area, which nobody has taken any of. */
function shrinkPools(core: WebAssembly.Memory, areas: Iterable<number>, pages: number): void {
  for (const area of areas) {
    // A VM's first objects, and its pool among them, with its end and its length.
    const words = new Uint32Array(core.buffer, area, 64);
    words.forEach((word, i) => {
      if (word === area + AREA_BYTES && words[i + 1] === area + OBJECT_BYTES)
        words[i] = area + OBJECT_BYTES + pages * 4096;
      if (word === AREA_PAGES) words[i] = pages;
    });
  }
}
