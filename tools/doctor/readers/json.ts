// Reads JSON: `{ "fields": …, "capabilities": …, "state": … }`, or one flat object of fields.
import { isUnreadable, type Dump, type Place, type Unreadable } from "../dump.ts";
import { selected } from "../fields.ts";
import { Collector, quoted, refuse } from "./collect.ts";
import { parseJson, type JsonMember, type JsonValue } from "./json-text.ts";
import type { Line } from "./lines.ts";
import { capabilityOf } from "./listing.ts";
import { guestMeaningOf, type Meaning } from "./names.ts";
import { readNumber } from "./numbers.ts";

const SECTIONS = ["fields", "capabilities", "state"];
const ENCODING = /^0x[0-9a-f]{1,8}$/i;

/** Whether the first character that is no space opens an object. */
export function isJson(lines: readonly Line[]): boolean {
  return (
    lines
      .find((line) => line.text.trim() !== "")
      ?.text.trimStart()
      .startsWith("{") === true
  );
}

export function readJson(text: string): Dump | Unreadable {
  const root = parseJson(text);
  if (isUnreadable(root)) return root;
  const dump = new Collector();
  const isStructured = root.some(({ key, value }) => SECTIONS.includes(key) && value.kind === "object");
  const refusal = isStructured ? readSections(root, dump) : readMembers(root, "fields", dump);
  return refusal ?? dump.finish("json");
}

function readSections(root: readonly JsonMember[], dump: Collector): Unreadable | null {
  for (const { key, value } of root) {
    if (!SECTIONS.includes(key)) {
      dump.note(value.place, `${quoted(key)} is none of ${SECTIONS.join(", ")}; not used.`);
      continue;
    }
    if (value.kind !== "object") return refuse(value.place, `Found no object for "${key}", expected one: correct it.`);
    const refusal = readMembers(value.members, key, dump);
    if (refusal !== null) return refusal;
  }
  return null;
}

function readMembers(members: readonly JsonMember[], section: string, dump: Collector): Unreadable | null {
  for (const { key, value } of members) {
    const refusal = readMember(key, value, section, dump);
    if (refusal !== null) return refusal;
  }
  return null;
}

function readMember(key: string, value: JsonValue, section: string, dump: Collector): Unreadable | null {
  const capability = section === "state" ? null : capabilityOf(key);
  const meaning = section === "fields" && capability === null ? meaningOfKey(key) : null;
  if (section === "fields" && capability === null && meaning === null) {
    dump.noteUnknown(value.place, key);
    return null;
  }
  const number = numberOf(key, value);
  if (typeof number !== "bigint") return number;
  const found = { value: number, place: value.place, spelled: key };
  if (section === "state") return dump.state(key, found);
  if (meaning !== null) return dump.field(meaning, found);
  return dump.capability(capability ?? key, found);
}

function meaningOfKey(key: string): Meaning | null {
  if (!ENCODING.test(key)) return guestMeaningOf(key);
  const half = selected(Number(key));
  return half === undefined ? null : { encoding: half.field.encoding, isUpperHalf: half.isUpperHalf };
}

function numberOf(key: string, value: JsonValue): bigint | Unreadable {
  if (value.kind === "object" || value.kind === "other") return badValue(key, "no number", value.place);
  const number = readNumber(value.text.trim(), 10);
  if (number === null || (value.kind === "number" && !/^-?[0-9]+$/.test(value.text))) {
    return badValue(key, quoted(value.text), value.place);
  }
  const isExact = number.value <= BigInt(Number.MAX_SAFE_INTEGER) && number.value >= -BigInt(Number.MAX_SAFE_INTEGER);
  if (value.kind === "string" || isExact) return number.value;
  return refuse(
    value.place,
    `Found ${value.text} for ${quoted(key)}, expected a string for a number above 2^53, which JSON's readers round: quote it.`,
  );
}

function badValue(key: string, found: string, place: Place): Unreadable {
  return refuse(
    place,
    `Found ${found} for ${quoted(key)}, expected a whole number or a string such as "0x10": correct it.`,
  );
}
