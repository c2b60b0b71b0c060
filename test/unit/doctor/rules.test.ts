// Runs every table of rule cases (rules/*.cases.ts), and holds that no rule is without one.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { testRules } from "./rules/rule-cases.ts";
import { loadDoctor, type RuleCase } from "./support.ts";

const folder = new URL("rules/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".cases.ts"));

const cases = await Promise.all(
  files.map(async (file) => {
    const { default: table } = (await import(new URL(file, folder).href)) as { default: readonly RuleCase[] };
    return table;
  }),
).then((tables) => tables.flat());

const doctor = await loadDoctor();

test("every rule has a case that violates it and one with which it holds", () => {
  const covered = new Set(cases.map(({ slug }) => slug));
  assert.deepEqual(
    doctor.rules.map(({ slug }) => slug).filter((slug) => !covered.has(slug)),
    [],
  );
});

await testRules(cases);
