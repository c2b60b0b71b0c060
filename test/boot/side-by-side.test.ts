// VMs side by side on one processor: none of them keeps it, whatever its guest or its vmm does.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { bootAt, exitLine, places } from "./support/places.ts";

/** Where the line that matches stands among the others. */
function lineOf(lines: readonly string[], pattern: RegExp): number {
  const found = lines.findIndex((line) => pattern.test(line));
  assert.notEqual(found, -1, `no line matches ${String(pattern)} in:\n${lines.join("\n")}`);
  return found;
}

for (const place of places) {
  const { name, vendor, severalSlices } = place;
  describe(name, () => {
    test("VMs of one group take turns, and the next group begins when all of them have ended", async () => {
      const run = await bootAt(place, `guest=hlt+count+hlt,count iterations=${severalSlices}`);
      assertEnded(run, "0 ok", "ok");
      for (const vm of [0, 1, 2]) {
        const [, slices = "0"] =
          /: (\d+) exits/.exec(
            onlyLine(run, new RegExp(`^basalt: vm${vm}: ${exitLine(vendor, "interrupt", "\\d+")}`)),
          ) ?? [];
        assert.ok(Number(slices) >= 2, `vm${vm} was interrupted ${slices} times`);
      }
      const lastEnd = Math.max(...[0, 1, 2].map((vm) => lineOf(run.lines, new RegExp(`^basalt: vm${vm}: ended: ok`))));
      const firstEnd = Math.min(...[0, 1, 2].map((vm) => lineOf(run.lines, new RegExp(`^basalt: vm${vm}: ended: ok`))));
      assert.ok(lineOf(run.lines, /^basalt: vm2: loaded guest hlt$/) < firstEnd, "all are created before one ends");
      assert.ok(lineOf(run.lines, /^basalt: vm3: guest count/) > lastEnd, "the second group waits for the first");
      onlyLine(run, /^basalt: vm3: ended: ok, /);
    });

    describe("a guest that loops for ever", () => {
      test("is ended by its time limit, and the VM beside it ends well", async () => {
        const run = await bootAt(place, `guest=loop+count iterations=${severalSlices}`);
        assertEnded(run, "54 time-limit", "guest");
        onlyLine(run, /^basalt: vm1: ended: ok, /);
        onlyLine(run, new RegExp(`^basalt: vm1: ${exitLine(vendor, "cpuid", severalSlices)}`));
        onlyLine(run, /^basalt: error: vm0: the time that it may run is over/);
        onlyLine(run, /^basalt: vm0: ended: time-limit, \d+ VM entries, final RIP 0x0000000000010000$/);
        const limit = lineOf(run.lines, /^basalt: vm0: ended: time-limit/);
        assert.ok(lineOf(run.lines, /^basalt: vm1: ended: ok/) < limit, "count needs less time than loop may run");
      });

      test("ends sooner by the boot option ticks, within a slice of it", async () => {
        const run = await bootAt(place, "guest=loop ticks=9000000");
        assertEnded(run, "54 time-limit", "guest");
        const [, ticks = ""] = /ran (\d+) ticks/.exec(onlyLine(run, /^basalt: vm0: ran /)) ?? [];
        // A slice is 4 << 20 ticks of the local APIC's timer, which in both are as many of the time-stamp counter.
        assert.ok(Number(ticks) >= 9_000_000 && Number(ticks) < 9_000_000 + (5 << 20), ticks);
      });
    });

    for (const guests of ["fault-loop+count", "count+fault-loop"]) {
      test(`a vmm that loops for ever is unwound, and the VM beside it ends well: ${guests}`, async () => {
        const run = await bootAt(place, `guest=${guests} iterations=${severalSlices}`);
        assertEnded(run, "50 vmm-stopped", "guest");
        const [count, loop] = guests.startsWith("count") ? [0, 1] : [1, 0];
        onlyLine(run, new RegExp(`^basalt: vm${count}: ended: ok, `));
        onlyLine(run, new RegExp(`^basalt: vm${count}: ${exitLine(vendor, "cpuid", severalSlices)}`));
        onlyLine(
          run,
          new RegExp(`^basalt: error: vm${loop}: vmm stopped: time budget spent; this VM ends, Basalt goes on$`),
        );
        onlyLine(run, new RegExp(`^basalt: vm${loop}: ended: vmm-stopped, `));
      });
    }
  });
}

describe("registers that no VM exit switches", () => {
  /** Bochs's default has AVX-512, the next one protection keys too, the last one no XSAVE; TCG's has SVM. */
  const inBochs = ["corei7_skylake_x", "corei7_icelake_u", "corei5_arrandale_m520"] as const;
  for (const [on, cpu] of [...inBochs.map((cpu) => ["bochs", cpu] as const), ["tcg", "max"] as const]) {
    test(`hold a guest's own pattern through many switches, and nothing at its start: ${cpu}`, async () => {
      const append = "guest=registers+registers+registers,registers iterations=150000";
      const run = await boot(on, append, { cpu, countsInstructions: on === "tcg" });
      assertEnded(run, "0 ok", "ok");
      for (const vm of [0, 1, 2, 3]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
      const told = onlyLine(run, / switches between VMs side by side, /);
      const [, switches = "0"] = /^basalt: (\d+) switches/.exec(told) ?? [];
      assert.ok(Number(switches) >= 6, told);
    });
  }
});
