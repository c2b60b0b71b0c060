// Runs all cases of rules (rules/*.cases.ts) in one process, and holds that no rule is without one.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { slugsWithCases } from "./rules/rule-cases.ts";
import { loadDoctor } from "./support.ts";

const folder = new URL("rules/", import.meta.url);
for (const file of readdirSync(folder)) {
  if (file.endsWith(".cases.ts")) await import(new URL(file, folder).href);
}

const { rules } = await loadDoctor();

/** It tells what depends on the model of the processor: it holds or cannot be decided, which its own test shows. */
const NEVER_VIOLATED = "msr.model-specific";

test("every rule has a case that violates it and one with which it holds", () => {
  assert.deepEqual(
    rules.map(({ slug }) => slug).filter((slug) => !slugsWithCases.has(slug)),
    [NEVER_VIOLATED],
  );
});
