// How the journal of guest=mutate is judged: what a boot test on top of it could overlook.
import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeAttempts } from "../../boot/support/mutate-verdict.ts";
import { JournalReader } from "./machine/mutate-journal.ts";

/** The problems of a journal with a single attempt, which violates the rules `slugs`. */
function problemsOf(expected: string, slugs: readonly string[], message: string, outcome: string): readonly string[] {
  const reader = new JournalReader();
  slugs.forEach((slug, i) => reader.take(`rule ${i} ${slug}`));
  reader.take(`mutate 7 64-bit ${expected} 6820^2`);
  if (slugs.length > 0) reader.take(`violates 7 ${slugs.map((_, i) => i).join(" ")}`);
  if (message !== "") reader.note(message);
  if (outcome !== "") reader.take(`outcome 7 ${outcome}`);
  return judgeAttempts(reader.attempts).problems;
}

const bit1 = "VMENTER FAIL: RFLAGS[1] cleared";
const reserved = "VMENTER FAIL: RFLAGS reserved bits are set";

test("an outcome that was foretold, for a reason that is violated, is no problem", () => {
  assert.deepEqual(problemsOf("G", ["guest.rflags.bit-1"], bit1, "G"), []);
  assert.deepEqual(problemsOf("CH", ["control.vpid.zero"], "VMFAIL: VMCS EXEC CTRL: guest VPID == 0", "C"), []);
  assert.deepEqual(problemsOf("S", [], "", "S"), []);
});

const wrong: readonly (readonly [string, ...Parameters<typeof problemsOf>, RegExp])[] = [
  ["another class of outcome", "G", ["guest.rflags.bit-1"], "", "S", /^7 64-bit 6820\^2: expected G, found S$/],
  ["a failure that was not foretold", "S", [], bit1, "G", /expected S, found G/],
  [
    "a reason that is not violated",
    "G",
    ["guest.rflags.bit-1"],
    reserved,
    "G",
    /Bochs says .*, the doctor guest\.rflags/,
  ],
  [
    "a reason that the table lacks",
    "G",
    ["guest.rflags.bit-1"],
    "VMENTER FAIL: moon",
    "G",
    /the table of reasons lacks/,
  ],
  ["a failure without a reason", "G", ["guest.rflags.bit-1"], "", "G", /Bochs gives no reason/],
  ["an attempt without an outcome", "G", ["guest.rflags.bit-1"], "", "", /no outcome/],
  ["a deviation that ends otherwise than named", "G", ["guest.rip.width"], "", "M", /expected G, found M/],
];
for (const [what, expected, slugs, message, outcome, pattern] of wrong) {
  test(`${what} is a problem`, () => {
    const problems = problemsOf(expected, slugs, message, outcome);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, pattern);
  });
}

test("what Bochs is known to overlook is explained by its deviation", () => {
  assert.deepEqual(problemsOf("G", ["guest.rip.width"], "", "S"), []);
  assert.deepEqual(problemsOf("G", ["guest.rip.width", "guest.debugctl.reserved"], "", "S"), []);
  assert.equal(problemsOf("G", ["guest.rip.width", "guest.rflags.bit-1"], "", "S").length, 1);
  assert.deepEqual(problemsOf("C", ["control.entry.entry-to-smm", "guest.rflags.bit-1"], bit1, "G"), []);
  assert.equal(problemsOf("C", ["control.entry.entry-to-smm", "guest.rflags.bit-1"], reserved, "G").length, 1);
});
