// Watched pages in Bochs: a guest that unpacks code is stopped at the first instruction of it. And RAM is found full of zeroes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { parseRecord, type StopRecord } from "../../tools/emulate/record.ts";
import type { RunResult } from "../../tools/emulators/run.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";

/** The run's record, held against its sum. */
function recordOf(run: RunResult): StopRecord {
  return parseRecord(run.lines.flatMap((line) => /^basalt: record: vm0: (.*)$/.exec(line)?.[1] ?? []));
}

/** Bochs 2.7 offers the monitor trap flag on the last two and never makes the exit. */
const cpus = ["corei7_skylake_x", "corei7_icelake_u", "tigerlake"];

for (const cpu of cpus) {
  describe(`on ${cpu}, of the guest that unpacks code`, () => {
    test("the first instruction of the code is not executed, and the page holds it unpacked", async () => {
      const run = await boot("bochs", `guest=unpack watch=0:30000-31000:nofetch:dump`, { cpu });
      assertEnded(run, "58 stopped-by-watch", "guest");
      const { vm, access, gpa, linear, registers, page } = recordOf(run);
      assert.deepEqual([vm, access, gpa, linear, registers["rip"]], [0, 0x14, 0x30000n, 0x30000n, 0x30000n]);
      onlyLine(run, /^basalt: vm0: ended: stopped-by-watch, 1 VM entries, final RIP 0x0000000000030000$/);
      const listing = execFileSync("ndisasm", ["-b", "64", "-o", "0x30000", "-"], {
        input: page.subarray(0, 8),
      });
      assert.match(String(listing), /^00030000 +\S+ +mov eax,0x2a\n00030005 +\S+ +vmcall\n$/);
    });

    test("each write to the page and each fetch is stepped over, and it runs to its end", async () => {
      const run = await boot("bochs", `guest=unpack watch=0:30000-31000:noaccess:step`, { cpu });
      assertEnded(run, "0 ok", "ok");
      const told = run.lines
        .filter((line) => line.includes(":noaccess:step: "))
        .map((line) => /step: (\w+)/.exec(line)?.[1]);
      assert.deepEqual(told, [...Array.from({ length: 8 }, () => "write"), "fetch", "fetch", "10"]);
    });
  });
}

describe("with the action emulate, the guest that unpacks code", () => {
  const append = "guest=unpack watch=0:30000-31000:nofetch:emulate";

  test("is stopped before each instruction of it, and goes on with what the tool changed", async () => {
    const stops: StopRecord[] = [];
    const run = await boot("bochs", append, {
      emulate: async (record, guest) => {
        stops.push(record);
        if (stops.length === 1) {
          assert.equal((await guest.read(0x30000, 8)).toString("hex"), "b82a0000000f01c1");
          await guest.write(0x30001, Uint8Array.of(0x2b));
          await guest.set("rdx", 0x1122334455667788n);
        }
        await guest.resume();
      },
    });
    assertEnded(run, "0 ok", "ok");
    assert.deepEqual(
      stops.map(({ registers }) => registers["rip"]),
      [0x30000n, 0x30005n],
    );
    assert.notEqual(stops[0]!.registers["rax"], 0x2bn);
    assert.equal(stops[1]!.registers["rax"], 0x2bn);
    assert.equal(stops[1]!.registers["rdx"], 0x1122334455667788n);
    assert.equal(stops[1]!.page[1], 0x2b);
    onlyLine(run, /^basalt: vm0: ended: ok, .* final RIP 0x0000000000030005$/);
  });

  test("does not execute what the tool skips", async () => {
    const stops: StopRecord[] = [];
    const run = await boot("bochs", append, {
      emulate: async (record, guest) => {
        stops.push(record);
        await (stops.length === 1 ? guest.skip(5) : guest.release());
      },
    });
    assertEnded(run, "0 ok", "ok");
    assert.equal(stops.length, 2);
    assert.equal(stops[1]!.registers["rax"], stops[0]!.registers["rax"]);
  });

  test("ends with a named result where nobody answers", async () => {
    const run = await boot("bochs", `${append} answer=1000000`);
    assertEnded(run, "59 no-answer-to-watch", "guest");
    onlyLine(run, /no command came/);
  });
});

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
