// Which VM runs when, on one CPU. That shares follow weights, and what other CPUs do, test/boot shows.
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { cpuid, externalInterrupt, hlt, vmcall, type Exit } from "./machine/exits.ts";
import { boot, Machine } from "./machine/machine.ts";
import { vcpuPage } from "./machine/tables.ts";
import { test } from "./vendors.ts";

/** Less than a slice has ticks. */
const WAIT = 1n << 21n;
const [EXIT_HALT, EXIT_ALARM] = [BigInt(vcpuPage("EXIT_HALT")), BigInt(vcpuPage("EXIT_ALARM"))];
const ANSWER_RESUME = vcpuPage("ANSWER_RESUME");
const INTERRUPT = BigInt(vcpuPage("INTERRUPT_WAITS")) | 0x31n;
const NEVER = 0xffffffffffffffffn;

test("a guest that waits in HLT gives its CPU away; alone, it has the CPU sleep until its alarm", () => {
  const order: string[] = [];
  function* halts(): Generator<Exit> {
    while (true) {
      order.push("HLT");
      yield { ...hlt, fields: { GUEST_RFLAGS: 0x202n } };
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
  const machine: Machine = new Machine({
    commandLine: "guest=count+count",
    scripts: [halts, works],
    answer: (page) => {
      const kind = page.get("exitKind");
      if (kind === EXIT_HALT && waits-- > 0) page.set("wakeAt", machine.clock.ticks + WAIT);
      else if (kind === EXIT_ALARM) {
        page.set("wakeAt", NEVER);
        page.set("waitingInterrupt", INTERRUPT);
      } else return null;
      return ANSWER_RESUME;
    },
  });
  assertEnd(machine.run(), "ok");
  // The other VM runs in the first wait; behind each wait the guest goes on to its next HLT, of which the fourth is its last.
  assert.deepEqual(order, ["HLT", "CPUID", "CPUID", "CPUID", "HLT", "HLT", "HLT"]);
  const sleeps = machine.trace.filter((step) => step === "HLT");
  assert.equal(sleeps.length, 3);
});

test("two guests that work take turns of a slice each, and one that halts leaves its turns to the other", () => {
  const SLICE = 4n << 20n;
  const order: string[] = [];
  const works = (name: string, ticks: number) =>
    function* (): Generator<Exit> {
      for (let n = 0; n < ticks; n++) {
        order.push(name);
        yield externalInterrupt;
      }
      yield vmcall;
    };
  // Two ticks of the host make a slice.
  const run = boot({
    commandLine: "guest=count+count",
    scripts: [works("a", 8), works("b", 4)],
    ticksBeforeInterrupt: SLICE / 2n,
  });
  assertEnd(run, "ok");
  assert.equal(order.join(""), "aabbaabbaaaa");
});
