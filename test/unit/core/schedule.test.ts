// Which VM runs when, on one CPU. That shares follow weights, and what other CPUs do, test/boot shows.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { cpuid, hlt, vmcall, type Exit } from "./machine/exits.ts";
import { boot } from "./machine/machine.ts";
import { vcpuPage } from "./machine/tables.ts";
import { test } from "./vendors.ts";

/** More than hv/core/monitor/run-queue.ts's RETRY_TICKS. */
const LONG = 1n << 21n;
const EXIT_HALT = BigInt(vcpuPage("EXIT_HALT"));
const ANSWER_RESUME = vcpuPage("ANSWER_RESUME");

test("a guest that waits in HLT gives its CPU away; alone, it has the CPU sleep before it is looked at again", () => {
  const order: string[] = [];
  function* halts(): Generator<Exit> {
    while (true) {
      order.push("HLT");
      yield hlt;
    }
  }
  function* works(): Generator<Exit> {
    for (let n = 0; n < 3; n++) {
      order.push("CPUID");
      yield cpuid;
    }
    yield vmcall;
  }
  let waits = 3;
  const run = boot({
    commandLine: "guest=count+count",
    scripts: [halts, works],
    ticksBeforeInterrupt: LONG,
    answer: (page) => (page.get("exitKind") === EXIT_HALT && waits-- > 0 ? ANSWER_RESUME : null),
  });
  assertEnd(run, "ok");
  // The first wait outlasts the other VM, each further one takes an interrupt that ends the CPU's own HLT.
  assert.deepEqual(order, ["HLT", "CPUID", "CPUID", "CPUID", "HLT", "HLT", "HLT"]);
  const sleeps = run.machine.trace.filter((step) => step === "HLT");
  assert.equal(sleeps.length, 3);
});
