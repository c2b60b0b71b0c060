// Reads Basalt's own dumps: `vmcs ENCODING VALUE NAME` or `vmcb OFFSET VALUE NAME`, `capability NAME VALUE`,
// `state NAME VALUE`, a line each.
import type { Dump, Structure, Unreadable } from "../dump.ts";
import { hex, selected } from "../fields.ts";
import { vmcbFieldAt } from "../vmcb-fields.ts";
import { Collector, quoted, refuse, type Found } from "./collect.ts";
import type { Line } from "./lines.ts";
import { readNumber } from "./numbers.ts";

const FIELD = /\b(?<kind>vmcs|vmcb) (?<key>0x[0-9a-f]{1,8}) (?<value>[^\s=:]\S*)(?: (?<name>.*))?/i;
const NAMED = /(?:^|: )(?<kind>capability|state) (?<key>\S{1,96}) (?<value>\S+)/;
const VM = /\b(vm[0-9]{1,3}): /;

/** Whether some line is a field's line of Basalt's dump. */
export function isBasaltDump(lines: readonly Line[]): boolean {
  return lines.some((line) => FIELD.test(line.text));
}

export function readBasaltDump(lines: readonly Line[]): Dump | Unreadable {
  const dump = new Collector();
  let vm: string | undefined;
  let structure: Structure | undefined;
  for (const line of lines) {
    const match = FIELD.exec(line.text) ?? NAMED.exec(line.text);
    if (match === null) continue;
    const { kind = "", key = "", value = "", name = "" } = match.groups ?? {};
    const start = match.index + match[0].indexOf(` ${value}`, match[0].indexOf(` ${key} `) + key.length + 1) + 1;
    const place = { line: line.number, column: start, length: value.length };
    const vmOfLine = VM.exec(line.text.slice(0, start))?.[1];
    vm ??= vmOfLine;
    if (vmOfLine !== vm && vmOfLine !== undefined) {
      dump.note(
        place,
        `The line is of ${vmOfLine}; only ${vm ?? ""} is read. Cut the text to the machine that you mean.`,
      );
      continue;
    }
    const other = kind.toLowerCase();
    if (other === "vmcs" || other === "vmcb") {
      structure ??= other;
      if (structure !== other) {
        dump.note(
          place,
          `The line is of a ${other.toUpperCase()}; the dump is of a ${structure.toUpperCase()}. Not used.`,
        );
        continue;
      }
    }
    const number = readNumber(value, 16);
    if (number === null) {
      return refuse(place, `Found ${quoted(value)} as a value, expected a number such as 0x10: correct the line.`);
    }
    const found = { value: number.value, place, spelled: name.trim() === "" ? key : name.trim() };
    const refusal = take(dump, kind.toLowerCase(), key, found);
    if (refusal !== null) return refusal;
  }
  return dump.finish("basalt", structure);
}

function take(dump: Collector, kind: string, key: string, found: Found): Unreadable | null {
  if (kind === "capability") return dump.capability(key.toUpperCase(), found);
  if (kind === "state") return dump.state(key, found);
  if (kind === "vmcb") return takeOfVmcb(dump, Number(key), found);
  const half = selected(Number(key));
  if (half === undefined) {
    dump.note(found.place, `${hex(Number(key))} is the encoding of no VMCS field; not used.`);
    return null;
  }
  return dump.field({ encoding: half.field.encoding, isUpperHalf: half.isUpperHalf }, found);
}

function takeOfVmcb(dump: Collector, offset: number, found: Found): Unreadable | null {
  const field = vmcbFieldAt(offset);
  if (field !== undefined) return dump.field({ encoding: field.encoding, isUpperHalf: false }, found);
  dump.note(found.place, `${hex(offset)} is the offset of no VMCB field; not used.`);
  return null;
}
