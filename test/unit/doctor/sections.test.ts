// The table of rules as a whole: which sub-sections of the SDM it covers, and how its rows are written.
import assert from "node:assert/strict";
import { test } from "node:test";
import { STAGES, type Stage } from "../../../tools/doctor/doctor.ts";
import { loadDoctor } from "./support.ts";

const { rules } = await loadDoctor();

/** The sub-sections of SDM 3C (326019-083US) whose checks are rules, and the stage that each belongs to. */
const SECTIONS: [section: string, stage: Stage][] = [
  ["27.1", "basic"],
  ["27.2.1.1", "controls"],
  ["27.2.1.2", "controls"],
  ["27.2.1.3", "controls"],
  ["27.2.2", "host"],
  ["27.2.3", "host"],
  ["27.2.4", "host"],
  ["27.3.1.1", "guest"],
  ["27.3.1.2", "guest"],
  ["27.3.1.3", "guest"],
  ["27.3.1.4", "guest"],
  ["27.3.1.5", "guest"],
  ["27.3.1.6", "guest"],
  ["27.4", "msr-loading"],
];

/** The instructions of SDM 3C 31.3 whose operation is checked, by the first word of the slug. */
const INSTRUCTIONS = ["vmxon", "vmclear", "vmptrld", "vmlaunch"];

const FIRST_WORDS = ["control", "host", "guest", "msr", ...INSTRUCTIONS, "vmresume", "advice"];

for (const [section, stage] of SECTIONS) {
  test(`section ${section} of the SDM has a rule, of the stage ${stage}`, () => {
    assert.notEqual(rules.filter((rule) => rule.section === section && rule.stage === stage).length, 0);
  });
}

for (const instruction of INSTRUCTIONS) {
  test(`the checks of ${instruction.toUpperCase()} have a rule`, () => {
    assert.notEqual(rules.filter(({ slug }) => slug.startsWith(`${instruction}.`)).length, 0);
  });
}

test("every rule cites a section of the SDM's, or another document by its name; advice may go without", () => {
  const wrong = rules.filter(
    ({ stage, section }) => stage !== "advice" && !/^(\d+(\.\d+)+( (of|and) .*)?|[A-Z].* \d{6}.*)$/.test(section),
  );
  assert.deepEqual(
    wrong.map(({ slug, section }) => `${slug}: ${section}`),
    [],
  );
});

test("slugs are unique words in lower case, and begin with what the rule is about", () => {
  const slugs = rules.map(({ slug }) => slug);
  assert.deepEqual(
    slugs.filter((slug, index) => slugs.indexOf(slug) !== index),
    [],
  );
  const words = "[a-z0-9]+(-[a-z0-9]+)*";
  const shape = new RegExp(`^(${FIRST_WORDS.join("|")})(\\.${words})+$`);
  assert.deepEqual(
    slugs.filter((slug) => !shape.test(slug)),
    [],
  );
});

test("advice, and only advice, has a slug of advice", () => {
  for (const { slug, stage } of rules) assert.equal(slug.startsWith("advice."), stage === "advice", slug);
});

test("rules stand in the order of the stages", () => {
  const order = rules.map(({ stage }) => STAGES.indexOf(stage));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
});

test("sentences begin with a capital, a number or a sign and end in a full stop; a hint may be a question", () => {
  const wrong = rules.flatMap(({ sentence, hint }) => [
    ...(/^[A-Z0-9"#].*\.$/.test(sentence) ? [] : [sentence]),
    ...(hint === "" || /^[A-Z0-9"#].*[.?]$/.test(hint) ? [] : [hint]),
  ]);
  assert.deepEqual(wrong, []);
});

test("texts are ASCII, which a serial console shows", () => {
  const texts = rules.flatMap(({ sentence, hint, section }) => [sentence, hint, section]);
  assert.deepEqual(
    texts.filter((text) => !/^[\x20-\x7e]*$/.test(text)),
    [],
  );
});

test("every rule reads something", () => {
  assert.deepEqual(
    rules.filter(({ inputs }) => inputs.length === 0).map(({ slug }) => slug),
    [],
  );
});
