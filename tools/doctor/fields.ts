// Every VMCS field for the tools: encoding, the SDM's name, the constant's name and the width (SDM 3D appendix B).
// What holds for fields of the VMCB as well goes by the doctor's number of a field, which of the VMCS is its encoding.
import * as constants from "#hv/x86/vmcs-fields";
import { VMCS_FIELD_ENCODINGS, VMCS_FIELD_NAMES } from "#hv/x86/vmcs-field-names";
import { isVmcbField, offsetOf, vmcbFieldOf } from "./vmcb-fields.ts";

export interface Field {
  /** The full encoding: of a 64-bit field the even one. */
  readonly encoding: number;
  /** The SDM's name, "Guest CS access rights". */
  readonly name: string;
  /** The constant's name in hv/x86/vmcs-fields.ts, "GUEST_CS_ACCESS_RIGHTS". */
  readonly identifier: string;
  /** In bits; natural width is 64. */
  readonly width: 8 | 16 | 32 | 64;
  /** Whether the field has an upper half of its own encoding: true of 64-bit fields, not of natural-width ones. */
  readonly hasUpperHalf: boolean;
  /** Whether VMWRITE may be refused: a read-only data field (SDM 3C 25.11.2, type 1). */
  readonly isReadOnly: boolean;
}

/** By bits 14:13 of the encoding: 16-bit, 64-bit, 32-bit, natural width (SDM 3C 25.11.2). */
const WIDTHS = [16, 64, 32, 64] as const;
const WIDTH_64 = 1;
const READ_ONLY_DATA = 1;

const identifiers = new Map(
  Object.entries(constants as Readonly<Record<string, unknown>>)
    .filter((entry): entry is [string, number] => typeof entry[1] === "number" && !isPart(entry[0]))
    .map(([identifier, encoding]) => [encoding, identifier]),
);

/** Whether a constant of vmcs-fields.ts is a part of encodings and not a field. */
function isPart(identifier: string): boolean {
  return /^(ACCESS_HIGH|FIELD_|CONTROL$|READ_ONLY_DATA$|GUEST_STATE$|HOST_STATE$|WIDTH_|NATURAL_WIDTH$)/.test(
    identifier,
  );
}

/** All fields in the order of the appendix. */
export const FIELDS: readonly Field[] = VMCS_FIELD_ENCODINGS.map((encoding, row) => {
  const width = (encoding >> 13) & 3;
  return {
    encoding,
    name: VMCS_FIELD_NAMES[row] ?? "",
    identifier: identifiers.get(encoding) ?? "",
    width: WIDTHS[width] ?? 64,
    hasUpperHalf: width === WIDTH_64,
    isReadOnly: ((encoding >> 10) & 3) === READ_ONLY_DATA,
  };
});

const byEncoding = new Map(FIELDS.map((field) => [field.encoding, field]));
const byIdentifier = new Map(FIELDS.map((field) => [field.identifier, field]));

/** The field with this full encoding, or of the VMCB with the doctor's number; or undefined. */
export function fieldOf(number: number): Field | undefined {
  return byEncoding.get(number) ?? vmcbFieldOf(number);
}

/** Where the manual has a field: the encoding of one of the VMCS, the offset of one of the VMCB: "0x681e", "0x558". */
export function placeOf(number: number): string {
  const [place, digits] = isVmcbField(number) ? [offsetOf(number), 3] : [number, 4];
  return `0x${place.toString(16).padStart(digits, "0")}`;
}

/** The encoding of the field whose constant has this name. Throws where there is none: the caller's table is wrong. */
export function encodingOf(identifier: string): number {
  const field = byIdentifier.get(identifier);
  if (field === undefined) throw new Error(`found no VMCS field ${identifier}, expected a constant of hv/x86`);
  return field.encoding;
}

/** The field and half that an encoding selects: an odd one is the upper half of a 64-bit field. */
export function selected(encoding: number): { field: Field; isUpperHalf: boolean } | undefined {
  const full = byEncoding.get(encoding);
  if (full !== undefined) return { field: full, isUpperHalf: false };
  const field = (encoding & 1) === 1 ? byEncoding.get(encoding - 1) : undefined;
  return field?.hasUpperHalf === true ? { field, isUpperHalf: true } : undefined;
}

/** An encoding as the manual writes it: 0x681e. */
export function hex(encoding: number | bigint): string {
  return `0x${encoding.toString(16)}`;
}
