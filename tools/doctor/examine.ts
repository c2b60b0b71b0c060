// From a dump and a choice of processor to what the doctor says of them: the same for the command line and the page.
import type { Doctor, Doctors, Examination, Input, Subject } from "./doctor.ts";
import type { Dump, DumpValue } from "./dump.ts";

/** The processor that somebody chose: a shipped set, or values that were read from a text. */
export interface ChosenCapabilities {
  readonly name: string;
  readonly values: ReadonlyMap<string, bigint>;
  /** What the reader of the text saw and did not use. */
  readonly notes?: readonly string[];
}

export interface DumpExamination extends Examination {
  readonly subject: Subject;
  /** Where the capabilities come from. */
  readonly capabilitiesFrom: "choice" | "dump" | "nowhere";
  /** Sentences on what of the dump was not used, and why. */
  readonly remarks: readonly string[];
}

/** Judges a dump by the rules of what it is of. */
export function examineAny(doctors: Doctors, dump: Dump, chosen: ChosenCapabilities | null): DumpExamination {
  return examineDump(doctors[dump.structure], dump, chosen);
}

/**
 * Judges a dump. A chosen processor counts instead of all capabilities that the dump gives: a mixture would be no
 * processor. Names that the doctor does not know are left out. Both are told in `remarks`.
 */
export function examineDump(doctor: Doctor, dump: Dump, chosen: ChosenCapabilities | null): DumpExamination {
  const remarks: string[] = [...(chosen?.notes ?? [])];
  const given = chosen?.values ?? valuesOf(dump.capabilities);
  const capabilities = knownTo(doctor.capabilities, given, "capability", remarks);
  const state = knownTo(doctor.state, valuesOf(dump.state), "processor state", remarks);
  if (chosen !== null) remarks.push(...differences(dump.capabilities, chosen));
  const fields = new Map([...dump.fields].map(([encoding, { value }]) => [encoding, value]));
  const { neverWritten, msrEntries } = dump;
  const subject: Subject = { fields, neverWritten, capabilities, state, ...(msrEntries && { msrEntries }) };
  const capabilitiesFrom = chosen !== null ? "choice" : capabilities.size > 0 ? "dump" : "nowhere";
  return { ...doctor.examine(subject), subject, capabilitiesFrom, remarks };
}

/** The value of an input that was judged; undefined where it is not known. */
export function judgedValue({ subject }: DumpExamination, { kind, number, name }: Input): bigint | undefined {
  if (kind === "field") return subject.fields.get(number) ?? (subject.neverWritten?.has(number) ? 0n : undefined);
  return kind === "capability" ? subject.capabilities?.get(name) : subject.state?.get(name);
}

/** Where the dump says it, or null; a capability of the dump counts only where none was chosen. */
export function inDump(dump: Dump, { capabilitiesFrom }: DumpExamination, input: Input): DumpValue | null {
  const value =
    input.kind === "field"
      ? dump.fields.get(input.number)
      : input.kind === "state"
        ? dump.state.get(input.name)
        : capabilitiesFrom === "dump"
          ? dump.capabilities.get(input.name)
          : undefined;
  return value && value.place.line > 0 ? value : null;
}

function valuesOf(values: ReadonlyMap<string, DumpValue>): Map<string, bigint> {
  return new Map([...values].map(([name, { value }]) => [name, value]));
}

function knownTo(
  known: ReadonlyMap<string, unknown>,
  given: ReadonlyMap<string, bigint>,
  what: string,
  remarks: string[],
): Map<string, bigint> {
  const unknown = [...given.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0) remarks.push(`No rule reads the ${what} ${unknown.join(", ")}: not used.`);
  return new Map([...given].filter(([name]) => known.has(name)));
}

function differences(inDump: ReadonlyMap<string, DumpValue>, chosen: ChosenCapabilities): string[] {
  return [...inDump].flatMap(([name, { value }]) => {
    const instead = chosen.values.get(name);
    if (instead === value) return [];
    const counts = instead === undefined ? `does not know it` : `has ${hex(instead)}`;
    return [
      `The dump gives ${name} = ${hex(value)}; the chosen processor, ${chosen.name}, ${counts}, and that counts.`,
    ];
  });
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
