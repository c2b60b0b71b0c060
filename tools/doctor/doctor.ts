// doctor.wasm for Node and browsers: its rules, and what they make of a VMCS or a VMCB.
import { STRUCTURES, type Structure } from "./dump.ts";

/** The stages of VM entry in the order in which the SDM fixes them; `advice` is no failure. */
export const STAGES = ["preparation", "basic", "controls", "host", "guest", "msr-loading", "advice"] as const;
export type Stage = (typeof STAGES)[number];

const OUTCOMES = ["violated", "undecidable", "holds"] as const;
/** `notAsked`: the rule is about the processor's state before the entry, of which nothing is known. */
export type Outcome = (typeof OUTCOMES)[number] | "notAsked";

/** A field, a capability of the processor, or a part of its state: what rules read. */
export interface Input {
  readonly kind: "field" | "capability" | "state";
  /** The encoding of a VMCS field; numbers of the doctor's own for the others. */
  readonly number: number;
  /** The manual's name of a field; the name of a capability or a state. */
  readonly name: string;
}

/** A row of the table of rules. */
export interface Rule {
  readonly index: number;
  readonly structure: Structure;
  readonly slug: string;
  readonly stage: Stage;
  readonly section: string;
  readonly sentence: string;
  /** The usual mistake and its remedy; empty where there is none. */
  readonly hint: string;
  readonly inputs: readonly Input[];
}

/** A value that broke a rule. */
export interface Witness {
  readonly input: Input;
  readonly found: bigint;
  readonly requirement: string;
  /** The entry of the VM-entry MSR-load area that it is about, from 1 as exit qualifications count; 0: none. */
  readonly entry: number;
  /** The bits that must be other than they are; none where that is no matter of single bits. */
  readonly bits: readonly { readonly bit: number; readonly name: string; readonly mustBe: 0 | 1 }[];
}

/** What one rule says of the subject. */
export interface Finding {
  readonly rule: Rule;
  readonly outcome: Outcome;
  readonly witnesses: readonly Witness[];
  /** What would have to be known, for `undecidable` and `notAsked`. */
  readonly missing: readonly Input[];
  /** "violated if …", for what is undecidable for want of a capability; else empty. */
  readonly condition: string;
}

/** What is to be judged; whatever is not there is not known. */
export interface Subject {
  /** By the doctor's number, which of a VMCS field is the full encoding. */
  readonly fields: ReadonlyMap<number, bigint>;
  /** Fields that are 0 because nothing has ever written them. */
  readonly neverWritten?: ReadonlySet<number>;
  /** By name, for example IA32_VMX_BASIC or CPUID.1.ECX. */
  readonly capabilities?: ReadonlyMap<string, bigint>;
  /** By name, for example IS_LAUNCHED. */
  readonly state?: ReadonlyMap<string, bigint>;
  /** The VM-entry MSR-load area, as pairs of quadwords. */
  readonly msrEntries?: readonly (readonly [low: bigint, high: bigint])[];
}

export interface Examination {
  /** One for each rule, in the order of the table. */
  readonly findings: readonly Finding[];
  /** The report as Basalt's console prints it. */
  readonly report: string;
}

/** Entries of the VM-entry MSR-load area that the doctor looks at (hv/doctor/subject.ts). */
const MOST_MSR_ENTRIES = 512;

/** The export that makes a doctor for a structure. */
const MAKERS: Readonly<Record<Structure, string>> = { vmcs: "createForVmcs", vmcb: "createForVmcb" };

type Exports = Record<string, (...values: (number | bigint)[]) => number | bigint>;

/** A doctor for each structure. */
export type Doctors = Readonly<Record<Structure, Doctor>>;

export class Doctor {
  /** What it judges. */
  readonly structure: Structure;
  readonly rules: readonly Rule[];
  /** The edition of the manual that the sections are of. */
  readonly edition: string;
  readonly capabilities: ReadonlyMap<string, Input>;
  readonly state: ReadonlyMap<string, Input>;
  readonly #exports: Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #root: number;

  private constructor(exports: WebAssembly.Exports, structure: Structure) {
    this.structure = structure;
    this.#exports = exports as unknown as Exports;
    this.#memory = exports["memory"] as WebAssembly.Memory;
    this.#root = Number(this.#exports[MAKERS[structure]]!());
    this.edition = this.#text("writeEdition");
    this.capabilities = this.#inputs("capability", "capabilityCount");
    this.state = this.#inputs("state", "stateCount");
    this.rules = Array.from({ length: this.#call("ruleCount") }, (_, index) => this.#rule(index));
  }

  /** Makes a doctor for each structure of the bytes of doctor.wasm. */
  static async loadAll(wasm: BufferSource): Promise<Doctors> {
    const exports = await this.#instantiate(wasm);
    const doctors = STRUCTURES.map((structure) => [structure, new Doctor(exports, structure)] as const);
    return Object.fromEntries(doctors) as unknown as Doctors;
  }

  /** Makes a doctor for one. */
  static async load(wasm: BufferSource, structure: Structure = "vmcs"): Promise<Doctor> {
    return new Doctor(await this.#instantiate(wasm), structure);
  }

  static async #instantiate(wasm: BufferSource): Promise<WebAssembly.Exports> {
    const abort = (): never => {
      throw new Error("doctor.wasm aborted; this is a bug in Basalt");
    };
    const { instance } = await WebAssembly.instantiate(wasm, { env: { abort } });
    (instance.exports["start"] as () => void)();
    return instance.exports;
  }

  /** Judges the subject by every rule. A capability or a state of a name that the doctor does not know is an error. */
  examine(subject: Subject): Examination {
    this.#fill(subject);
    this.#call("examine");
    const findings = this.rules.map((rule) => this.#finding(rule));
    return { findings, report: this.#text("writeFullReport") };
  }

  /** What one rule says of the subject. */
  judge(subject: Subject, rule: Rule): Finding {
    this.#fill(subject);
    return this.#finding(rule);
  }

  /** The name of a bit of a field, "" where it has none. */
  bitName(input: Input, bit: number): string {
    return this.#text("writeBitName", input.number, bit);
  }

  /** The field with that number. */
  field(number: number): Input {
    return { kind: "field", number, name: this.#text("writeInputName", number) };
  }

  #fill(subject: Subject): void {
    this.#call("clear");
    for (const encoding of subject.neverWritten ?? []) this.#call("setNeverWritten", encoding);
    for (const [encoding, value] of subject.fields) this.#call("set", encoding, value);
    this.#setNamed(this.capabilities, subject.capabilities);
    this.#setNamed(this.state, subject.state);
    if (!subject.msrEntries) return;
    // What is beyond is not known to the doctor, so that its rules cannot be decided.
    const entries = subject.msrEntries.slice(0, MOST_MSR_ENTRIES);
    this.#call("setMsrEntry", entries.length, -1, 0n, 0n);
    entries.forEach(([low, high], index) => this.#call("setMsrEntry", entries.length, index, low, high));
  }

  #setNamed(known: ReadonlyMap<string, Input>, values: ReadonlyMap<string, bigint> | undefined): void {
    for (const [name, value] of values ?? []) {
      const input = known.get(name);
      if (!input) throw new Error(`found the input ${name}, expected one of ${[...known.keys()].join(", ")}`);
      this.#call("set", input.number, value);
    }
  }

  #finding(rule: Rule): Finding {
    const outcome = OUTCOMES[this.#call("judge", rule.index)]!;
    const witnesses =
      outcome === "violated"
        ? Array.from({ length: this.#call("witnessCount") }, (_, index) => this.#witness(index))
        : [];
    if (outcome !== "undecidable") return { rule, outcome, witnesses, missing: [], condition: "" };
    const isAsked = this.#call("isAsked", STAGES.indexOf(rule.stage)) !== 0;
    const missing = Array.from({ length: this.#call("missingCount") }, (_, index) =>
      this.#input(this.#call("missingInput", index)),
    );
    const condition = this.#text("writeCondition");
    return { rule, outcome: isAsked ? outcome : "notAsked", witnesses, missing, condition };
  }

  #witness(index: number): Witness {
    const input = this.#input(this.#call("witnessInput", index));
    const found = this.#quadword("witnessFound", index);
    const wrong = this.#quadword("witnessBits", index);
    const bits = Array.from({ length: 64 }, (_, bit) => bit)
      .filter((bit) => (wrong >> BigInt(bit)) & 1n)
      .map((bit) => ({
        bit,
        name: this.bitName(input, bit),
        mustBe: (found >> BigInt(bit)) & 1n ? (0 as const) : (1 as const),
      }));
    const entry = this.#call("witnessEntry", index);
    return { input, found, requirement: this.#text("writeWitnessRequirement", index), entry, bits };
  }

  #rule(index: number): Rule {
    const named = Array.from({ length: this.#call("ruleInputCount", index) }, (_, position) =>
      this.#call("ruleInput", index, position),
    );
    // Of a subject that holds nothing a rule misses what its conditions read, too.
    this.#call("clear");
    this.#call("judge", index);
    const missing = Array.from({ length: this.#call("missingCount") }, (_, position) =>
      this.#call("missingInput", position),
    );
    const inputs = [...new Set([...named, ...missing])].map((number) => this.#input(number));
    return {
      index,
      structure: this.structure,
      slug: this.#text("writeSlug", index),
      stage: STAGES[this.#call("ruleStage", index)]!,
      section: this.#text("writeSection", index),
      sentence: this.#text("writeSentence", index),
      hint: this.#text("writeHint", index),
      inputs,
    };
  }

  #input(number: number): Input {
    for (const named of [this.capabilities, this.state]) {
      for (const input of named.values()) if (input.number === number) return input;
    }
    return this.field(number);
  }

  #inputs(kind: "capability" | "state", count: string): Map<string, Input> {
    const length = Number(this.#exports[count]!());
    const inputs = Array.from({ length }, (_, index): Input => {
      const number = Number(this.#exports[kind]!(index));
      return { kind, number, name: this.#text("writeInputName", number) };
    });
    return new Map(inputs.map((input) => [input.name, input]));
  }

  /** Calls an export that takes the root first. */
  #call(name: string, ...values: (number | bigint)[]): number {
    return Number(this.#exports[name]!(this.#root, ...values)) >>> 0;
  }

  #quadword(name: string, ...values: number[]): bigint {
    return BigInt.asUintN(64, this.#exports[name]!(this.#root, ...values) as bigint);
  }

  #text(name: string, ...values: number[]): string {
    const length = this.#call(name, ...values);
    const address = this.#call("textAddress");
    return new TextDecoder().decode(new Uint8Array(this.#memory.buffer, address, length));
  }
}
