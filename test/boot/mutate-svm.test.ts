// Emulators as judges of the doctor: thousands of real VMRUNs of VMCBs with one or two wrong words. Each ends as the doctor
// foretold, and in Bochs for a reason that is among the rules that it found violated; or a named deviation explains it.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { bochsLogLines } from "../../tools/emulators/bochs.ts";
import { buildDirectory, testDirectory } from "../../tools/paths.ts";
import { isUndecidable, JournalReader, netFlips, type Attempt } from "../unit/core/machine/mutate-journal.ts";
import { loadVmcbDoctor } from "../unit/doctor/vmcb/support.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { svmDeviations, type SvmDeviation } from "./support/mutate-svm-deviations.ts";
import { svmSlugsOf } from "./support/mutate-svm-reasons.ts";

const LEAST = 10_000;

/** The processors: TCG's has all that QEMU emulates, and once little of it, so that more bits are reserved. */
const places = [
  { name: "Bochs, ryzen", on: "bochs", emulator: "Bochs 2.7", cpu: "ryzen" },
  { name: "TCG, max", on: "tcg", emulator: "QEMU 7.2", cpu: "max" },
  {
    name: "TCG, max with less",
    on: "tcg",
    emulator: "QEMU 7.2",
    cpu: "max,-smep,-smap,-umip,-la57,-fsgsbase,-pku,-xsave,-fxsr-opt",
  },
] as const;

/** Bochs shortens the names of its devices and fills them up to six letters. */
const JOURNAL = "BIOS  ";
const PROCESSOR = "CPU0  ";
const CONFIRMED = "mutate-svm-confirmed.txt";

const doctor = await loadVmcbDoctor();
const slugsOfDoctor = doctor.rules.map(({ slug }) => slug);
const inputsOf = new Map(doctor.rules.map(({ slug, inputs }) => [slug, new Set(inputs.map(({ number }) => number))]));

const used = new Map<SvmDeviation, number>();
/** By slug, the emulators. */
const confirmed = new Map<string, Set<string>>();
const judged = new Set<string>();

function readJournal(log: string, isBochs: boolean): JournalReader {
  const reader = new JournalReader(slugsOfDoctor);
  if (!isBochs) for (const line of log.split("\n")) reader.take(line);
  else {
    for (const { device, message } of bochsLogLines(log)) {
      if (device === JOURNAL) reader.take(message);
      else if (device === PROCESSOR) reader.note(message);
    }
  }
  return reader;
}

/** What is wrong with an attempt, null where nothing is, or where deviations of the emulator explain it. */
function problemOf(attempt: Attempt, emulator: string): string | null {
  const { outcome, expected, violated, messages } = attempt;
  const flipped = [...netFlips(attempt).keys()];
  if (flipped.length === 0 && (expected !== "S" || outcome !== "S")) return `nothing is flipped, found ${outcome}`;
  const alarm = violated.find((slug) => !flipped.some((name) => reads(slug, name)));
  if (alarm !== undefined) return `no flipped bit is read by ${alarm}`;
  const rows = svmDeviations.filter(
    (row) => row.emulator === emulator && (row.when === undefined || row.when(attempt)),
  );
  if (outcome === expected) {
    const named = new Set(messages.flatMap(svmSlugsOf));
    if (expected === "S" || named.size === 0 || violated.some((slug) => named.has(slug))) return null;
    return rows.some(({ refuses }) => refuses)
      ? null
      : `said ${[...named].join(", ")}, the doctor ${violated.join(", ")}`;
  }
  const overlooking = rows.filter(({ overlooked }) => overlooked?.some((slug) => violated.includes(slug)));
  const isOverlooked = violated.every((slug) => overlooking.some(({ overlooked }) => overlooked?.includes(slug)));
  const explaining = expected === "S" ? rows.filter(({ refuses }) => refuses) : isOverlooked ? overlooking : [];
  for (const row of explaining) used.set(row, (used.get(row) ?? 0) + 1);
  return explaining.length > 0 ? null : `expected ${expected} (${violated.join(", ")}), found ${outcome}`;
}

/** Whether a rule reads what a flip of that name changes: at another CR3 there are other page-directory pointers. */
function reads(slug: string, name: number): boolean {
  return inputsOf.get(slug)?.has(name) === true || (name === CR3 && slug.startsWith("vmcb.pdpe-"));
}
const CR3 = 0x8550;

/** The rule that a refusal confirms: the only one that is violated, and where the emulator gives a reason, that one. */
function confirm({ outcome, violated, messages }: Attempt, emulator: string): void {
  const named = new Set(messages.flatMap(svmSlugsOf));
  if (outcome !== "I" || violated.length !== 1 || (named.size > 0 && !named.has(violated[0]!))) return;
  const emulators = confirmed.get(violated[0]!) ?? new Set();
  confirmed.set(violated[0]!, emulators.add(emulator.split(" ")[0]!));
}

describe("every VMRUN of a mutated VMCB ends as the doctor foretells, for one of its reasons, in", () => {
  for (const { name, on, emulator, cpu } of places) {
    test(name, async (t) => {
      const run = await boot(on, "guest=mutate", { cpu, timeoutSeconds: 300, hasJournal: true });
      assertEnded(run, "0 ok", "ok");
      const { attempts, slugs } = readJournal(await readFile(run.logPath!, "utf8"), on === "bochs");
      assert.deepEqual(slugs, slugsOfDoctor);
      const executed = attempts.filter(({ isExecuted }) => isExecuted);
      const undecidable = attempts.filter((attempt) => isUndecidable(attempt)).length;
      const left = attempts.length - executed.length - undecidable;
      const differing = executed.filter(({ expected, outcome }) => expected !== outcome).length;
      const problems = executed.flatMap((attempt) => {
        const problem = problemOf(attempt, emulator);
        const flips = attempt.flips.map(([field, bits]) => `${field.toString(16)}^${bits.toString(16)}`).join(" ");
        return problem === null ? [] : [`${attempt.serial} ${attempt.base} ${flips}: ${problem}`];
      });
      for (const attempt of executed) confirm(attempt, emulator);
      judged.add(name);
      const refused = executed.filter(({ outcome }) => outcome === "I").length;
      t.diagnostic(`${executed.length} VMRUNs executed, ${refused} of them VMEXIT_INVALID`);
      t.diagnostic(`${left} left out, ${undecidable} undecidable, ${differing} explained by deviations`);
      assert.deepEqual(problems, []);
      assert.ok(executed.length >= LEAST, `${executed.length} VMRUNs, expected ${LEAST} or more`);
      const sums = `${executed.length} VMRUNs executed, ${left} left out, ${undecidable} undecidable, ${differing} disagreements`;
      assert.equal(onlyLine(run, / VMRUNs executed, /), `basalt: mutate: ${sums}`);
    });
  }
});

/** What is of all processors together says nothing where some were left out. */
function areAllJudged(t: TestContext): boolean {
  const missing = places.filter(({ name }) => !judged.has(name)).map(({ name }) => name);
  if (missing.length > 0) t.skip(`not judged: ${missing.join(", ")}`);
  return missing.length === 0;
}

test("every deviation that is named was met", (t) => {
  if (!areAllJudged(t)) return;
  for (const [row, count] of used) t.diagnostic(`${count}: ${row.emulator} ${row.does} (APM 2 ${row.apm})`);
  const unused = svmDeviations.filter((row) => !used.has(row));
  assert.deepEqual(
    unused.map(({ emulator, does }) => `${emulator} ${does}`),
    [],
  );
});

// The doctor chooses what is executed: a rule that it never finds violated, no emulator is ever asked about.
test("the emulators confirm the rules that they have confirmed before, and no others", async (t) => {
  if (!areAllJudged(t)) return;
  const lines = (await readFile(join(testDirectory, "fixtures", CONFIRMED), "utf8")).trimEnd().split("\n");
  const comments = lines.filter((line) => line.startsWith("#"));
  const found = [...confirmed].map(([slug, emulators]) => `${slug}: ${[...emulators].sort().join(", ")}`).sort();
  t.diagnostic(
    `${found.length} of ${slugsOfDoctor.filter((slug) => !slug.startsWith("advice.")).length} rules confirmed`,
  );
  await writeFile(join(buildDirectory, CONFIRMED), [...comments, ...found, ""].join("\n"));
  assert.deepEqual(
    found,
    lines.filter((line) => !line.startsWith("#")),
    `see build/${CONFIRMED}`,
  );
});
