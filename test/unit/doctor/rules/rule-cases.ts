// Runs tables of rule cases: each rule is violated by the one set of changes and holds with the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Input, Subject } from "../../../../tools/doctor/doctor.ts";
import { findingOf, loadDoctor, type RuleCase, subjectWith } from "../support.ts";

/**
 * Advice takes what is not known for right. Reserved bits that hang on a capability MSR are presumed to be as on every known
 * processor, and the TRUE MSRs to exist where one is given.
 */
const PRESUMES = /^advice\.|\.allowed-[01]$|\.fixed-?[01]$/;
/** States that count as 0 unless they are given. */
const RARE = new Set(["IN_SMM", "IN_SEAM", "IA32_TME_ACTIVATE"]);

function without(subject: Subject, input: Input): Subject {
  const remaining = <Key>(values: ReadonlyMap<Key, bigint> | undefined, key: Key): Map<Key, bigint> =>
    new Map([...(values ?? [])].filter(([name]) => name !== key));
  if (input.kind === "field") return { ...subject, fields: remaining(subject.fields, input.number) };
  if (input.kind === "state") return { ...subject, state: remaining(subject.state, input.name) };
  return { ...subject, capabilities: remaining(subject.capabilities, input.name) };
}

/** The slugs of all cases that were registered in this process. */
export const slugsWithCases = new Set<string>();

/** Registers the tests of each case. A row needs values that are known: undecidable is neither. */
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
    if (PRESUMES.test(slug)) continue;
    test(`${slug} is decided otherwise for want of none of what it reads`, () => {
      for (const [changes, entries, other] of [
        [violated, violatedEntries, "holds"],
        [holds, holdsEntries, "violated"],
      ] as const) {
        const whole = subjectWith(doctor, changes, entries);
        const rule = doctor.rules.find((row) => row.slug === slug)!;
        for (const input of rule.inputs.filter(({ name }) => !RARE.has(name))) {
          assert.notEqual(doctor.judge(without(whole, input), rule).outcome, other, `without ${input.name}`);
        }
      }
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
