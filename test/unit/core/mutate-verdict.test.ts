// How the journal of guest=mutate is judged: what a boot test on top of it could overlook.
import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeAttempts, type Verdict } from "../../boot/support/mutate-verdict.ts";
import { loadDoctor } from "../doctor/support.ts";
import { readFixture } from "../x86/load-table.ts";
import { isUndecidable, JournalReader } from "./machine/mutate-journal.ts";

const doctor = await loadDoctor();

/** What becomes of a journal with a single attempt, which violates the rules `slugs`; flips as the journal has them. */
function verdictOf(
  expected: string,
  slugs: readonly string[],
  message: string,
  outcome: string,
  flips = "6820^2",
): Verdict {
  const reader = new JournalReader();
  slugs.forEach((slug, i) => reader.take(`rule ${i} ${slug}`));
  reader.take(`mutate 7 64-bit ${expected} ${flips}`);
  if (slugs.length > 0) reader.take(`violates 7 ${slugs.map((_, i) => i).join(" ")}`);
  if (message !== "") reader.note(message);
  if (outcome !== "") reader.take(`outcome 7 ${outcome}`);
  return judgeAttempts(reader.attempts, doctor);
}

const problemsOf = (...attempt: Parameters<typeof verdictOf>): readonly string[] => verdictOf(...attempt).problems;

const bit1 = "VMENTER FAIL: RFLAGS[1] cleared";
const reserved = "VMENTER FAIL: RFLAGS reserved bits are set";

test("an outcome that was foretold, for a reason that is violated, is no problem", () => {
  assert.deepEqual(problemsOf("G", ["guest.rflags.bit-1"], bit1, "G"), []);
  assert.deepEqual(problemsOf("CH", ["control.vpid.zero"], "VMFAIL: VMCS EXEC CTRL: guest VPID == 0", "C", "0^1"), []);
  assert.deepEqual(problemsOf("S", [], "", "S"), []);
});

const wrong: readonly (readonly [string, string, string[], string, string, RegExp])[] = [
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
  [
    "a deviation that ends otherwise than named",
    "G",
    ["guest.pending-debug.single-step-set"],
    "",
    "M",
    /expected G, found M/,
  ],
];
for (const [what, expected, slugs, message, outcome, pattern] of wrong) {
  test(`${what} is a problem`, () => {
    const problems = problemsOf(expected, slugs, message, outcome);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, pattern);
  });
}

const RIP = "681e^4000000000000000";
const ENTRY_TO_SMM = "4012^400";

test("what Bochs is known to overlook is explained by its deviation", () => {
  const both = ["guest.rip.width", "guest.debugctl.reserved"];
  assert.deepEqual(problemsOf("G", ["guest.rip.width"], "", "S", RIP), []);
  assert.deepEqual(problemsOf("G", both, "", "S", `${RIP} 2802^8`), []);
  assert.equal(problemsOf("G", ["guest.rip.width", "guest.rflags.bit-1"], "", "S", `${RIP} 6820^2`).length, 1);
  const early = ["control.entry.entry-to-smm", "guest.rflags.bit-1"];
  assert.deepEqual(problemsOf("C", early, bit1, "G", `${ENTRY_TO_SMM} 6820^2`), []);
  assert.equal(problemsOf("C", early, reserved, "G", `${ENTRY_TO_SMM} 6820^2`).length, 1);
});

test("an attempt that a deviation explains counts as one that ended in another class", () => {
  const { differing, explained } = verdictOf("G", ["guest.rip.width"], "", "S", RIP);
  assert.deepEqual([differing, explained], [1, 1]);
  const unexplained = verdictOf("S", [], bit1, "G");
  assert.deepEqual([unexplained.differing, unexplained.explained], [1, 0]);
});

test("a rule that is always violated is a problem, though Bochs is known to overlook it", () => {
  assert.match(problemsOf("G", ["guest.rip.width"], "", "S")[0]!, /no flipped bit is read by guest\.rip\.width/);
  assert.match(problemsOf("G", ["guest.rip.width"], "", "S", "")[0]!, /nothing is flipped, .* found GS/);
  assert.match(problemsOf("G", ["guest.rip.width"], "", "S", `${RIP} ${RIP}`)[0]!, /nothing is flipped/);
  // Where the attempt ends as foretold, for another reason that is right, too.
  assert.equal(problemsOf("G", ["guest.rip.width", "guest.rflags.bit-1"], bit1, "G").length, 1);
});

test("a flip of an address is a flip of what is there", () => {
  const tprThreshold = "VMFAIL: VMCS EXEC CTRL: TPR threshold > TPR shadow";
  assert.deepEqual(problemsOf("C", ["control.tpr-threshold.vtpr"], tprThreshold, "C", "2012^1000"), []);
  assert.equal(problemsOf("C", ["control.tpr-threshold.vtpr"], tprThreshold, "C", "2010^1000").length, 1);
});

const rpl = "VMENTER FAIL: VMCS guest non-conforming CS.RPL <> CS.DPL";
const paging = "VMENTER FAIL: VMCS unrestricted guest CR0.PG without CR0.PE";
const CS_SELECTOR = "802^1";
const CR0_BIT_32 = "6800^100000000";

test("what Bochs is known to claim is explained by its deviation", () => {
  assert.deepEqual(problemsOf("S", [], rpl, "G", CS_SELECTOR), []);
  assert.deepEqual(problemsOf("G", ["guest.cr0.fixed1"], paging, "G", CR0_BIT_32), []);
  const early = ["control.entry.entry-to-smm", "guest.cr0.fixed1"];
  assert.deepEqual(problemsOf("C", early, paging, "G", `${ENTRY_TO_SMM} ${CR0_BIT_32}`), []);
});

test("a claim explains no answer of the doctor's about something else", () => {
  const vpid = `0^1 ${CS_SELECTOR}`;
  assert.match(problemsOf("C", ["control.vpid.zero"], rpl, "G", vpid)[0]!, /expected C, found G/);
  assert.equal(problemsOf("C", ["control.vpid.zero"], paging, "G", `0^1 ${CR0_BIT_32}`).length, 1);
  assert.equal(problemsOf("H", ["host.cr4.fixed1"], rpl, "G", `6c04^80000 ${CS_SELECTOR}`).length, 1);
  assert.equal(problemsOf("S", [], rpl, "H", CS_SELECTOR).length, 1);
});

test("the claim about CR0.PG explains nothing where the doctor overlooks the bit that Bochs takes for it", () => {
  assert.match(problemsOf("S", [], paging, "G", CR0_BIT_32)[0]!, /expected S, found G/);
  assert.equal(problemsOf("G", ["guest.cr0.fixed0"], paging, "G", CR0_BIT_32).length, 1);
});

test("a rule that is never violated is not confirmed: what is left out for it confirms nothing", () => {
  const cr4 = "VMFAIL: VMCS host state invalid CR4";
  const { confirmed } = verdictOf("H", ["host.cr4.fixed1"], cr4, "H", "6c04^80000");
  assert.deepEqual([...confirmed], ["host.cr4.fixed1"]);
  const either = verdictOf("H", ["host.cr4.fixed0", "host.cr4.fixed1"], cr4, "H", "6c04^82000");
  assert.deepEqual([...either.confirmed], []);
  const reader = new JournalReader();
  reader.take("left 7 64-bit S 6c04^80000");
  assert.deepEqual([...judgeAttempts(reader.attempts, doctor).confirmed], []);
  // The boot test holds what is confirmed against this.
  assert.ok(readFixture("mutate-confirmed.txt").some(([slug]) => slug === "host.cr4.fixed1"));
});

test("undecidable attempts are told from those that are left out as dangerous", () => {
  const reader = new JournalReader();
  reader.take("left 7 64-bit ? 6c04^80000");
  reader.take("left 8 64-bit CS 6c04^80000");
  assert.deepEqual(reader.attempts.map(isUndecidable), [true, false]);
});

test("a slug that the journal cuts off is made whole by its number", () => {
  const whole = doctor.rules.map(({ slug }) => slug);
  const index = whole.findIndex((slug) => slug.length > 64);
  const reader = new JournalReader(whole);
  reader.take(`rule ${index} ${whole[index]}`.slice(0, 72));
  reader.take("rule 0 other");
  assert.equal(reader.slugs[index], whole[index]);
  assert.equal(reader.slugs[0], "other");
});
