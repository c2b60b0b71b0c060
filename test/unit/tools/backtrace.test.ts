// Holds which addresses of a run's lines are looked up, and as what.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { describeAddress, reportedAddresses } from "../../../tools/emulators/backtrace.ts";
import { root } from "../../../tools/paths.ts";

const exception = [
  "basalt: panic: #GP general protection, vector 13, error code 0x0000",
  "basalt: panic: rip=0x00000000001222e2 rfl=0x0000000000010086 cr2=0x0000000000000000 cr3=0x000000000013c000",
  "basalt: panic: code at rip: 0x0f 0x22",
  "basalt: panic: at   0x00000000001222e2 hv/core/index/boot+0xd52",
  "basalt: panic: from 0x0000000000124118 runtime_start+0x078",
  "basalt: panic: from 0x0000000000100162 ?",
  "basalt: result 60 host-exception",
];

const vmmStop = (reason: string): string[] => [
  `basalt: error: vm0: vmm stopped: ${reason}; this VM ends, Basalt goes on`,
  "basalt: error: vm0:   in   0x0000000000102ff2 hv/vmm/index/exit",
  "basalt: error: vm0:   from 0x0000000000104f81 vmm_enter",
];

const isFirstReturnAddress = (lines: readonly string[]): boolean => reportedAddresses(lines)[0]!.isReturnAddress;

describe("a report's first address", () => {
  test("is the instruction itself at a host exception", () => {
    assert.deepEqual(reportedAddresses(exception), [
      { address: "0x00000000001222e2", isReturnAddress: false, count: 1 },
      { address: "0x0000000000124118", isReturnAddress: true, count: 1 },
      { address: "0x0000000000100162", isReturnAddress: true, count: 1 },
    ]);
  });

  test("is behind the call that reports a failed assertion or a trap of core", () => {
    const lines = exception.filter((line) => !line.includes("rip="));
    assert.equal(isFirstReturnAddress(lines), true);
  });

  test("in a vmm is the instruction itself if the processor found the fault, else behind the reporting call", () => {
    const kinds = {
      "out-of-bounds access at 0xfffffff0 of its memory": false,
      "out-of-bounds access at 0x00000000 of its memory": true,
      "stack exhausted": false,
      unreachable: true,
      "failed assertion: so it is at hv/vmm/vmm.ts:5": true,
      "time budget spent": false,
      "arithmetic trap": true,
      "indirect call of a wrong type": true,
      "processor exception, vector or linear address 0x0000000000000006": false,
    };
    for (const [reason, isReturn] of Object.entries(kinds)) {
      assert.equal(isFirstReturnAddress(vmmStop(reason)), isReturn, reason);
    }
    const source = readFileSync(join(root, "hv/core/vmm.ts"), "utf8");
    const named = /const KINDS: StaticArray<string> = \[([^\]]*)\]/.exec(source)![1]!.matchAll(/"(.+)"/g);
    for (const [, kind] of named) {
      assert.ok(
        Object.keys(kinds).some((reason) => reason.startsWith(kind!)),
        `hv/core/vmm.ts has "${kind}", which this test and tools/emulators/backtrace.ts must know`,
      );
    }
  });
});

test("the reports of one run do not mix", () => {
  const lines = [...vmmStop("unreachable"), ...vmmStop("stack exhausted")];
  assert.deepEqual(
    reportedAddresses(lines).map((address) => address.isReturnAddress),
    [true, true, false, true],
  );
});

test("a recursion is one address with the number of its calls", () => {
  const from = "basalt: panic: from 0x0000000000111de9 hv/core/monitor/fail/recurse+0x049";
  const [recursion, ...rest] = reportedAddresses([from, from, from]);
  assert.deepEqual([recursion?.count, rest], [3, []]);
  const frame = { function: "hv/core/monitor/fail/recurse", file: "hv/core/monitor/fail.ts", line: 19 };
  assert.equal(
    describeAddress({ ...recursion!, frames: [frame, frame, { ...frame, line: 20 }] }),
    "where: 0x0000000000111de9  hv/core/monitor/fail.ts:19 in hv/core/monitor/fail/recurse, inlined into " +
      "hv/core/monitor/fail.ts:20 in hv/core/monitor/fail/recurse, 3 times",
  );
});

test("an address outside the image says so", () => {
  const [address] = reportedAddresses(["basalt: panic: at   0x0000000000000010 ?"]);
  assert.equal(describeAddress({ ...address!, frames: [] }), "where: 0x0000000000000010  not in the image's code");
});

test("lines of a guest or of the log are no report", () => {
  assert.deepEqual(reportedAddresses(["vm0: basalt: panic: at   0x10 x", "basalt: panic: cr2=0x1", ""]), []);
});
