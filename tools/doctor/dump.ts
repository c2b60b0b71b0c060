// What a reader makes of a text: the values of fields and capabilities, each with its place in the text.

/** A place in the text that a value came from: 1-based line, 0-based column and length, so that a page can mark it. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

export interface DumpValue {
  readonly value: bigint;
  /** Where the value stands; NOWHERE for a value that no text gives. */
  readonly place: Place;
  /** The name as the text spells it. */
  readonly spelled: string;
}

/** An entry of an MSR area as two quadwords: bits 31:0 of the first are the MSR's index (SDM 3C, table 25-15). */
export type MsrEntry = readonly [index: bigint, value: bigint];

/** What was seen and not used, or used on an assumption. */
export interface Note {
  readonly place: Place | null;
  readonly text: string;
}

export type DumpFormat = "kvm" | "xen" | "basalt" | "listing" | "json";

/** What is dumped: VMX's control structure or SVM's control block. */
export const STRUCTURES = ["vmcs", "vmcb"] as const;
export type Structure = (typeof STRUCTURES)[number];

export interface Dump {
  readonly format: DumpFormat;
  readonly structure: Structure;
  /**
   * By the doctor's number. Of a VMCS that is the full encoding: of a 64-bit field the even one; the upper halves are
   * merged in.
   */
  readonly fields: Map<number, DumpValue>;
  /** By name: "IA32_VMX_BASIC", "CPUID.1.ECX". */
  readonly capabilities: Map<string, DumpValue>;
  /** Processor state by the name that the text gives it; Basalt's own dump and JSON have it. */
  readonly state: Map<string, DumpValue>;
  readonly notes: Note[];
  /** Encodings in `fields` that are 0 because nothing ever wrote them; empty unless a dump was stored through encodings. */
  readonly neverWritten: Set<number>;
  /** The VM-entry MSR-load area, where the text has it; its count is the field's own. */
  readonly msrEntries?: readonly MsrEntry[];
}

/** Why a text is no dump: its 1-based line, and one sentence: found, expected, what to do. */
export interface Unreadable {
  readonly line: number;
  readonly reason: string;
}

/** The place of a value that no text gives. */
export const NOWHERE: Place = { line: 0, column: 0, length: 0 };

export function isUnreadable(result: object): result is Unreadable {
  return "reason" in result && "line" in result;
}
