// The result in a few sentences: what is said first, and what a screen reader announces.
import type { Rule, Stage } from "../doctor.ts";
import type { DumpExamination } from "../examine.ts";
import { ENTRIES, stageWords } from "../stages.ts";
import type { Labelled } from "./findings.ts";
import { counted } from "./values.ts";

export interface Verdict {
  readonly outcome: "violated" | "undecidable" | "holds";
  readonly headline: string;
  readonly more: string;
}

/** Says what the examination found, and on what, in the words of `about`. Advice is no violation. */
export function verdictOf(
  examination: DumpExamination,
  byStage: ReadonlyMap<Stage, readonly Labelled[]>,
  about: readonly string[],
): Verdict {
  const failing = [...byStage].filter(([stage]) => stage !== "advice");
  const violated = failing.reduce((sum, [, labelled]) => sum + labelled.length, 0);
  const rules = examination.findings.filter(({ rule }) => rule.stage !== "advice");
  const notAsked = rules.filter(({ outcome }) => outcome === "notAsked").length;
  const undecidable = rules.filter(({ outcome }) => outcome === "undecidable").length;
  const advice = byStage.get("advice")?.length ?? 0;
  const entry = ENTRIES[examination.findings[0]!.rule.structure];
  const more = [
    violated > 0 ? `${consequence(failing.map(([, labelled]) => labelled[0]!.finding.rule))}.` : "",
    undecidable > 0 ? `${counted(undecidable, "rule")} cannot be decided.` : "",
    notAsked > 0
      ? `${counted(notAsked, "rule")} on what comes before the entry ${notAsked === 1 ? "was" : "were"} not asked.`
      : "",
    advice > 0 ? `${counted(advice, "piece")} of advice.` : "",
    `${about.join("; ")}.`,
  ];
  const outcome = violated > 0 ? "violated" : undecidable > 0 ? "undecidable" : "holds";
  const headline =
    violated > 0
      ? `${counted(violated, "rule")} of ${entry} ${violated === 1 ? "is" : "are"} violated`
      : undecidable > 0
        ? "No rule is violated as far as is known"
        : `All ${counted(rules.length - notAsked, "rule")} of ${entry} hold`;
  return { outcome, headline, more: more.filter((sentence) => sentence !== "").join(" ") };
}

/** What the processor does: it ends at the first stage that fails; controls and host state come in any order. */
function consequence(failing: readonly Rule[]): string {
  const first = failing[0]!;
  const { stage, structure } = first;
  const { outcome } = stageWords(first);
  if (stage === "preparation" || stage === "basic") return outcome;
  if (structure === "vmcb") return `VMRUN ends with ${outcome}`;
  if (stage === "controls" && failing.some((rule) => rule.stage === "host")) {
    return "The VM entry fails with VM-instruction error 7 or 8";
  }
  return `The VM entry fails with ${outcome}`;
}
