// The doctor of VMRUN in real boots: what an emulator refuses it explains, and what it prints can be read back.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isUnreadable } from "../../tools/doctor/dump.ts";
import { examineDump } from "../../tools/doctor/examine.ts";
import { readDump } from "../../tools/doctor/readers/read-dump.ts";
import type { RunResult } from "../../tools/emulators/run.ts";
import { loadVmcbDoctor } from "../unit/doctor/vmcb/support.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";

const short = "guest=hlt iterations=3";

/** The slugs that the report on the console names. */
function reported(run: RunResult): string[] {
  return run.lines.flatMap((line) => /vm0: {3}([a-z0-9]+(?:\.[a-z0-9-]+)+) \(APM 2 /.exec(line)?.[1] ?? []).sort();
}

/** What `basalt doctor` makes of the dump in the run's log. */
async function readBack(run: RunResult): Promise<string[]> {
  const dump = readDump(run.lines.join("\n"));
  assert.ok(!isUnreadable(dump), JSON.stringify(dump));
  assert.deepEqual([dump.format, dump.structure], ["basalt", "vmcb"]);
  const { findings } = examineDump(await loadVmcbDoctor(), dump, null);
  const isFailure = findings.filter(({ rule, outcome }) => rule.stage !== "advice" && outcome === "violated");
  return isFailure.map(({ rule }) => rule.slug).sort();
}

for (const [name, on, cpu] of [
  ["in Bochs, ryzen", "bochs", "ryzen"],
  ["in TCG", "tcg", "max"],
] as const) {
  describe(name, () => {
    test("a VMCB with ASID 0 is refused and explained by one rule", async () => {
      const run = await boot(on, `${short} fail=entry-controls loglevel=debug`, { cpu });
      assertEnded(run, "41 entry-failed-by-state", "guest");
      onlyLine(run, /VMRUN refused the VMCB: VMEXIT_INVALID; this VM ends$/);
      assert.deepEqual(reported(run), ["vmcb.asid.zero"]);
      assert.deepEqual(await readBack(run), reported(run));
    });

    test("a VMCB with two wrong registers is explained by both, whatever the processor has written over", async () => {
      const run = await boot(on, `${short} fail=entry-state loglevel=debug`, { cpu });
      assertEnded(run, "41 entry-failed-by-state", "guest");
      assert.deepEqual(reported(run), ["vmcb.cr0.upper", "vmcb.efer.svme"]);
      assert.deepEqual(await readBack(run), reported(run));
    });

    test("doctor=strict keeps such a VMCB from VMRUN", async () => {
      const run = await boot(on, `${short} fail=entry-state doctor=strict`, { cpu });
      assertEnded(run, "48 entry-refused-by-doctor", "guest");
      onlyLine(run, /the VMCB breaks rules of VMRUN; Basalt does not enter \(doctor=strict\)$/);
      assert.ok(!run.lines.some((line) => line.includes("VMEXIT_INVALID;")), run.lines.join("\n"));
    });

    test("doctor=strict has nothing against the VMCB of guests of every kind", async () => {
      const run = await boot(on, "guest=hlt,mirror,real,count,port,mmio iterations=3 doctor=strict", { cpu });
      assertEnded(run, "0 ok", "ok");
    });
  });
}
