// What a text has told so far: values with their lines, contradictions among them, and remarks.
import { cpuidName, REGISTERS, type CapabilityName, type CpuidWord } from "../names.ts";

/** Why a text cannot be read, in one sentence, and the line (from 1) at which that shows. */
export interface Refusal {
  line: number;
  reason: string;
}

export interface Note {
  line: number;
  text: string;
}

/** A value, the bits of it that the text tells (the others are 0), and where. */
interface Finding {
  value: bigint;
  known: bigint;
  line: number;
  cpu: number;
}

/** A number that CPUID gives as the highest of something, and where. */
interface Highest {
  value: number;
  line: number;
}

const MOST_NOTES = 100;
const ALL_BITS = 0xffff_ffff_ffff_ffffn;
const FIRST_EXTENDED_LEAF = 0x80000000;

/** What a text has told so far. */
export class Findings {
  readonly notes: Note[] = [];
  private readonly found = new Map<CapabilityName, Finding>();
  private readonly differing = new Set<CapabilityName>();
  private cpu = 0;
  private highestLeaf: Highest | null = null;
  private highestSubleafOf7: Highest | null = null;

  /** What follows is of one more logical processor, if the text tells them apart. */
  nextCpu(): void {
    this.cpu += 1;
  }

  note(line: number, text: string): void {
    if (this.notes.length < MOST_NOTES) this.notes.push({ line, text });
    else if (this.notes.length === MOST_NOTES)
      this.notes.push({ line, text: "There is more to remark, left out here." });
  }

  get isEmpty(): boolean {
    return this.found.size === 0;
  }

  valueOf(name: CapabilityName): bigint | null {
    return this.found.get(name)?.value ?? null;
  }

  /**
   * Takes a value of which the bits of `known` are told. The same again is fine. Another of the same processor is
   * refused; of another one, as where a chip's cores differ, the first is kept and a note says so.
   */
  take(name: CapabilityName, value: bigint, line: number, known: bigint = ALL_BITS): Refusal | null {
    const before = this.found.get(name);
    if (before === undefined) {
      this.found.set(name, { value, known, line, cpu: this.cpu });
      return null;
    }
    if (((before.value ^ value) & before.known & known) === 0n) {
      before.value |= value;
      before.known |= known;
      return null;
    }
    if (before.cpu === this.cpu) {
      const found = `Found ${hex(value)} for ${name}, but ${hex(before.value)} in line ${before.line}`;
      return { line, reason: `${found}; expected one value: give the text of one processor.` };
    }
    if (!this.differing.has(name)) {
      this.note(line, `${name} differs between processors: ${hex(before.value)} of line ${before.line} is taken.`);
      this.differing.add(name);
    }
    return null;
  }

  /** Takes EAX, EBX, ECX and EDX of a leaf. */
  takeLeaf(leaf: number, subleaf: number, registers: readonly bigint[], line: number): Refusal | null {
    const eax = Number(registers[0]);
    if (leaf === 0) this.highestLeaf ??= { value: eax, line };
    if (leaf === 7 && subleaf === 0) this.highestSubleafOf7 ??= { value: eax, line };
    for (const [i, register] of REGISTERS.entries()) {
      const refusal = this.takeWord({ leaf, subleaf, register }, registers[i]!, line);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  /** Takes a word of CPUID, if a rule of VM entry needs it. */
  takeWord(word: CpuidWord, value: bigint, line: number): Refusal | null {
    const name = cpuidName(word);
    return name === null ? null : this.take(name, value, line);
  }

  /** Counts the words of leaves and sub-leaves that the processor does not have as 0: it has none of their features. */
  takeMissingLeaves(words: Iterable<[CapabilityName, CpuidWord]>): void {
    for (const [name, { leaf, subleaf }] of words) {
      if (this.found.has(name) || leaf >= FIRST_EXTENDED_LEAF) continue;
      if (this.highestLeaf !== null && leaf > this.highestLeaf.value) this.take(name, 0n, this.highestLeaf.line);
      const last = this.highestSubleafOf7;
      if (leaf === 7 && last !== null && subleaf > last.value) this.take(name, 0n, last.line);
    }
  }

  values(): Map<string, { value: bigint; line: number }> {
    return new Map([...this.found].map(([name, { value, line }]) => [name, { value, line }]));
  }
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
