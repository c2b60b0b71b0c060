// Holds the outcomes that a journal tells of against the doctor's predictions, and Bochs's reasons against its rules.
import type { Attempt } from "../../unit/core/machine/mutate-journal.ts";
import { deviations, type Deviation } from "./mutate-deviations.ts";
import { slugsOf } from "./mutate-reasons.ts";

export interface Verdict {
  /** Attempts that no row explains, each as one line. */
  readonly problems: readonly string[];
  /** How many attempts each deviation explains. */
  readonly used: ReadonlyMap<Deviation, number>;
}

/** Judges all attempts that were executed. */
export function judgeAttempts(attempts: readonly Attempt[]): Verdict {
  const problems: string[] = [];
  const used = new Map<Deviation, number>();
  for (const attempt of attempts.filter(({ isExecuted }) => isExecuted)) {
    const problem = problemOf(attempt);
    if (problem === null) continue;
    const rows = explanationOf(attempt);
    if (rows === null) problems.push(`${describe(attempt)}: ${problem}`);
    else for (const row of rows) used.set(row, (used.get(row) ?? 0) + 1);
  }
  return { problems, used };
}

/** What is wrong with an attempt, or null. */
function problemOf(attempt: Attempt): string | null {
  const { expected, outcome, violated, messages } = attempt;
  if (outcome === "") return "the journal tells of no outcome";
  if (!expected.includes(outcome)) return `expected ${expected}, found ${outcome}`;
  if (outcome === "S") return null;
  const named = messages.map((message) => ({ message, slugs: slugsOf(message) }));
  for (const { message, slugs } of named) {
    if (slugs === null) return `the table of reasons lacks "${message}"`;
    if (slugs.length > 0 && !slugs.some((slug) => violated.includes(slug))) {
      return `Bochs says "${message}", the doctor ${violated.join(", ")}`;
    }
  }
  return named.some(({ slugs }) => slugs !== null && slugs.length > 0) ? null : "Bochs gives no reason";
}

/** The deviations that an attempt comes of: one that Bochs's message shows, or one for each rule that it overlooks. */
function explanationOf(attempt: Attempt): readonly Deviation[] | null {
  const rows = deviations.filter(({ when }) => when === undefined || when(attempt));
  const claim = rows.find(({ claims }) => attempt.messages.some((message) => claims?.test(message)));
  if (claim) return [claim];
  const found = attempt.violated.map((slug) =>
    rows.find(({ overlooked, ends = "S" }) => ends === attempt.outcome && overlooked?.test(slug)),
  );
  return found.length > 0 && found.every((row) => row !== undefined) ? found : null;
}

function describe({ serial, base, flips }: Attempt): string {
  return `${serial} ${base} ${flips.map(([name, bits]) => `${name.toString(16)}^${bits.toString(16)}`).join(" ")}`;
}
