// Reads a text in any of the forms that the doctor knows into the values of fields and capabilities.
import { isUnreadable, type Dump, type Unreadable } from "../dump.ts";
import { isBasaltDump, readBasaltDump } from "./basalt.ts";
import { isJson, readJson } from "./json.ts";
import { fieldOf } from "../fields.ts";
import { isKernelDump, readKernelDump } from "./kernel-dump.ts";
import { splitLines, type Line } from "./lines.ts";
import { readListing } from "./listing.ts";
import { isVmcbDump, readVmcbDump } from "./vmcb-dump.ts";

/** What QEMU prints of a failed entry: its own copy of the guest's registers, without controls and host state. */
const OF_QEMU = /KVM: entry failed, hardware error|^EAX=[0-9a-f]{8} EBX=|^RAX=[0-9a-f]{16} RBX=/;
const NO_DUMP_BY_QEMU =
  "Found registers as QEMU prints them, expected KVM's dump of the VMCS or VMCB: as root, write 1 to " +
  "/sys/module/kvm_intel/parameters/dump_invalid_vmcs, or kvm_amd's dump_invalid_vmcb, let the entry fail again, " +
  "and give the output of dmesg.";
const ONLY_AN_EXIT =
  "Found nothing but what VM exits and failures write, such as the exit reason, expected fields that VM entry checks: " +
  "give the guest's state, the host's and the controls.";

/**
 * Reads a dump of a VMCS, of Linux KVM, of Xen, of Basalt, a free listing of names and values, or JSON; or one of a VMCB,
 * of Linux KVM, of Basalt, or JSON. The text itself says which.
 * Never throws, and takes time in proportion to the text. A refusal names its line.
 */
export function readDump(text: string): Dump | Unreadable {
  const lines = splitLines(text);
  if (isUnreadable(lines)) return lines;
  const isDump = isKernelDump(lines) || isVmcbDump(lines) || isBasaltDump(lines);
  const ofQemu = isDump ? undefined : lines.find((line) => OF_QEMU.test(line.text));
  if (ofQemu !== undefined) return { line: ofQemu.number, reason: NO_DUMP_BY_QEMU };
  const dump = readLines(text, lines);
  if (!isUnreadable(dump) && dump.fields.size > 0 && [...dump.fields.keys()].every(isReadOnly)) {
    return { line: [...dump.fields.values()][0]?.place.line ?? 1, reason: ONLY_AN_EXIT };
  }
  if (isUnreadable(dump) || dump.fields.size + dump.capabilities.size + dump.state.size > 0) return dump;
  return {
    line: lines.find((line) => line.text.trim() !== "")?.number ?? 1,
    reason:
      "Found no value of a VMCS field, expected a VMCS dump of Linux KVM, Xen or Basalt, lines of `name: value` or " +
      "`name = value`, JSON with a `fields` object, or for a VMCB a dump of Linux KVM or Basalt or JSON with a `vmcb` " +
      "object: give one of these.",
  };
}

function readLines(text: string, lines: readonly Line[]): Dump | Unreadable {
  if (isJson(lines)) return readJson(text);
  if (isBasaltDump(lines)) return readBasaltDump(lines);
  if (isVmcbDump(lines)) return readVmcbDump(lines);
  if (isKernelDump(lines)) return readKernelDump(lines);
  return readListing(lines);
}

function isReadOnly(encoding: number): boolean {
  return fieldOf(encoding)?.isReadOnly === true;
}
