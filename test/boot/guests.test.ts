// Boots the built-in guests by VMX in Bochs and by SVM in TCG: those that end well, and those whose vmm is stopped.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { findPlaces } from "../../tools/commands/where.ts";
import type { RunResult } from "../../tools/emulators/run.ts";
import { builtElf, root } from "../../tools/paths.ts";
import { assertEnded, onlyLine } from "./support/boot.ts";
import { builtIn, expectations, guestBoots } from "./support/guest-list.ts";
import { bootAt, exitLine, offLine, places } from "./support/places.ts";

/** What `iterations` is where the command line does not name it. */
const defaultIterations = 1_000_000;

/** Where the guests fault-* do what they are named after. */
const FAULTS = "hv/vmm/guests/faults.ts";

/** The guests whose vmm fails: what the report names, and what stands in the source line. */
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

test("every built-in guest has an expectation", () => {
  assert.deepEqual(Object.keys(expectations).sort(), [...builtIn].sort());
});

test("in Bochs the machine powers off by ACPI", async () => {
  const run = await bootAt(places[0]!, "iterations=3");
  assert.match(await readFile(run.logPath ?? "", "utf8"), />>PANIC<< ACPI control: soft power off/);
});

for (const place of places) {
  const { name, vendor, most } = place;
  describe(name, () => {
    describe("every built-in guest ends as it has to:", () => {
      for (const { guests, append, result, exit, holds } of guestBoots(vendor)) {
        test(`${guests.join(", ")}: ${result}`, async () => {
          const run = await bootAt(place, append);
          assertEnded(run, result, exit);
          holds(run);
        });
      }
    });

    describe("the guest hlt", () => {
      test(`makes ${most} HLT exits, goes on behind each, and the machine powers off with result 0`, async (t) => {
        const run = await bootAt(place, `guest=hlt${most === defaultIterations ? "" : ` iterations=${most}`}`);
        assertEnded(run, "0 ok", "ok");
        onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine(vendor, "hlt", most)}\\d+ ticks, \\d+ each$`));
        // The guest's page holds 4,091 HLTs and a jump back to its start at 0x10000.
        const rip = (0x10000 + (most % 4091)).toString(16).padStart(16, "0");
        onlyLine(run, new RegExp(`^basalt: vm0: ended: ok, \\d+ VM entries, final RIP 0x${rip}$`));
        assert.equal(run.lines.at(-1), "basalt: result 0 ok");
        t.diagnostic(`from power-on to power-off: ${run.seconds.toFixed(1)} s, ${run.ticks} ticks`);
      });

      test("is what runs where the command line names no guest", async () => {
        const run = await bootAt(place, "iterations=3");
        assertEnded(run, "0 ok", "ok");
        onlyLine(run, /^basalt: vm0: guest hlt, \d+ MiB of RAM$/);
        onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine(vendor, "hlt", 3)}`));
      });
    });

    test("the guest count executes CPUID as often as it is told, then makes one hypercall and ends", async () => {
      const run = await bootAt(place, "guest=count iterations=1234");
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine(vendor, "cpuid", 1234)}\\d+ ticks, \\d+ each$`));
      onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine(vendor, "hypercall", 1)}`));
      onlyLine(run, /^basalt: vm0: ended: ok, \d+ VM entries, final RIP 0x000000000001000b$/);
    });

    test("eight guests run in one boot, each in a VM of its own with counters of its own", async () => {
      const run = await bootAt(place, "guest=hlt,count,hlt,count,hlt,count,hlt,count iterations=7");
      assertEnded(run, "0 ok", "ok");
      for (let vm = 0; vm < 8; vm++) {
        onlyLine(run, new RegExp(`^basalt: vm${vm}: ${exitLine(vendor, vm % 2 === 0 ? "hlt" : "cpuid", 7)}`));
      }
    });

    describe("a vmm that is stopped ends its VM only:", () => {
      let run: RunResult;
      before(async () => {
        run = await bootAt(place, `guest=${faults.map(([guest]) => guest).join(",")},hlt iterations=1000`);
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
          const [found] = await findPlaces(builtElf, [address]);
          const frame = found?.frames.find(({ file }) => file === FAULTS);
          assert.ok(frame, `${address} is not in ${FAULTS}, but in ${JSON.stringify(found?.frames)}`);
          const lines = (await readFile(join(root, FAULTS), "utf8")).split("\n");
          assert.match(lines[frame.line - 1] ?? "", source, `${address} is not line ${frame.line} of ${FAULTS}`);
        });
      }

      test("the VM behind them runs to its end", () => {
        onlyLine(run, /^basalt: vm5: ended: ok, /);
        onlyLine(run, new RegExp(`^basalt: vm5: ${exitLine(vendor, "hlt", 1000)}`));
      });

      test("virtualization is switched off in order", () => {
        assert.deepEqual(run.lines.slice(-2), [`basalt: ${offLine[vendor]}`, "basalt: result 50 vmm-stopped"]);
      });
    });
  });
}
