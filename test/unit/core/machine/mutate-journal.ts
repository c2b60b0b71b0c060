// The journal of guest=mutate, read back from what was written to port 0x402: which VM entries were foretold, and their ends.

/** The classes of outcome by their letters. */
export const classNames = {
  C: "controls",
  H: "host state",
  G: "guest state",
  M: "MSR loading",
  S: "success",
  O: "other",
  I: "VMEXIT_INVALID",
} as const;

/** One VM entry. */
export interface Attempt {
  readonly serial: number;
  readonly base: string;
  /** Letters of the classes that the doctor allows; "?" where it could not decide. */
  readonly expected: string;
  /** Encodings, or numbers of words in memory, with the bits that were flipped. */
  readonly flips: readonly (readonly [number, bigint])[];
  readonly isExecuted: boolean;
  /** Slugs. */
  readonly violated: string[];
  readonly undecided: string[];
  /** What else was written between the prediction and the outcome. */
  readonly messages: string[];
  /** A letter; empty where the entry was not executed. */
  outcome: string;
  exitReason: number | null;
}

/** A line has 72 letters, of which `rule NNN ` takes up to nine. */
const SHORTEST_CUT = 72 - 9;

const line = /^(rule|mutate|left|violates|undecided|outcome) (\d+) ?(.*)$/;

/** What is flipped in the end, by the name: pairs can take each other back. */
export function netFlips({ flips }: Attempt): ReadonlyMap<number, bigint> {
  const net = new Map<number, bigint>();
  for (const [name, bits] of flips) net.set(name, (net.get(name) ?? 0n) ^ bits);
  return new Map([...net].filter(([, bits]) => bits !== 0n));
}

/** Whether the doctor could not tell how the entry ends: it names no class. */
export function isUndecidable({ expected }: Attempt): boolean {
  return !Object.keys(classNames).some((letter) => expected.includes(letter));
}

/** Takes the journal's lines in order, and others in between. */
export class JournalReader {
  readonly attempts: Attempt[] = [];
  readonly slugs: string[] = [];

  readonly #known: readonly string[];

  /** `known`: the slugs by their numbers, for the journal cuts long ones off. */
  constructor(known: readonly string[] = []) {
    this.#known = known;
  }

  /** A line of the journal. */
  take(text: string): void {
    const [, kind, number, rest = ""] = line.exec(text) ?? [];
    if (kind === undefined) return;
    const words = rest.split(" ").filter((word) => word !== "");
    if (kind === "rule") this.slugs[Number(number)] = this.#whole(Number(number), words[0] ?? "");
    else if (kind === "mutate" || kind === "left") this.#start(Number(number), kind === "mutate", words);
    else this.#add(this.#current(Number(number)), kind, words);
  }

  /** Another line: of an emulator, for example. */
  note(message: string): void {
    const last = this.attempts.at(-1);
    if (last?.isExecuted && last.outcome === "") last.messages.push(message);
  }

  #whole(number: number, slug: string): string {
    const whole = this.#known[number];
    return whole?.startsWith(slug) && slug.length >= SHORTEST_CUT ? whole : slug;
  }

  #start(serial: number, isExecuted: boolean, [base = "", expected = "", ...flips]: string[]): void {
    this.attempts.push({
      serial,
      base,
      expected,
      flips: flips.map((flip) => {
        const [name, mask] = flip.split("^");
        return [Number(`0x${name}`), BigInt(`0x${mask}`)] as const;
      }),
      isExecuted,
      violated: [],
      undecided: [],
      messages: [],
      outcome: "",
      exitReason: null,
    });
  }

  #current(serial: number): Attempt {
    const last = this.attempts.at(-1);
    if (last?.serial === serial) return last;
    throw new Error(
      `the journal tells of attempt ${serial} after ${last?.serial}; expected one attempt after the other`,
    );
  }

  #add(attempt: Attempt, kind: string, words: readonly string[]): void {
    const slugs = words.map((word) => this.slugs[Number(word)] ?? `rule ${word}`);
    if (kind === "violates") attempt.violated.push(...slugs);
    else if (kind === "undecided") attempt.undecided.push(...slugs);
    else {
      attempt.outcome = words[0] ?? "";
      attempt.exitReason = words[1] === undefined ? null : Number(words[1]);
    }
  }
}
