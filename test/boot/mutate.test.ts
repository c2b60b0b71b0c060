// Bochs as the judge of the doctor: thousands of real VMLAUNCHes of VMCSs with one or two wrong bits. Each ends as the
// doctor foretold, and for a reason that is among the rules that it found violated; or a named deviation of Bochs explains it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { bochsLogLines } from "../../tools/emulators/bochs.ts";
import { classNames, JournalReader, type Attempt } from "../unit/core/machine/mutate-journal.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { deviations, type Deviation } from "./support/mutate-deviations.ts";
import { judgeAttempts } from "./support/mutate-verdict.ts";

const LEAST = 10_000;
/** Penryn has neither EPT nor the VMX-preemption timer, Tiger Lake has CET and PKRS. */
const models = ["corei7_skylake_x", "corei7_icelake_u", "tigerlake", "corei7_sandy_bridge_2600k", "core2_penryn_t9600"];

/** Bochs shortens the names of its devices and fills them up to six letters. */
const JOURNAL = "BIOS  ";
const PROCESSOR = "CPU0  ";

const totals = new Map<Deviation, number>();

function readJournal(log: string): JournalReader {
  const reader = new JournalReader();
  for (const { device, message } of bochsLogLines(log)) {
    if (device === JOURNAL) reader.take(message);
    else if (device === PROCESSOR) reader.note(message);
  }
  return reader;
}

/** How many attempts ended in each class. */
function countsOf(attempts: readonly Attempt[]): string {
  const counts = Object.entries(classNames).map(
    ([letter, name]) => `${name} ${attempts.filter(({ outcome }) => outcome === letter).length}`,
  );
  return counts.join(", ");
}

describe(
  "every VMLAUNCH of a mutated VMCS in Bochs ends as the doctor foretells, for one of its reasons, on",
  { concurrency: 2 },
  () => {
    for (const cpu of models) {
      test(cpu, async (t) => {
        const run = await boot("bochs", "guest=mutate", { cpu, timeoutSeconds: 400 });
        assertEnded(run, "0 ok", "ok");
        const { attempts, slugs } = readJournal(await readFile(run.logPath!, "utf8"));
        const executed = attempts.filter(({ isExecuted }) => isExecuted);
        const { problems, used } = judgeAttempts(attempts);
        const explained = [...used.values()].reduce((sum, count) => sum + count, 0);
        t.diagnostic(`${executed.length} VMLAUNCHes executed: ${countsOf(executed)}`);
        const reached = new Set(executed.flatMap(({ violated }) => violated));
        t.diagnostic(`${reached.size} of the doctor's ${slugs.length} rules were violated`);
        t.diagnostic(
          `${attempts.length - executed.length} left to Node, ${explained} explained by deviations of Bochs`,
        );
        for (const [row, count] of used) totals.set(row, (totals.get(row) ?? 0) + count);

        assert.deepEqual(problems, []);
        assert.ok(executed.length >= LEAST, `${executed.length} VMLAUNCHes, expected ${LEAST} or more`);
        onlyLine(run, new RegExp(`^basalt: mutate: ${executed.length} VMLAUNCHes executed, `));
      });
    }
  },
);

test("every deviation of Bochs that is named was met", (t) => {
  for (const [row, count] of totals) t.diagnostic(`${count}: Bochs ${row.bochs} (${row.sdm})`);
  const unused = deviations.filter((row) => !totals.has(row));
  assert.deepEqual(
    unused.map(({ bochs }) => bochs),
    [],
  );
});
