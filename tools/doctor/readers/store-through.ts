// Stores the values of a dump through an author's own encodings, as his VMWRITEs did, into a VMCS of zeros.
import { NOWHERE, type Dump, type DumpValue, type Note } from "../dump.ts";
import { FIELDS, fieldOf, hex, selected } from "../fields.ts";
import type { Encoding, Encodings } from "./encodings.ts";

/**
 * A dump in which every value of `dump` stands in the field whose encoding the author's source gives for its name.
 * A field that the source does not name keeps its own encoding, with a note. A field that the source writes and for which
 * the dump has no value stays unknown. Every other field is 0 and in `neverWritten`, read-only data fields aside, which
 * no VMWRITE sets.
 */
export function storeThrough(dump: Dump, encodings: Encodings): Dump {
  const notes: Note[] = [...dump.notes];
  if (dump.structure !== "vmcs") {
    return { ...dump, notes: [...notes, { place: null, text: "A VMCB has no encodings: yours are not used." }] };
  }
  const fields = new Map<number, DumpValue>();
  const written = new Set<number>();
  for (const { encoding } of encodings.values()) {
    const half = selected(encoding);
    if (half !== undefined) written.add(half.field.encoding);
  }
  const byMeaning = new Map<number, [string, Encoding]>();
  for (const [name, entry] of encodings) if (entry.meant !== null) byMeaning.set(entry.meant, [name, entry]);

  const store = (encoding: number, stored: DumpValue, by: string): void => {
    const half = selected(encoding);
    if (half === undefined) {
      notes.push({ place: stored.place, text: `${by} is ${hex(encoding)}, which no field has: the VMWRITE failed.` });
      return;
    }
    const { field, isUpperHalf } = half;
    const before = fields.get(field.encoding);
    const value = isUpperHalf
      ? (stored.value << 32n) | ((before?.value ?? 0n) & 0xffff_ffffn)
      : BigInt.asUintN(field.width, stored.value);
    if (before !== undefined && !isUpperHalf && before.value !== value) {
      notes.push({ place: stored.place, text: `${by} overwrites ${before.spelled} in ${field.identifier}.` });
    }
    fields.set(field.encoding, { ...stored, value });
    written.add(field.encoding);
  };

  for (const [encoding, stored] of dump.fields) {
    const [name, entry] = byMeaning.get(encoding) ?? [];
    if (entry === undefined) {
      const identifier = fieldOf(encoding)?.identifier ?? hex(encoding);
      notes.push({ place: stored.place, text: `The encodings do not name ${identifier}; it keeps its own.` });
    }
    store(entry?.encoding ?? encoding, stored, name ?? stored.spelled);
    const [upperName, upper] = byMeaning.get(encoding + 1) ?? [];
    if (upper === undefined || upper.encoding === (entry?.encoding ?? encoding) + 1) continue;
    store(upper.encoding, { ...stored, value: stored.value >> 32n }, upperName ?? "");
  }

  const neverWritten = new Set<number>();
  for (const { encoding, isReadOnly } of FIELDS) {
    if (written.has(encoding) || isReadOnly) continue;
    neverWritten.add(encoding);
    fields.set(encoding, { value: 0n, place: NOWHERE, spelled: "" });
  }
  return { ...dump, fields, notes, neverWritten };
}
