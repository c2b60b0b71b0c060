// Every field of the VMCB for the tools: offset, the manual's name and the width (APM volume 2, appendix B).
import { VMCB_FIELD_NAMES, VMCB_FIELD_OFFSETS, VMCB_FIELD_SIZES } from "#hv/x86/vmcb-field-names";
import type { Field } from "./fields.ts";

/** The doctor's number of the field at offset 0 (hv/doctor/inputs.ts): VMCS encodings end below. */
const FIRST_VMCB_FIELD = 0x8000;
const PAST_VMCB_FIELDS = 0x1_0000;

/** What VMEXIT alone writes. */
const OF_EXITS = new Set(["EXITCODE", "EXITINFO1", "EXITINFO2", "EXITINTINFO", "NRIP", "BYTES_FETCHED"]);

/** All fields by ascending offset; `encoding` is the doctor's number. */
export const VMCB_FIELDS: readonly Field[] = VMCB_FIELD_OFFSETS.map((offset, row) => {
  const name = VMCB_FIELD_NAMES[row] ?? "";
  return {
    encoding: FIRST_VMCB_FIELD + offset,
    name,
    identifier: name,
    width: ((VMCB_FIELD_SIZES[row] ?? 8) * 8) as Field["width"],
    hasUpperHalf: false,
    isReadOnly: OF_EXITS.has(name),
  };
});

const byNumber = new Map(VMCB_FIELDS.map((field) => [field.encoding, field]));
const byName = new Map(VMCB_FIELDS.map((field) => [field.name, field]));

/** Whether the doctor's number of a field is one of the VMCB. */
export function isVmcbField(number: number): boolean {
  return number >= FIRST_VMCB_FIELD && number < PAST_VMCB_FIELDS;
}

/** The field with the doctor's number, or undefined. */
export function vmcbFieldOf(number: number): Field | undefined {
  return byNumber.get(number);
}

/** The field at that offset from the VMCB's start, or undefined. */
export function vmcbFieldAt(offset: number): Field | undefined {
  return byNumber.get(FIRST_VMCB_FIELD + offset);
}

/** The field of that name, in upper or lower case, with or without VMCB_ before it; undefined where there is none. */
export function vmcbFieldNamed(name: string): Field | undefined {
  return byName.get(
    name
      .trim()
      .toUpperCase()
      .replace(/^VMCB[_.]/, ""),
  );
}

/** The offset of a field of the VMCB. */
export function offsetOf(number: number): number {
  return number - FIRST_VMCB_FIELD;
}
