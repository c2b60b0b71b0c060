// The test guests under Basalt: several in one boot, each a boot module in a VM of its own, and what each has to print.
import assert from "node:assert/strict";
import type { RunOptions, RunResult } from "../../../tools/emulators/run.ts";
import type { ExitName } from "../../../tools/exit-codes.ts";
import { knownToFail, type UnderBasalt } from "../../guests/deviations.ts";
import { elfOf, readReport, topics, type Topic } from "../../guests/topics.ts";

/** Topics that run in one boot, as VMs 0, 1 and so on, and how that ends. */
export interface TopicBoot {
  readonly topics: readonly Topic[];
  readonly options: RunOptions;
  readonly result: string;
  readonly exit: ExitName;
}

/** A boot takes sixteen; eight are soon made again where one fails. */
const mostGuests = 8;

/** Why a guest leaves checks out, in its words, and the reason for that. */
const reasons: Readonly<Record<string, string>> = {
  "calls the hypervisor": "VMCALL is Basalt's hypercall",
};
const reasonsOn: Readonly<Record<UnderBasalt, Readonly<Record<string, string>>>> = {
  "basalt on bochs": { ...reasons, "no UMIP": "the CPU model has none" },
  "basalt on tcg": {
    ...reasons,
    "QEMU's own CPU checks none": "the CPU is TCG's",
    "QEMU's own CPU would have no TSS": "the CPU is TCG's",
    "QEMU's own CPU would have no descriptors": "the CPU is TCG's",
    "QEMU's own CPU would walk page tables at that address": "the CPU is TCG's",
    "no AVX-512": "TCG has none",
    "no PCIDs": "TCG has none",
    "no TSC_ADJUST": "TCG has none",
  },
  "basalt nested": { ...reasons, "no XSAVE": "Linux with KVM is booted without (tools/emulators/nested/medium.ts)" },
};

/** All topics `on` there, in as few boots as it takes, or in `count` of about the same size. */
export function topicBoots(on: UnderBasalt, count = 0): TopicBoot[] {
  const boots: TopicBoot[] = [];
  for (const ends of ["by exit port", "by triple fault"] as const) {
    const all = topics.filter((topic) => topic.ends === ends);
    const wanted = ends === "by exit port" ? count : 1;
    const size = Math.min(mostGuests, Math.ceil(all.length / Math.max(wanted, 1)));
    for (let first = 0; first < all.length; first += size) boots.push(bootOf(on, all.slice(first, first + size)));
  }
  return boots;
}

function bootOf(on: UnderBasalt, together: readonly Topic[]): TopicBoot {
  // A guest under Basalt does not see that the CPU is QEMU's own, which some checks hang or break (test/guests/lib/machine.inc).
  const append = on === "basalt on tcg" ? "tcg" : undefined;
  const kernel = together.map((topic) => ({ path: elfOf(topic), memory: topic.memory, append }));
  return { topics: together, options: { kernel }, ...endOf(on, together) };
}

/** A VM that ends otherwise than well gives its result to the run; a guest with a failed check exits with the value 1. */
function endOf(on: UnderBasalt, together: readonly Topic[]): Pick<TopicBoot, "result" | "exit"> {
  if (together.some(({ ends }) => ends === "by triple fault")) return { result: "43 triple-fault", exit: "guest" };
  const hasFailing = together.some(({ name }) => knownToFail(on, name).length !== 0);
  return hasFailing ? { result: "53 guest-exit", exit: "guestValue" } : { result: "0 ok", exit: "ok" };
}

/**
 * Fails unless the VM `vm` of `run` did what `topic` asks: all checks pass but those known to fail `on` there, none is left out
 * but for what Basalt lacks, and it comes to the end that it has on a bare machine. Says how many checks there were.
 */
export function assertTopic(on: UnderBasalt, run: RunResult, vm: number, topic: Topic): string {
  const begin = `basalt: vm${vm}: `;
  const said = run.lines.filter((line) => line.startsWith(begin)).map((line) => line.slice(begin.length));
  const report = readReport(said);
  const known = knownToFail(on, topic.name);
  const unknown = [...report.failed].filter(([name]) => !known.includes(name));
  const stale = known.filter((check) => !report.failed.has(check));
  const leftOut = [...report.skipped].filter(([, why]) => !(why in reasonsOn[on]));
  assert.deepEqual(unknown, [], "checks that fail and stand in no table");
  assert.deepEqual(stale, [], "deviations of test/guests/deviations.ts that did not show");
  assert.deepEqual(leftOut, [], "checks left out for a reason that is not known");
  assert.ok(report.passed.length > 0, `no check passed; ${run.summary}\n${run.lines.join("\n")}`);
  const isByTripleFault = topic.ends === "by triple fault";
  assert.ok(report.isComplete || isByTripleFault, "DONE is missing, or counts other checks");
  const ended = isByTripleFault ? "triple-fault" : known.length === 0 ? "ok" : "guest-exit with the value 1 (0x1)";
  assert.ok(
    said.some((line) => line.startsWith(`ended: ${ended}, `)),
    `vm${vm} did not end by ${ended}, but: ${said.find((line) => line.startsWith("ended: ")) ?? "not at all"}`,
  );
  return `${report.passed.length} passed, ${report.failed.size} failed, ${report.skipped.size} skipped`;
}
