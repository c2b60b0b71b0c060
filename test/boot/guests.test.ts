// Boots the built-in guests in Bochs: those that end well, and those whose vmm is stopped.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { findPlaces } from "../../tools/commands/where.ts";
import type { RunResult } from "../../tools/emulators/run.ts";
import { builtElf, root } from "../../tools/paths.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";

/** Where the guests fault-* do what they are named after. */
const FAULTS = "hv/vmm/guests/faults.ts";

describe("the guest hlt", () => {
  test("makes a million HLT exits, goes on behind each, and the machine powers off by ACPI with result 0", async (t) => {
    const run = await boot("bochs", "guest=hlt");
    assertEnded(run, "0 ok", "ok");
    onlyLine(run, /^basalt: vm0: exit 12 HLT: 1000000 exits, \d+ ticks, \d+ each$/);
    // The guest's page holds 4,091 HLTs and a jump back to its start at 0x10000.
    const rip = (0x10000 + (1_000_000 % 4091)).toString(16).padStart(16, "0");
    onlyLine(run, new RegExp(`^basalt: vm0: ended: ok, \\d+ VM entries, final RIP 0x${rip}$`));
    assert.equal(run.lines.at(-1), "basalt: result 0 ok");
    assert.match(await readFile(run.logPath ?? "", "utf8"), />>PANIC<< ACPI control: soft power off/);
    t.diagnostic(`from power-on to power-off: ${run.seconds.toFixed(1)} s, ${run.ticks} ticks`);
  });

  test("is what runs where the command line names no guest", async () => {
    const run = await boot("bochs", "iterations=3");
    assertEnded(run, "0 ok", "ok");
    onlyLine(run, /^basalt: vm0: guest hlt, \d+ MiB of RAM$/);
    onlyLine(run, /^basalt: vm0: exit 12 HLT: 3 exits, /);
  });
});

test("the guest count executes CPUID as often as it is told, then makes one hypercall and ends", async () => {
  const run = await boot("bochs", "guest=count iterations=1234");
  assertEnded(run, "0 ok", "ok");
  onlyLine(run, /^basalt: vm0: exit 10 CPUID: 1234 exits, \d+ ticks, \d+ each$/);
  onlyLine(run, /^basalt: vm0: exit 18 VMCALL: 1 exits, /);
  onlyLine(run, /^basalt: vm0: ended: ok, \d+ VM entries, final RIP 0x000000000001000b$/);
});

test("eight guests run in one boot, each in a VM of its own with counters of its own", async () => {
  const run = await boot("bochs", "guest=hlt,count,hlt,count,hlt,count,hlt,count iterations=7");
  assertEnded(run, "0 ok", "ok");
  for (let vm = 0; vm < 8; vm++) {
    const exits = vm % 2 === 0 ? "12 HLT: 7" : "10 CPUID: 7";
    onlyLine(run, new RegExp(`^basalt: vm${vm}: exit ${exits} exits, `));
  }
});

describe("a vmm that is stopped ends its VM only:", () => {
  const faults: readonly (readonly [guest: string, kind: RegExp, source: RegExp])[] = [
    ["fault-bounds", /out-of-bounds access at 0xfffffff0 of its memory/, /BEYOND_MEMORY|readBeyondMemory\(\)/],
    ["fault-unreachable", /unreachable/, /unreachable\(\)/],
    ["fault-stack", /stack exhausted/, /recurse\(/],
    [
      "fault-assert",
      /failed assertion: this assertion fails because .* at hv\/vmm\/guests\/faults\.ts:\d+/,
      /assert\(.*this assertion fails/,
    ],
    ["fault-loop", /time budget spent/, /loop\(\)|while \(true\)/],
  ];
  let run: RunResult;
  before(async () => {
    run = await boot("bochs", `guest=${faults.map(([guest]) => guest).join(",")},hlt iterations=1000`);
  });

  test("the run ends with result 50 and exit code 4", () => {
    assertEnded(run, "50 vmm-stopped", "guest");
  });

  for (const [vm, [guest, kind, source]] of faults.entries()) {
    test(`${guest} is named by its kind and ended`, () => {
      onlyLine(run, new RegExp(`^basalt: vm${vm}: guest ${guest}, `));
      const stopped = onlyLine(run, new RegExp(`^basalt: error: vm${vm}: vmm stopped: `));
      assert.match(stopped, new RegExp(`: vmm stopped: ${kind.source}; this VM ends, Basalt goes on$`));
      onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: vmm-stopped, `));
    });

    test(`${guest} is placed by function, and by source line through \`basalt where\``, async () => {
      const innermost = onlyLine(run, new RegExp(`^basalt: error: vm${vm}: {3}in `));
      const [, address = "", name = ""] = /in {3}(0x[0-9a-f]{16}) (\S+)$/.exec(innermost) ?? [];
      // A compiler may inline all of it into the module's export.
      assert.match(name, /^(hv\/vmm\/.*|exit)$/);
      const [place] = await findPlaces(builtElf, [address]);
      const frame = place?.frames.find(({ file }) => file === FAULTS);
      assert.ok(frame, `${address} is not in ${FAULTS}, but in ${JSON.stringify(place?.frames)}`);
      const lines = (await readFile(join(root, FAULTS), "utf8")).split("\n");
      assert.match(lines[frame.line - 1] ?? "", source, `${address} is not line ${frame.line} of ${FAULTS}`);
    });
  }

  test("the VM behind them runs to its end", () => {
    onlyLine(run, /^basalt: vm5: ended: ok, /);
    onlyLine(run, /^basalt: vm5: exit 12 HLT: 1000 exits, /);
  });

  test("VMX operation ends in order", () => {
    assert.deepEqual(run.lines.slice(-2), ["basalt: VMX operation is off", "basalt: result 50 vmm-stopped"]);
  });
});
