// Runs tables of rule cases: each rule is violated by the one set of changes and holds with the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type RuleCase } from "../support.ts";

/** The slugs of all cases that were registered in this process. */
export const slugsWithCases = new Set<string>();

/** Registers two tests for each case. A row needs values that are known: undecidable is neither. */
export async function testRules(cases: readonly RuleCase[]): Promise<void> {
  const doctor = await loadDoctor();
  for (const { slug, violated, holds, violatedEntries, holdsEntries } of cases) {
    slugsWithCases.add(slug);
    test(`${slug} is violated by ${describe(violated)}`, () => {
      const finding = findingOf(doctor, slug, violated, violatedEntries);
      assert.equal(finding.outcome, "violated");
      assert.notEqual(finding.witnesses.length, 0, "a violated rule names the value that broke it");
    });
    test(`${slug} holds with ${describe(holds)}`, () => {
      assert.equal(findingOf(doctor, slug, holds, holdsEntries).outcome, "holds");
    });
  }
}

function describe(changes: RuleCase["violated"]): string {
  const texts = Object.entries(changes).map(([name, value]) => `${name} ${textOf(value)}`);
  return texts.length === 0 ? "the valid VMCS" : texts.join(", ");
}

function textOf(value: RuleCase["violated"][string] | undefined): string {
  return typeof value === "bigint" ? `0x${value.toString(16)}` : (value ?? "unknown");
}
