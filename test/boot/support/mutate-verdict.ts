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
    const problem = problemOf(attempt, attempt.expected, attempt.violated);
    if (problem === null) continue;
    const rows = explanationOf(attempt);
    if (rows === null) problems.push(`${describe(attempt)}: ${problem}`);
    else for (const row of rows) used.set(row, (used.get(row) ?? 0) + 1);
  }
  return { problems, used };
}

/** What is wrong with how an attempt ended, given the classes that are expected and the rules that are violated; or null. */
function problemOf({ outcome, messages }: Attempt, expected: string, violated: readonly string[]): string | null {
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

/** The deviations that an attempt comes of: one that Bochs's message shows, or those without whose rules it is right. */
function explanationOf(attempt: Attempt): readonly Deviation[] | null {
  const rows = deviations.filter(({ when }) => when === undefined || when(attempt));
  const claim = rows.find(({ claims }) => attempt.messages.some((message) => claims?.test(message)));
  if (claim) return [claim];
  const overlooking = rows.filter(({ overlooked }) => attempt.violated.some((slug) => overlooked?.test(slug)));
  const seen = attempt.violated.filter((slug) => !overlooking.some(({ overlooked }) => overlooked?.test(slug)));
  return overlooking.length > 0 && problemOf(attempt, classesOf(seen), seen) === null ? overlooking : null;
}

/** The stages of rules by the first word of their slugs, in order; the first two come in any order. */
const stages: readonly (readonly (readonly [prefix: string, letter: string])[])[] = [
  [
    ["control.", "C"],
    ["host.", "H"],
  ],
  [["guest.", "G"]],
  [["msr.", "M"]],
];

/** The letters of the classes in which an entry may end that violates these rules. */
function classesOf(slugs: readonly string[]): string {
  for (const stage of stages) {
    const letters = stage.filter(([prefix]) => slugs.some((slug) => slug.startsWith(prefix)));
    if (letters.length > 0) return letters.map(([, letter]) => letter).join("");
  }
  return "S";
}

function describe({ serial, base, flips }: Attempt): string {
  return `${serial} ${base} ${flips.map(([name, bits]) => `${name.toString(16)}^${bits.toString(16)}`).join(" ")}`;
}
