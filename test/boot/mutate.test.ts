// Bochs as the judge of the doctor: thousands of real VMLAUNCHes of VMCSs with one or two wrong bits. Each ends as the
// doctor foretold, and for a reason that is among the rules that it found violated; or a named deviation of Bochs explains it.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { bochsLogLines } from "../../tools/emulators/bochs.ts";
import { buildDirectory, testDirectory } from "../../tools/paths.ts";
import { classNames, isUndecidable, JournalReader, type Attempt } from "../unit/core/machine/mutate-journal.ts";
import { loadDoctor } from "../unit/doctor/support.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { deviations, type Deviation } from "./support/mutate-deviations.ts";
import { judgeAttempts } from "./support/mutate-verdict.ts";

const LEAST = 10_000;
/** Penryn has neither EPT nor the VMX-preemption timer, Tiger Lake has CET and PKRS. */
const models = ["corei7_skylake_x", "corei7_icelake_u", "tigerlake", "corei7_sandy_bridge_2600k", "core2_penryn_t9600"];

/** Bochs shortens the names of its devices and fills them up to six letters. */
const JOURNAL = "BIOS  ";
const PROCESSOR = "CPU0  ";

const CONFIRMED = "mutate-confirmed.txt";

const doctor = await loadDoctor();
const slugsOfDoctor = doctor.rules.map(({ slug }) => slug);

const totals = new Map<Deviation, number>();
const confirmedByAny = new Set<string>();
const judged = new Set<string>();

function readJournal(log: string): JournalReader {
  const reader = new JournalReader(slugsOfDoctor);
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
        assert.deepEqual(slugs, slugsOfDoctor);
        const executed = attempts.filter(({ isExecuted }) => isExecuted);
        const undecidable = attempts.filter((attempt) => isUndecidable(attempt)).length;
        const left = attempts.length - executed.length - undecidable;
        const { problems, used, differing, explained, confirmed } = judgeAttempts(attempts, doctor);
        t.diagnostic(`${executed.length} VMLAUNCHes executed: ${countsOf(executed)}`);
        const reached = new Set(executed.flatMap(({ violated }) => violated));
        t.diagnostic(
          `${reached.size} of the doctor's ${slugs.length} rules were violated, ${confirmed.size} of them confirmed by Bochs`,
        );
        t.diagnostic(`${left} left to Node, ${undecidable} undecidable`);
        t.diagnostic(`${differing} ended in another class, ${explained} of them explained by deviations of Bochs`);
        for (const [row, count] of used) totals.set(row, (totals.get(row) ?? 0) + count);
        for (const slug of confirmed) confirmedByAny.add(slug);
        judged.add(cpu);

        assert.deepEqual(problems, []);
        assert.equal(explained, differing, "every attempt that ends in another class needs its deviation");
        assert.ok(executed.length >= LEAST, `${executed.length} VMLAUNCHes, expected ${LEAST} or more`);
        const sums = `${executed.length} VMLAUNCHes executed, ${left} left to Node, ${undecidable} undecidable, ${differing} disagreements`;
        assert.equal(onlyLine(run, / VMLAUNCHes executed, /), `basalt: mutate: ${sums}`);
      });
    }
  },
);

/** What is of all models together says nothing where some were left out. */
function areAllJudged(t: TestContext): boolean {
  const missing = models.filter((cpu) => !judged.has(cpu));
  if (missing.length > 0) t.skip(`not judged: ${missing.join(", ")}`);
  return missing.length === 0;
}

test("every deviation of Bochs that is named was met", (t) => {
  if (!areAllJudged(t)) return;
  for (const [row, count] of totals) t.diagnostic(`${count}: Bochs ${row.bochs} (${row.sdm})`);
  const unused = deviations.filter((row) => !totals.has(row));
  assert.deepEqual(
    unused.map(({ bochs }) => bochs),
    [],
  );
});

// The doctor chooses what is executed: a rule that it never finds violated, Bochs is never asked about.
test("Bochs confirms the rules that it has confirmed before, and no others", async (t) => {
  if (!areAllJudged(t)) return;
  const lines = (await readFile(join(testDirectory, "fixtures", CONFIRMED), "utf8")).trimEnd().split("\n");
  const comments = lines.filter((line) => line.startsWith("#"));
  const found = [...confirmedByAny].sort();
  t.diagnostic(`${found.length} rules confirmed on all models together`);
  await writeFile(join(buildDirectory, CONFIRMED), [...comments, ...found, ""].join("\n"));
  assert.deepEqual(
    found,
    lines.filter((line) => !line.startsWith("#")),
    `see build/${CONFIRMED}`,
  );
});
