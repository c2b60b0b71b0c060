// Holds the outcomes that a journal tells of against the doctor's predictions, and Bochs's reasons against its rules.
import type { Doctor } from "../../../tools/doctor/doctor.ts";
import { netFlips, type Attempt } from "../../unit/core/machine/mutate-journal.ts";
import { deviations, type Deviation } from "./mutate-deviations.ts";
import { slugsOf } from "./mutate-reasons.ts";

export interface Verdict {
  /** Attempts that no row explains, each as one line. */
  readonly problems: readonly string[];
  /** How many attempts each deviation explains. */
  readonly used: ReadonlyMap<Deviation, number>;
  /** How many attempts ended in another class than was foretold, and how many of those deviations explain. */
  readonly differing: number;
  readonly explained: number;
  /** The rules that a refusal of Bochs's confirms. */
  readonly confirmed: ReadonlySet<string>;
}

/** Judges all attempts: what was foretold of those that were left out, too. */
export function judgeAttempts(attempts: readonly Attempt[], doctor: Doctor): Verdict {
  const problems: string[] = [];
  const used = new Map<Deviation, number>();
  const confirmed = new Set<string>();
  const inputs = new Inputs(doctor);
  let differing = 0;
  let explained = 0;
  for (const attempt of attempts) {
    const alarm = falseAlarmOf(attempt, inputs);
    if (alarm !== null) problems.push(`${describe(attempt)}: ${alarm}`);
    if (!attempt.isExecuted) continue;
    for (const slug of confirmedBy(attempt)) confirmed.add(slug);
    const isOther = !attempt.expected.includes(attempt.outcome) || attempt.outcome === "";
    if (isOther) differing++;
    const problem = problemOf(attempt, attempt.expected, attempt.violated);
    if (problem === null) continue;
    const rows = alarm === null ? explanationOf(attempt) : null;
    if (rows === null) problems.push(`${describe(attempt)}: ${problem}`);
    else {
      if (isOther) explained++;
      for (const row of rows) used.set(row, (used.get(row) ?? 0) + 1);
    }
  }
  return { problems, used, differing, explained, confirmed };
}

/** What rules read, by slug, and what a flip changes of that. */
class Inputs {
  readonly #ofRules: ReadonlyMap<string, ReadonlySet<number>>;
  readonly #state: (name: string) => number;

  constructor(doctor: Doctor) {
    this.#ofRules = new Map(
      doctor.rules.map(({ slug, inputs }) => [slug, new Set(inputs.map(({ number }) => number))]),
    );
    this.#state = (name) => {
      const input = doctor.state.get(name);
      if (!input) throw new Error(`the doctor knows no state ${name}; name it here as hv/doctor/inputs.ts does`);
      return input.number;
    };
  }

  /** Whether the rule reads something that a flip of that name changes. */
  reads(slug: string, name: number): boolean {
    const inputs = this.#ofRules.get(slug);
    return inputs !== undefined && this.#changedBy(name).some((number) => inputs.has(number));
  }

  #changedBy(name: number): readonly number[] {
    // The doctor takes entry after entry for these two; another index makes another MSR of the value.
    if (name >= ENTRY_MSR_WORDS) return ["ENTRY_MSR_INDEX", "ENTRY_MSR_VALUE"].map(this.#state);
    // "Activate secondary controls" decides what those count for.
    if (name === PRIMARY_CONTROLS) return [name, SECONDARY_CONTROLS];
    // Addresses: something else is there.
    if (name === VIRTUAL_APIC_ADDRESS) return [name, this.#state("VTPR")];
    if (name === VMCS_LINK_POINTER) return [name, this.#state("LINK_REVISION")];
    if (name === GUEST_CR3) return [name, ...[0, 1, 2, 3].map((n) => this.#state(`MEMORY_PDPTE${n}`))];
    return [name];
  }
}

/** From here on names are words of the VM-entry MSR-load area (hv/core/vmx/mutate/slots.ts). */
const ENTRY_MSR_WORDS = 0x30000;
const VIRTUAL_APIC_ADDRESS = 0x2012;
const VMCS_LINK_POINTER = 0x2800;
const PRIMARY_CONTROLS = 0x4002;
const SECONDARY_CONTROLS = 0x401e;
const GUEST_CR3 = 0x6802;

/** No base violates a rule: what is violated must come of the flipped bits. Says what does not; or null. */
function falseAlarmOf(attempt: Attempt, inputs: Inputs): string | null {
  const flips = [...netFlips(attempt).keys()];
  if (flips.length === 0) {
    const ends = attempt.isExecuted ? attempt.expected + attempt.outcome : attempt.expected;
    return /^S+$/.test(ends) ? null : `nothing is flipped, expected success foretold and found, found ${ends}`;
  }
  const alarms = attempt.violated.filter((slug) => !flips.some((name) => inputs.reads(slug, name)));
  return alarms.length === 0 ? null : `no flipped bit is read by ${alarms.join(", ")}`;
}

/** The violated rule that Bochs names as it refuses; none where it could be one of several. */
function confirmedBy({ outcome, messages, violated }: Attempt): readonly string[] {
  if (outcome === "S" || outcome === "") return [];
  const named = new Set(messages.flatMap((message) => slugsOf(message) ?? []));
  const found = violated.filter((slug) => named.has(slug));
  return found.length === 1 ? found : [];
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

/** The deviations that an attempt comes of: those whose rules Bochs overlooks, and one that its message shows. */
function explanationOf(attempt: Attempt): readonly Deviation[] | null {
  const rows = deviations.filter(({ when }) => when === undefined || when(attempt));
  const overlooking = rows.filter(({ overlooked }) => overlooked?.some((slug) => attempt.violated.includes(slug)));
  const seen = attempt.violated.filter((slug) => !overlooking.some(({ overlooked }) => overlooked?.includes(slug)));
  if (overlooking.length > 0 && problemOf(attempt, classesOf(seen), seen) === null) return overlooking;
  const claim = rows.find(({ claims }) => attempt.messages.some((message) => claims?.test(message)));
  if (!claim || !claimExplains(claim, attempt, seen)) return null;
  // Only what had to be overlooked for Bochs to come as far as its claim.
  return [claim, ...overlooking.filter(({ overlooked }) => overlooked?.some(isOfEarlierStage))];
}

/** A claim is about the guest's state: nothing that is checked before may be wrong, and nothing else be said. */
function claimExplains({ claims, violates }: Deviation, attempt: Attempt, seen: readonly string[]): boolean {
  if (attempt.outcome !== "G" || seen.some(isOfEarlierStage)) return false;
  if (violates !== undefined && !seen.includes(violates)) return false;
  return attempt.messages.every((message) => claims?.test(message) || slugsOf(message)?.length === 0);
}

const isOfEarlierStage = (slug: string): boolean => !slug.startsWith("guest.") && !slug.startsWith("msr.");

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
