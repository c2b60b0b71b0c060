// docs/vm-entry-rules.md: the reference of all rules, made from the table in doctor.wasm.
import { STAGES, type Doctor, type Input, type Rule } from "./doctor.ts";
import { hex } from "./json.ts";
import { citation, STAGE_WORDS } from "./stages.ts";

/** The whole document. */
export function rulesMarkdown(doctor: Doctor): string {
  const failures = doctor.rules.filter(({ stage }) => stage !== "advice").length;
  return [
    "# The rules of VM entry",
    "",
    `${failures} rules and ${doctor.rules.length - failures} pieces of advice, by the stages in which a processor goes through them. Made from the table in`,
    "`hv/doctor` by `npx basalt doctor --markdown`; do not edit it. Sections are of the",
    `${doctor.edition}, unless another document is named.`,
    "MAXPHYADDR is what CPUID.80000008H:EAX\\[7:0\\] enumerates; outside SEAM, where IA32\\_TME\\_ACTIVATE\\[0\\] = 1, it is that less",
    "IA32\\_TME\\_ACTIVATE\\[39:36\\] (29.2.1 of 326019-092US).",
    ...STAGES.flatMap((stage) => stageLines(doctor.rules.filter((rule) => rule.stage === stage))),
    "",
  ].join("\n");
}

function stageLines(rules: readonly Rule[]): string[] {
  if (rules.length === 0) return [];
  const { title, outcome } = STAGE_WORDS[rules[0]!.stage];
  const sections = [...new Set(rules.map(({ section }) => section))];
  return [
    "",
    `## ${title}: ${outcome}`,
    ...sections.flatMap((section) =>
      sectionLines(
        section,
        rules.filter((rule) => rule.section === section),
      ),
    ),
  ];
}

function sectionLines(section: string, rules: readonly Rule[]): string[] {
  const heading = section === "" ? [] : ["", `### ${citation(section)}`];
  return [...heading, "", ...rules.map(ruleLine)];
}

function ruleLine({ slug, sentence, hint, inputs }: Rule): string {
  const reads = inputs.map(inputText).join(", ");
  return `- **\`${slug}\`** ${escaped(sentence)}${hint === "" ? "" : ` _${escaped(hint)}_`} Reads ${escaped(reads)}.`;
}

function inputText({ kind, name, number }: Input): string {
  return kind === "field" ? `${name} (${hex(BigInt(number), 4)})` : name;
}

function escaped(text: string): string {
  return text.replace(/[_*`<>[\]]/g, (letter) => `\\${letter}`);
}
