// Holds which addresses of a run's lines are looked up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAddress, reportedAddresses } from "../../../tools/emulators/backtrace.ts";

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

test("a host exception's report is the faulting instruction and the calls that led to it", () => {
  assert.deepEqual(reportedAddresses(exception), [
    { address: "0x00000000001222e2", count: 1 },
    { address: "0x0000000000124118", count: 1 },
    { address: "0x0000000000100162", count: 1 },
  ]);
});

test("the reports of one run stay in their order", () => {
  const lines = [...vmmStop("unreachable"), ...vmmStop("stack exhausted")];
  assert.equal(reportedAddresses(lines).length, 4);
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
