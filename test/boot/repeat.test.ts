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
      const run = await bootAt(place, "guest=count iterations=1 repeat=1000");
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, KEPT);
      const ends = run.lines.filter((line) => /^basalt: vm0: ended: ok, 2 VM entries, /.test(line));
      assert.equal(ends.length, 1000);
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
