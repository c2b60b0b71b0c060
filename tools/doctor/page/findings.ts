// Findings in the order in which the page tells them, and where the values that broke them stand in the dump.
import { type Finding, STAGES, type Stage } from "../doctor.ts";
import type { Dump, DumpValue } from "../dump.ts";
import type { DumpExamination } from "../examine.ts";

/** A violated rule with what it is called by in the dump: "1", "2"; advice is "A1", "A2". */
export interface Labelled {
  readonly label: string;
  /** The id of its card. */
  readonly id: string;
  readonly isAdvice: boolean;
  readonly finding: Finding;
}

/** Violated rules by stage; stages without one are left out. */
export function violatedByStage({ findings }: DumpExamination): ReadonlyMap<Stage, readonly Labelled[]> {
  let violations = 0;
  let advice = 0;
  const byStage = new Map<Stage, Labelled[]>();
  for (const stage of STAGES) {
    const isAdvice = stage === "advice";
    const labelled = findings
      .filter(({ rule, outcome }) => rule.stage === stage && outcome === "violated")
      .map((finding) => {
        const label = isAdvice ? `A${++advice}` : `${++violations}`;
        return { label, id: `finding-${label}`, isAdvice, finding };
      });
    if (labelled.length > 0) byStage.set(stage, labelled);
  }
  return byStage;
}

/** The id of the mark of an input's value in the dump. */
export function markId({ place }: DumpValue): string {
  return `value-${place.line}-${place.column}`;
}

/** What was seen and not used, or used on an assumption; `line` is the dump's. */
export interface PlacedNote {
  readonly line: number | null;
  readonly text: string;
}

/** All notes: of the examination, of the reader of the processor's values, and of the dump's reader. */
export function notesOf(dump: Dump, { remarks }: DumpExamination, ofProcessor: readonly string[]): PlacedNote[] {
  return [
    ...[...remarks, ...ofProcessor].map((text) => ({ line: null, text })),
    ...dump.notes.map(({ place, text }) => ({ line: place && place.line > 0 ? place.line : null, text })),
  ];
}
