// What the doctor found, as data for programs: numbers are hexadecimal texts, as JSON's own end at 2^53.
import { STAGES, type Finding, type Input } from "./doctor.ts";
import type { Dump } from "./dump.ts";
import { inDump, judgedValue, type DumpExamination } from "./examine.ts";
import { placeOf } from "./fields.ts";

export function hex(value: bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** One dump's document: the verdict, then the findings by stage; rules that hold are counted only. */
export function examinationJson(dump: Dump, examination: DumpExamination): object {
  const { findings, capabilitiesFrom, remarks } = examination;
  const isFailure = (finding: Finding): boolean => finding.rule.stage !== "advice";
  const violated = findings.filter((finding) => isFailure(finding) && finding.outcome === "violated");
  const undecidable = findings.filter((finding) => isFailure(finding) && finding.outcome === "undecidable");
  return {
    format: dump.format,
    structure: dump.structure,
    verdict: violated.length > 0 ? "violated" : undecidable.length > 0 ? "undecidable" : "clean",
    capabilitiesFrom,
    rules: findings.length,
    holds: findings.filter((finding) => isFailure(finding) && finding.outcome === "holds").length,
    violated: violated.map((finding) => findingJson(dump, examination, finding)),
    undecidable: undecidable.map((finding) => findingJson(dump, examination, finding)),
    advice: findings
      .filter((finding) => !isFailure(finding) && finding.outcome === "violated")
      .map((finding) => findingJson(dump, examination, finding)),
    notes: [
      ...dump.notes.map(({ place, text }) => ({ line: place?.line, text })),
      ...remarks.map((text) => ({ text })),
    ],
  };
}

function findingJson(dump: Dump, examination: DumpExamination, finding: Finding): object {
  const { rule, outcome, witnesses, missing, condition } = finding;
  const { slug, stage, section, sentence, hint } = rule;
  const about = { slug, stage, order: STAGES.indexOf(stage), section, sentence };
  if (outcome === "undecidable") {
    return { ...about, missing: missing.map(({ kind, name }) => ({ kind, name })), condition: condition || undefined };
  }
  return {
    ...about,
    hint: hint || undefined,
    found: witnesses.map(({ input, found, requirement, entry, bits }) => ({
      ...inputJson(dump, examination, input),
      entry: entry === 0 ? undefined : entry,
      value: hex(found),
      required: requirement,
      bits: bits.length === 0 ? undefined : bits,
    })),
    reads: rule.inputs.map((input) => inputJson(dump, examination, input)),
  };
}

function inputJson(dump: Dump, examination: DumpExamination, input: Input): object {
  const value = judgedValue(examination, input);
  return {
    kind: input.kind,
    name: input.name,
    encoding: input.kind === "field" ? placeOf(input.number) : undefined,
    value: value === undefined ? undefined : hex(value),
    line: inDump(dump, examination, input)?.place.line,
  };
}
