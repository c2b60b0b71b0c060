// The boot option `repeat`: VMs come and go on a processor, and what is free afterwards is what was free before.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertEnded, onlyLine } from "./support/boot.ts";
import { bootAt, places } from "./support/places.ts";

const KEPT =
  /^basalt: \d+ rounds left nothing behind: \d+ blocks of 2 MiB are free, \d+ pages and \d+ bytes of core's heap/;

for (const place of places) {
  describe(place.name, () => {
    test("a thousand VMs leave nothing behind", async () => {
      // Without the thousand summaries, which a serial line takes its time for; a leak would be result 66.
      const run = await bootAt(place, "guest=count iterations=1 repeat=1000 quiet");
      assertEnded(run, "0 ok", "ok");
    });

    test("VMs side by side, one whose vmm is stopped, one that mirrors the host, and one that is refused leave nothing behind", async () => {
      const run = await bootAt(
        place,
        "guest=hlt+count,fault-unreachable+registers,mirror,module iterations=100 repeat=10",
      );
      assertEnded(run, "50 vmm-stopped", "guest");
      onlyLine(run, KEPT);
      for (const [vm, result] of ["ok", "ok", "vmm-stopped", "ok", "ok"].entries()) {
        const ends = run.lines.filter((line) => line.startsWith(`basalt: vm${vm}: ended: ${result}, `));
        assert.equal(ends.length, 10, `vm${vm}`);
      }
    });
  });
}
