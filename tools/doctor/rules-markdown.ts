// docs/vm-entry-rules.md and docs/vmrun-rules.md: the references of all rules, made from the tables in doctor.wasm.
import { STAGES, type Doctor, type Input, type Rule } from "./doctor.ts";
import type { Structure } from "./dump.ts";
import { placeOf } from "./fields.ts";
import { citation, ENTRIES, stageWords } from "./stages.ts";

/** What stands before the rules, behind where they come from. */
const ABOUT: Readonly<Record<Structure, readonly string[]>> = {
  vmcs: [
    "MAXPHYADDR is what CPUID.80000008H:EAX\\[7:0\\] enumerates; outside SEAM, where IA32\\_TME\\_ACTIVATE\\[0\\] = 1, it is that less",
    "IA32\\_TME\\_ACTIVATE\\[39:36\\] (29.2.1 of 326019-092US).",
  ],
  vmcb: [
    "VMRUN answers each violation but those of the first stage with the same exit code, VMEXIT\\_INVALID. What SEV adds is left out.",
    "Numbers behind names are offsets in the VMCB.",
  ],
};
const OPTIONS: Readonly<Record<Structure, string>> = { vmcs: "--markdown", vmcb: "--markdown vmcb" };

/** The whole document. */
export function rulesMarkdown(doctor: Doctor): string {
  const { structure, rules } = doctor;
  const failures = rules.filter(({ stage }) => stage !== "advice").length;
  return [
    `# The rules of ${ENTRIES[structure]}`,
    "",
    `${failures} rules and ${rules.length - failures} pieces of advice, by the stages in which a processor goes through them. Made from the table in`,
    `\`hv/doctor\` by \`npx basalt doctor ${OPTIONS[structure]}\`; do not edit it. Sections are of the`,
    `${doctor.edition}, unless another document is named.`,
    ...ABOUT[structure],
    ...STAGES.flatMap((stage) => stageLines(doctor.rules.filter((rule) => rule.stage === stage))),
    "",
  ].join("\n");
}

function stageLines(rules: readonly Rule[]): string[] {
  if (rules.length === 0) return [];
  const { title, outcome } = stageWords(rules[0]!);
  const sections = [...new Set(rules.map(({ section }) => section))];
  const [{ structure }] = rules as [Rule];
  return [
    "",
    `## ${title}: ${outcome}`,
    ...sections.flatMap((section) =>
      sectionLines(
        section === "" ? "" : citation({ structure, section }),
        rules.filter((rule) => rule.section === section),
      ),
    ),
  ];
}

function sectionLines(title: string, rules: readonly Rule[]): string[] {
  const heading = title === "" ? [] : ["", `### ${title}`];
  return [...heading, "", ...rules.map(ruleLine)];
}

function ruleLine({ slug, sentence, hint, inputs }: Rule): string {
  const reads = inputs.map(inputText).join(", ");
  return `- **\`${slug}\`** ${escaped(sentence)}${hint === "" ? "" : ` _${escaped(hint)}_`} Reads ${escaped(reads)}.`;
}

function inputText({ kind, name, number }: Input): string {
  return kind === "field" ? `${name} (${placeOf(number)})` : name;
}

function escaped(text: string): string {
  return text.replace(/[_*`<>[\]]/g, (letter) => `\\${letter}`);
}
