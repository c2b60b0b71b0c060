// The test guests on bare machines, as the reference: what fails here is the emulator's, and stands in a table.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "../../tools/paths.ts";
import { deviations, knownToFail, type Reference } from "../guests/deviations.ts";
import { topics } from "../guests/topics.ts";
import { expectedEnd, runBare } from "./support/bare-guest.ts";

const references: readonly Reference[] = ["bochs", "tcg"];

test("every guest in test/guests is a topic", () => {
  const sources = readdirSync(join(root, "test/guests")).filter((name) => name.endsWith(".asm"));
  assert.deepEqual(topics.map(({ name }) => `${name}.asm`).sort(), sources.sort());
});

test("every deviation is one of a topic", () => {
  const strangers = deviations.filter(({ topic }) => !topics.some(({ name }) => name === topic));
  assert.deepEqual(strangers, []);
});

for (const on of references) {
  describe(`on bare ${on}, all checks pass but those known to fail there:`, { concurrency: 2 }, () => {
    for (const topic of topics) {
      test(topic.name, async (t) => {
        const run = await runBare(on, topic);
        const known = knownToFail(on, topic.name);
        const unknown = [...run.failed].filter(([name]) => !known.includes(name));
        const stale = known.filter((check) => !run.failed.has(check));
        assert.deepEqual(unknown, [], "checks that fail and stand in no table");
        assert.deepEqual(stale, [], "deviations of test/guests/deviations.ts that did not show");
        assert.deepEqual(run.others, [], "lines that are no check's");
        assert.equal(new Set([...run.passed, ...run.failed.keys(), ...run.skipped.keys()]).size, countOf(run));
        assert.match(run.end, expectedEnd(on, topic, run), `its files are in ${run.directory}`);
        assert.ok(run.isComplete || topic.ends !== "by exit port", "DONE is missing, or counts other checks");
        t.diagnostic(`${run.passed.length} passed, ${run.failed.size} failed, ${run.skipped.size} skipped`);
      });
    }
  });
}

/** How many lines a run's checks made; the names are as many if no two checks have one. */
function countOf(run: Awaited<ReturnType<typeof runBare>>): number {
  return run.passed.length + run.failed.size + run.skipped.size;
}
