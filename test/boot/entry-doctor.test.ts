// The VM-entry doctor in real boots: what Bochs refuses it explains, and what it prints can be read back.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import { isUnreadable } from "../../tools/doctor/dump.ts";
import { examineDump } from "../../tools/doctor/examine.ts";
import { readDump } from "../../tools/doctor/readers/read-dump.ts";
import { guestNames } from "../../tools/guests.ts";
import { loadDoctor } from "../unit/doctor/support.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { makeKernel } from "./support/kernels.ts";

const short = "guest=hlt iterations=3";

/** The slugs that the report on the console names. */
function reported(run: RunResult): string[] {
  return run.lines.flatMap((line) => /vm0: {3}([a-z0-9]+(?:\.[a-z0-9-]+)+) \(SDM 3C /.exec(line)?.[1] ?? []).sort();
}

/** What `basalt doctor` makes of the dump in the run's log. */
async function readBack(run: RunResult): Promise<string[]> {
  const dump = readDump(run.lines.join("\n"));
  assert.ok(!isUnreadable(dump), JSON.stringify(dump));
  assert.equal(dump.format, "basalt");
  const { findings } = examineDump(await loadDoctor(), dump, null);
  const isFailure = findings.filter(({ rule, outcome }) => rule.stage !== "advice" && outcome === "violated");
  return isFailure.map(({ rule }) => rule.slug).sort();
}

describe("in Bochs", () => {
  test("a VMCS with an EPTP beyond MAXPHYADDR is refused with error 7 and explained by one rule", async () => {
    const run = await boot("bochs", `${short} fail=entry-controls loglevel=debug`);
    assertEnded(run, "40 entry-failed", "guest");
    onlyLine(run, /VMLAUNCH failed: VMfailValid, VM-instruction error 7: /);
    assert.deepEqual(reported(run), ["control.eptp.maxphyaddr"]);
    onlyLine(run, /vmcs 0x4400 0x0000000000000007 VM-instruction error$/);
    assert.deepEqual(await readBack(run), reported(run));
  });

  test("a GS that nothing wrote fails with reason 0x80000021 and is explained by three rules", async () => {
    const run = await boot("bochs", `${short} fail=entry-state loglevel=debug`);
    assertEnded(run, "41 entry-failed-by-state", "guest");
    onlyLine(run, /exit reason 0x80000021, .*, exit qualification 0x0: no more is said$/);
    assert.deepEqual(reported(run), ["guest.gs.p", "guest.gs.s", "guest.gs.type.accessed"]);
    onlyLine(run, /state IS_LAUNCHED 0x0000000000000000$/);
    assert.deepEqual(await readBack(run), reported(run));
  });

  test("without EPT nothing is said of where the guest's RIP leads, as nothing of the guest may be read", async () => {
    const run = await boot("bochs", "guest=mirror fail=entry-state loglevel=debug", { cpu: "core2_penryn_t9600" });
    assertEnded(run, "41 entry-failed-by-state", "guest");
    assert.ok(!run.lines.some((line) => line.includes("EPT_MAPS_RIP")), run.lines.join("\n"));
  });

  test("doctor=strict keeps such a VMCS from VMLAUNCH", async () => {
    const run = await boot("bochs", `${short} fail=entry-state doctor=strict`);
    assertEnded(run, "48 entry-refused-by-doctor", "guest");
    onlyLine(run, /the VMCS breaks rules of VM entry; Basalt does not enter \(doctor=strict\)$/);
    assert.ok(!run.lines.some((line) => /VM entries|VM entry failed/.test(line)), run.lines.join("\n"));
  });

  for (const cpu of ["corei7_skylake_x", "corei7_icelake_u", "corei7_sandy_bridge_2600k"]) {
    test(`doctor=strict has nothing against the VMCS of any guest on ${cpu}`, async () => {
      const guests = guestNames.filter((name) => !name.startsWith("fault") && name !== "loop");
      const kernel = { path: await makeKernel("multiboot2", 64, 0x200000) };
      for (let first = 0; first < guests.length; first += 8) {
        const some = guests.slice(first, first + 8).join(",");
        const run = await boot("bochs", `guest=${some} iterations=3 doctor=strict`, { cpu, kernel });
        assertEnded(run, "0 ok", "ok");
      }
    });
  }
});
