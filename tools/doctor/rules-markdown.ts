// docs/vm-entry-rules.md: the reference of all rules, made from the table in doctor.wasm.
import type { Doctor, Input, Rule, Stage } from "./doctor.ts";
import { hex } from "./json.ts";

const STAGE_TITLES: Readonly<Record<Stage, string>> = {
  preparation: "Before the VM entry: VMXON, VMCLEAR, VMPTRLD",
  basic: "Basic checks of VMLAUNCH and VMRESUME",
  controls: "VMX controls: VM-instruction error 7",
  host: "Host state: VM-instruction error 8",
  guest: "Guest state: exit reason 33 (0x80000021)",
  "msr-loading": "Loading MSRs: exit reason 34 (0x80000022)",
  advice: "Advice: no failure of VM entry, but rarely meant",
};

/** The whole document. */
export function rulesMarkdown(doctor: Doctor): string {
  const failures = doctor.rules.filter(({ stage }) => stage !== "advice").length;
  const stages = Object.keys(STAGE_TITLES) as Stage[];
  return [
    "# The rules of VM entry",
    "",
    `${failures} rules and ${doctor.rules.length - failures} pieces of advice, by the stages in which a processor goes through them. Made from the table in`,
    "`hv/doctor` by `npx basalt doctor --markdown`; do not edit it. Sections are of the",
    `${doctor.edition}, unless another document is named.`,
    ...stages.flatMap((stage) => stageLines(doctor.rules.filter((rule) => rule.stage === stage))),
    "",
  ].join("\n");
}

function stageLines(rules: readonly Rule[]): string[] {
  if (rules.length === 0) return [];
  const sections = [...new Set(rules.map(({ section }) => section))];
  return [
    "",
    `## ${STAGE_TITLES[rules[0]!.stage]}`,
    ...sections.flatMap((section) =>
      sectionLines(
        section,
        rules.filter((rule) => rule.section === section),
      ),
    ),
  ];
}

function sectionLines(section: string, rules: readonly Rule[]): string[] {
  return ["", `### ${/^\d/.test(section) ? `SDM 3C ${section}` : section}`, "", ...rules.map(ruleLine)];
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
