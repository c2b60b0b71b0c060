// Gathers what a reader finds into a Dump, and refuses what no VMCS or VMCB can hold.
import type { Dump, DumpFormat, DumpValue, MsrEntry, Note, Place, Structure, Unreadable } from "../dump.ts";
import { fieldOf, hex } from "../fields.ts";
import { nearestIdentifier, type Meaning } from "./names.ts";

/** A text of noise must not answer with as much noise. */
const MOST_NOTES = 100;
const HALF_BITS = 32n;

/** A line's name and number, before it is known whether the field can hold it. */
export interface Found {
  readonly value: bigint;
  readonly place: Place;
  readonly spelled: string;
}

export class Collector {
  readonly #fields = new Map<number, DumpValue>();
  readonly #upperHalves = new Map<number, DumpValue>();
  readonly #capabilities = new Map<string, DumpValue>();
  readonly #state = new Map<string, DumpValue>();
  readonly #notes: Note[] = [];
  #msrLoad: readonly MsrEntry[] | undefined;
  #moreNotes = 0;

  /** How many values were taken. */
  get count(): number {
    return this.#fields.size + this.#upperHalves.size + this.#capabilities.size + this.#state.size;
  }

  note(place: Place | null, text: string): void {
    if (this.#notes.length < MOST_NOTES) this.#notes.push({ place, text });
    else this.#moreNotes++;
  }

  /** Notes a name that is no field's, with the nearest that is. */
  noteUnknown(place: Place, name: string): void {
    if (this.#notes.length >= MOST_NOTES) {
      this.#moreNotes++;
      return;
    }
    const nearest = nearestIdentifier(name);
    const advice = nearest === null ? "" : ` The nearest is ${nearest}.`;
    this.note(place, `${quoted(name)} is the name of no VMCS field; not used.${advice}`);
  }

  /** Takes the value of a field or of its upper half. Refuses one that does not fit, and a second, different one. */
  field({ encoding, isUpperHalf }: Meaning, found: Found): Unreadable | null {
    const width = isUpperHalf ? 32 : (fieldOf(encoding)?.width ?? 64);
    const limit = 1n << BigInt(width);
    // A minus sign stores the two's complement: -1 is the link pointer of no VMCS.
    const value = found.value < 0n && found.value >= -(limit / 2n) ? limit + found.value : found.value;
    if (value < 0n || value >= limit) {
      return refuse(
        found.place,
        `Found ${shown(found.value)} for ${quoted(found.spelled)}, expected a value of at most ${width} bits: correct the value.`,
      );
    }
    return take(isUpperHalf ? this.#upperHalves : this.#fields, encoding, { ...found, value });
  }

  /** What was taken for a field, or for its upper half. */
  valueOf({ encoding, isUpperHalf }: Meaning): DumpValue | undefined {
    return (isUpperHalf ? this.#upperHalves : this.#fields).get(encoding);
  }

  capability(name: string, found: Found): Unreadable | null {
    return takeNamed(this.#capabilities, name, found);
  }

  state(name: string, found: Found): Unreadable | null {
    return takeNamed(this.#state, name, found);
  }

  /** Takes the VM-entry MSR-load area, whole. */
  msrLoad(entries: readonly MsrEntry[]): void {
    this.#msrLoad = entries;
  }

  /** The dump; refuses a text where the halves of a field contradict each other. */
  finish(format: DumpFormat, structure: Structure = "vmcs"): Dump | Unreadable {
    for (const [encoding, upper] of this.#upperHalves) {
      const refusal = this.#merge(encoding, upper);
      if (refusal !== null) return refusal;
    }
    if (this.#moreNotes > 0) this.#notes.push({ place: null, text: `${this.#moreNotes} more notes are left out.` });
    return {
      format,
      structure,
      fields: this.#fields,
      capabilities: this.#capabilities,
      state: this.#state,
      notes: this.#notes,
      neverWritten: new Set(),
      ...(this.#msrLoad === undefined ? {} : { msrEntries: this.#msrLoad }),
    };
  }

  #merge(encoding: number, upper: DumpValue): Unreadable | null {
    const lower = this.#fields.get(encoding);
    if (lower === undefined) {
      this.note(
        upper.place,
        `${quoted(upper.spelled)} is the upper half of ${hex(encoding)}, and no line gives the lower one.`,
      );
      return null;
    }
    const whole = lower.value >> HALF_BITS;
    if (whole !== 0n && whole !== upper.value) {
      return refuse(
        upper.place,
        `Found ${shown(upper.value)} for ${quoted(upper.spelled)}, expected ${shown(whole)} as line ${lower.place.line} has it: keep the right one.`,
      );
    }
    const value = (upper.value << HALF_BITS) | (lower.value & 0xffff_ffffn);
    this.#fields.set(encoding, { ...lower, value });
    return null;
  }
}

function takeNamed(values: Map<string, DumpValue>, name: string, found: Found): Unreadable | null {
  if (found.value < 0n || found.value >> 64n !== 0n) {
    return refuse(
      found.place,
      `Found ${shown(found.value)} for ${quoted(found.spelled)}, expected a value of at most 64 bits: correct the value.`,
    );
  }
  return take(values, name, found);
}

function take<Key>(values: Map<Key, DumpValue>, key: Key, found: DumpValue): Unreadable | null {
  const before = values.get(key);
  if (before === undefined) {
    values.set(key, found);
    return null;
  }
  if (before.value === found.value) return null;
  return refuse(
    found.place,
    `Found ${shown(found.value)} for ${quoted(found.spelled)}, expected ${shown(before.value)} as line ${before.place.line} has it: keep the right one.`,
  );
}

export function refuse(place: Place, reason: string): Unreadable {
  return { line: place.line, reason };
}

/** A number in a sentence. */
export function shown(value: bigint): string {
  return value < 0n ? value.toString() : hex(value);
}

/** A piece of the text in a sentence: short, so that a long line gives no long sentence. */
export function quoted(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 40 ? `"${trimmed.slice(0, 40)}…"` : `"${trimmed}"`;
}
