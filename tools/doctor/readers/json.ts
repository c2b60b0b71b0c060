// Reads JSON: `{ "fields": …, "capabilities": …, "state": …, "msrLoad": [[index, value], …] }`, or a flat object of fields;
// of a VMCB, `{ "vmcb": …, "capabilities": …, "state": … }`.
import { isUnreadable, type Dump, type Place, type Unreadable } from "../dump.ts";
import { encodingOf, selected } from "../fields.ts";
import { vmcbFieldAt, vmcbFieldNamed } from "../vmcb-fields.ts";
import { Collector, quoted, refuse } from "./collect.ts";
import { parseJson, type JsonMember, type JsonValue } from "./json-text.ts";
import type { Line } from "./lines.ts";
import { capabilityOf } from "./listing.ts";
import { guestMeaningOf, type Meaning } from "./names.ts";
import { readNumber } from "./numbers.ts";

/** The fields of a VMCB, by name or by offset. */
const VMCB = "vmcb";
const SECTIONS = ["fields", VMCB, "capabilities", "state"];
/** The VM-entry MSR-load area. */
const MSR_LOAD = "msrLoad";
/** As many entries as any processor recommends at most (IA32_VMX_MISC[27:25], SDM 3D A.6). */
const MOST_ENTRIES = 4096;
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
  const isStructured = root.some(
    ({ key, value }) => (SECTIONS.includes(key) && value.kind === "object") || key === MSR_LOAD,
  );
  const refusal = isStructured ? readSections(root, dump) : readMembers(root, "fields", dump);
  return refusal ?? dump.finish("json", root.some(({ key }) => key === VMCB) ? "vmcb" : "vmcs");
}

function readSections(root: readonly JsonMember[], dump: Collector): Unreadable | null {
  const both = root.find(({ key }) => key === "fields");
  if (both !== undefined && root.some(({ key }) => key === VMCB)) {
    return refuse(both.value.place, `Found "fields" beside "${VMCB}", expected one: is it a VMCS or a VMCB?`);
  }
  for (const { key, value } of root) {
    if (key === MSR_LOAD) {
      const refusal = readMsrLoad(value, dump);
      if (refusal !== null) return refusal;
      continue;
    }
    if (!SECTIONS.includes(key)) {
      dump.note(value.place, `${quoted(key)} is none of ${[...SECTIONS, MSR_LOAD].join(", ")}; not used.`);
      continue;
    }
    if (value.kind !== "object") return refuse(value.place, `Found no object for "${key}", expected one: correct it.`);
    const refusal = readMembers(value.members, key, dump);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** The entries, and their number as the area's count. */
function readMsrLoad(value: JsonValue, dump: Collector): Unreadable | null {
  if (value.kind !== "array") return refuse(value.place, `Found no array for "${MSR_LOAD}", expected one: correct it.`);
  const entries: [bigint, bigint][] = [];
  for (const item of value.items) {
    if (item.kind !== "array" || item.items.length !== 2 || entries.length === MOST_ENTRIES) {
      const expected = `at most ${MOST_ENTRIES} pairs such as ["0x277", "0x7040600070406"]`;
      return refuse(item.place, `Found another entry of "${MSR_LOAD}", expected ${expected}: correct it.`);
    }
    const [index, data] = item.items.map((part) => numberOf(MSR_LOAD, part));
    if (typeof index !== "bigint") return index ?? null;
    if (typeof data !== "bigint") return data ?? null;
    if (index < 0n || index >> 64n !== 0n || data < 0n || data >> 64n !== 0n) {
      return refuse(
        item.place,
        `Found an entry of "${MSR_LOAD}" of more than 64 bits, expected two quadwords: correct it.`,
      );
    }
    entries.push([index, data]);
  }
  dump.msrLoad(entries);
  const count = { value: BigInt(entries.length), place: value.place, spelled: MSR_LOAD };
  return dump.field({ encoding: encodingOf("VM_ENTRY_MSR_LOAD_COUNT"), isUpperHalf: false }, count);
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
  const ofFields = section === "fields" || section === VMCB;
  const meaning = !ofFields || capability !== null ? null : section === VMCB ? vmcbMeaning(key) : meaningOfKey(key);
  if (ofFields && capability === null && meaning === null) {
    if (section === VMCB) dump.note(value.place, `${quoted(key)} is the name of no VMCB field; not used.`);
    else dump.noteUnknown(value.place, key);
    return null;
  }
  const number = numberOf(key, value);
  if (typeof number !== "bigint") return number;
  const found = { value: number, place: value.place, spelled: key };
  if (section === "state") return dump.state(key, found);
  if (meaning !== null) return dump.field(meaning, found);
  return dump.capability(capability ?? key, found);
}

function vmcbMeaning(key: string): Meaning | null {
  const field = ENCODING.test(key) ? vmcbFieldAt(Number(key)) : vmcbFieldNamed(key);
  return field === undefined ? null : { encoding: field.encoding, isUpperHalf: false };
}

function meaningOfKey(key: string): Meaning | null {
  if (!ENCODING.test(key)) return guestMeaningOf(key);
  const half = selected(Number(key));
  return half === undefined ? null : { encoding: half.field.encoding, isUpperHalf: half.isUpperHalf };
}

function numberOf(key: string, value: JsonValue): bigint | Unreadable {
  if (value.kind === "object" || value.kind === "array" || value.kind === "other")
    return badValue(key, "no number", value.place);
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
