// Watched pages in Bochs: a guest that unpacks code is stopped at the first instruction of it. And RAM is found full of zeroes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";

const PAGE_BYTES = 4096;

/** The page of a run's record, held against its sum. */
function pageOf(run: RunResult): Buffer {
  const rows = run.lines.map((line) => /record: page 0x[0-9a-f]{16} ([0-9a-f]+)$/.exec(line)?.[1] ?? "");
  const page = Buffer.from(rows.join(""), "hex");
  assert.equal(page.length, PAGE_BYTES);
  let [low, high] = [0, 0];
  for (const byte of page) {
    low = (low + byte) % 65535;
    high = (high + low) % 65535;
  }
  const sum = /record: end 0x([0-9a-f]{8})$/.exec(onlyLine(run, /record: end /))?.[1];
  assert.equal(sum, (high * 65536 + low).toString(16).padStart(8, "0"));
  return page;
}

/** Bochs 2.7 offers the monitor trap flag on corei7_icelake_u and does not have it. */
const cpus = [
  ["corei7_skylake_x", ""],
  ["corei7_icelake_u", " step=tf"],
] as const;

for (const [cpu, option] of cpus) {
  describe(`on ${cpu}, of the guest that unpacks code`, () => {
    test("the first instruction of the code is not executed, and the page holds it unpacked", async () => {
      const run = await boot("bochs", `guest=unpack watch=0:30000-31000:nofetch:dump${option}`, { cpu });
      assertEnded(run, "58 stopped-by-watch", "guest");
      onlyLine(run, /record: version 1 vm 0 vcpu 0 access 0x14 gpa 0x30000 linear 0x30000$/);
      onlyLine(run, /record: rip 0x30000 /);
      onlyLine(run, /^basalt: vm0: ended: stopped-by-watch, 1 VM entries, final RIP 0x0000000000030000$/);
      const listing = execFileSync("ndisasm", ["-b", "64", "-o", "0x30000", "-"], {
        input: pageOf(run).subarray(0, 8),
      });
      assert.match(String(listing), /^00030000 +\S+ +mov eax,0x2a\n00030005 +\S+ +vmcall\n$/);
    });

    test("each write to the page and each fetch is stepped over, and it runs to its end", async () => {
      const run = await boot("bochs", `guest=unpack watch=0:30000-31000:noaccess:step${option}`, { cpu });
      assertEnded(run, "0 ok", "ok");
      const told = run.lines
        .filter((line) => line.includes(":noaccess:step: "))
        .map((line) => /step: (\w+)/.exec(line)?.[1]);
      assert.deepEqual(told, [...Array.from({ length: 8 }, () => "write"), "fetch", "fetch", "10"]);
    });
  });
}

test("a watched page of a guest that does not touch it costs nothing", async () => {
  const ticks = async (option: string): Promise<string | undefined> => {
    const run = await boot("bochs", `guest=count iterations=1000${option}`);
    return /ran (\d+) ticks/.exec(onlyLine(run, /vm0: ran /))?.[1];
  };
  assert.equal(await ticks(" watch=0:30000-31000:noaccess:count"), await ticks(""));
});

test("VMs that use memory again find it full of zeroes, whether it is populated by touch or at the start", async () => {
  const guests = "touch,zeroes,hlt,zeroes,touch,zeroes";
  const runs = await Promise.all(
    ["touch", "start"].map((when) => boot("bochs", `guest=${guests} iterations=100 populate=${when}`)),
  );
  for (const run of runs) {
    assertEnded(run, "0 ok", "ok");
    for (const vm of [1, 3, 5]) onlyLine(run, new RegExp(`^basalt: vm${vm}: RAM: 8 of 8 blocks of 2 MiB were touched`));
  }
  assert.ok(!runs[1]!.lines.some((line) => line.includes("EPT violation")));
});
