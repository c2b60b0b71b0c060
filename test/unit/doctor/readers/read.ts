// Reads a text in a test and fails where it is refused, or where it is not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isUnreadable, type Dump, type Unreadable } from "../../../../tools/doctor/dump.ts";
import { encodingOf } from "../../../../tools/doctor/fields.ts";
import { readDump } from "../../../../tools/doctor/readers/read-dump.ts";

export function dumpOf(text: string): Dump {
  const dump = readDump(text);
  assert.ok(!isUnreadable(dump), `refused: ${"reason" in dump ? String(dump.reason) : ""}`);
  return dump;
}

export function refusalOf(text: string): Unreadable {
  const refusal = readDump(text);
  assert.ok(isUnreadable(refusal), "read a text that was to be refused");
  return refusal;
}

/** The value of the field with this constant's name; undefined where the dump has none. */
export function valueOf(dump: Dump, identifier: string): bigint | undefined {
  return dump.fields.get(encodingOf(identifier))?.value;
}

/** The fields of a dump as an object from identifier to value, to compare in one piece. */
export function valuesOf(dump: Dump, ...identifiers: string[]): (bigint | undefined)[] {
  return identifiers.map((identifier) => valueOf(dump, identifier));
}

/** The text at the place of a field's value. */
export function textAt(text: string, dump: Dump, identifier: string): string | undefined {
  const place = dump.fields.get(encodingOf(identifier))?.place;
  return place && text.split("\n")[place.line - 1]?.slice(place.column, place.column + place.length);
}

/** A data file of the cases: test/fixtures/doctor/<name>. */
export function caseFile(name: string): string {
  return readFileSync(new URL(`../../../fixtures/doctor/${name}`, import.meta.url), "utf8");
}
