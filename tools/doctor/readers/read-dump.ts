// Reads a text in any of the forms that the doctor knows into the values of VMCS fields and capabilities.
import { isUnreadable, type Dump, type Unreadable } from "../dump.ts";
import { isBasaltDump, readBasaltDump } from "./basalt.ts";
import { isJson, readJson } from "./json.ts";
import { isKernelDump, readKernelDump } from "./kernel-dump.ts";
import { splitLines, type Line } from "./lines.ts";
import { readListing } from "./listing.ts";

/**
 * Reads a dump: of Linux KVM, of Xen, of Basalt, a free listing of names and values, or JSON; the text itself says which.
 * Never throws, and takes time in proportion to the text. A refusal names its line.
 */
export function readDump(text: string): Dump | Unreadable {
  const lines = splitLines(text);
  if (isUnreadable(lines)) return lines;
  const dump = readLines(text, lines);
  if (isUnreadable(dump) || dump.fields.size + dump.capabilities.size + dump.state.size > 0) return dump;
  return {
    line: lines.find((line) => line.text.trim() !== "")?.number ?? 1,
    reason:
      "Found no value of a VMCS field, expected a VMCS dump of Linux KVM, Xen or Basalt, lines of `name: value` or " +
      "`name = value`, or JSON with a `fields` object: give one of these.",
  };
}

function readLines(text: string, lines: readonly Line[]): Dump | Unreadable {
  if (isJson(lines)) return readJson(text);
  if (isBasaltDump(lines)) return readBasaltDump(lines);
  if (isKernelDump(lines)) return readKernelDump(lines);
  return readListing(lines);
}
