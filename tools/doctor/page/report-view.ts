// The result of an examination: violated rules by stage, advice, what cannot be decided, and what holds.
import type { Finding, Stage, Witness } from "../doctor.ts";
import type { Dump } from "../dump.ts";
import type { DumpExamination } from "../examine.ts";
import { citation, stageWords } from "../stages.ts";
import { element, jump } from "./dom.ts";
import { lineId } from "./dump-view.ts";
import { type Labelled, markId, type PlacedNote } from "./findings.ts";
import { inDump } from "../examine.ts";
import { undecidableView } from "./undecidable-view.ts";
import { bitRanges, counted, inputView, markedValue, slugLink, valueText } from "./values.ts";

/** What the doctor says of a witness whose requirement is the rule's sentence. */
const AS_THE_RULE_SAYS = "must be as the rule says";
const NOT_ASKED = "They are about the processor's state before the entry, of which the dump tells nothing.";

/** Everything below the verdict. */
export function reportView(
  dump: Dump,
  examination: DumpExamination,
  byStage: ReadonlyMap<Stage, readonly Labelled[]>,
  notes: readonly PlacedNote[],
): Node[] {
  const { findings } = examination;
  const undecidable = findings.filter(({ outcome, rule }) => outcome === "undecidable" && rule.stage !== "advice");
  const notAsked = findings.filter(({ outcome }) => outcome === "notAsked");
  const holding = findings.filter(({ outcome, rule }) => outcome === "holds" && rule.stage !== "advice");
  return [
    ...[...byStage].map(([stage, labelled]) => stageView(stage, labelled, dump, examination)),
    ...undecidableView(undecidable),
    ...notesView(notes),
    ...listView(notAsked, `${counted(notAsked.length, "rule")} not asked`, NOT_ASKED),
    ...listView(holding, `${counted(holding.length, "rule")} ${holding.length === 1 ? "holds" : "hold"}`, ""),
  ];
}

function stageView(stage: Stage, labelled: readonly Labelled[], dump: Dump, examination: DumpExamination): Node {
  const { title, outcome } = stageWords(labelled[0]!.finding.rule);
  const heading = element("h3", { id: `stage-${stage}` }, title, element("span", { class: "outcome" }, ` ${outcome}`));
  const cards = labelled.map((each) => card(each, dump, examination));
  return element("section", { "aria-labelledby": heading.id, class: "stage" }, heading, ...cards);
}

function card({ label, id, isAdvice, finding }: Labelled, dump: Dump, examination: DumpExamination): Node {
  const { rule, witnesses } = finding;
  const heading = element(
    "h4",
    { id: `${id}-title` },
    element("span", { class: "label" }, isAdvice ? "Advice " : "Violated ", element("b", {}, label.replace("A", ""))),
    " ",
    slugLink(rule),
    " ",
    element("span", { class: "section" }, citation(rule)),
  );
  return element(
    "article",
    { class: `card ${isAdvice ? "advice" : "violated"}`, id, "aria-labelledby": heading.id, tabindex: "-1" },
    heading,
    element("p", {}, rule.sentence),
    ...witnesses.map((witness) => witnessView(witness, dump, examination)),
    contextView(finding, dump, examination),
    rule.hint === "" ? null : element("p", { class: "hint" }, element("b", {}, "Hint: "), rule.hint),
  );
}

function witnessView(witness: Witness, dump: Dump, examination: DumpExamination): Node {
  const { input, found, bits } = witness;
  const value = inDump(dump, examination, input);
  const row = (term: string, ...content: (Node | string)[]): Node =>
    element("div", {}, element("dt", {}, term), element("dd", {}, ...content));
  const place = value ? [", ", jump(markId(value), `line ${value.place.line}`)] : [", ", whyNowhere(witness, dump)];
  return element(
    "dl",
    { class: "witness" },
    row(input.kind === "field" ? "Field" : "Input", inputView(input), ...place),
    row("Found", markedValue(input, found, bits)),
    witness.entry === 0 ? null : row("Entry", `${witness.entry} of the VM-entry MSR-load area, counted from 1`),
    witness.requirement === AS_THE_RULE_SAYS
      ? null
      : row("Required", bits.length === 0 ? witness.requirement : bitsView(witness)),
  );
}

/** Why no line of the dump has the value. */
function whyNowhere({ input }: Witness, dump: Dump): string {
  if (input.kind === "field" && dump.neverWritten.has(input.number)) return "never written, so 0";
  return input.kind === "capability" ? "of the chosen processor" : "not on a line of its own";
}

/** The bits that differ: a line for each that has a name, one for the others. */
function bitsView({ bits }: Witness): Node {
  const named = bits.filter(({ name }) => name !== "").reverse();
  const lines = named.map(({ bit, name, mustBe }) => [`bit ${bit}, ${name}, `, ...isAndMustBe(mustBe)]);
  for (const mustBe of [0, 1] as const) {
    const unnamed = bits.filter((bit) => bit.name === "" && bit.mustBe === mustBe).map(({ bit }) => bit);
    if (unnamed.length === 0) continue;
    lines.push([`${unnamed.length === 1 ? "bit" : "bits"} ${bitRanges(unnamed)}: `, ...isAndMustBe(mustBe)]);
  }
  return element("ul", {}, ...lines.map((line) => element("li", {}, ...line)));
}

function isAndMustBe(mustBe: 0 | 1): (Node | string)[] {
  return [`found ${1 - mustBe}, must be `, element("b", {}, `${mustBe}`)];
}

/** What else the rule reads and the examination knows. */
function contextView({ rule, witnesses }: Finding, dump: Dump, examination: DumpExamination): Node | null {
  const { fields, capabilities, state } = examination.subject;
  const others = rule.inputs.flatMap((input) => {
    if (witnesses.some((witness) => witness.input.number === input.number)) return [];
    const value =
      input.kind === "field"
        ? fields.get(input.number)
        : (input.kind === "capability" ? capabilities : state)?.get(input.name);
    if (value === undefined) return [];
    const inText = inDump(dump, examination, input);
    const place = inText ? [", ", jump(lineId(inText.place.line), `line ${inText.place.line}`)] : [];
    const code = element("code", { class: "value" }, valueText(input, value));
    return [element("li", {}, inputView(input), " = ", code, ...place)];
  });
  if (others.length === 0) return null;
  return element("div", { class: "context" }, element("p", {}, "The rule also reads:"), element("ul", {}, ...others));
}

function notesView(notes: readonly PlacedNote[]): Node[] {
  if (notes.length === 0) return [];
  const items = notes.map(({ line, text }) =>
    element("li", {}, ...(line === null ? [] : [jump(lineId(line), `Line ${line}`), ": "]), text),
  );
  const summary = element("summary", {}, element("h3", {}, `How the dump was read: ${counted(notes.length, "note")}`));
  return [element("details", { class: "notes" }, summary, element("ul", {}, ...items))];
}

/** Rules by their slugs alone, collapsed. */
function listView(findings: readonly Finding[], title: string, why: string): Node[] {
  if (findings.length === 0) return [];
  const items = findings.map(({ rule }) => element("li", {}, slugLink(rule)));
  return [
    element(
      "details",
      {},
      element("summary", {}, element("h3", {}, title)),
      why === "" ? null : element("p", {}, why),
      element("ul", { class: "slugs" }, ...items),
    ),
  ];
}
