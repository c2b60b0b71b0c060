// Reads the dumps that Linux KVM and Xen print when an entry fails; both have grown from one layout.
import type { Dump, Place, Unreadable } from "../dump.ts";
import { encodingOf } from "../fields.ts";
import { Collector, quoted, refuse } from "./collect.ts";
import { identifierOf, NO_FIELDS, type Section } from "./kernel-dump-rows.ts";
import { rowsOf, type Row } from "./kernel-dump-lines.ts";
import type { Line } from "./lines.ts";
import { readNumber } from "./numbers.ts";
import { pairsOf, type Pair } from "./pairs.ts";

const SECTION = /\*\*\* ?(Guest|Host|Control) State ?\*\*\*/;
/** What no other text has. A dump may have lost its first lines, so that one of these is enough. */
const SIGNATURE = /gh_mask=|Sysenter RSP=|FSBase=|CPUBased=|EntryControls=|PFECmask=|IDTVectoring: info=/;
/** Xen's lines of segments and descriptor tables since 4.6: selector, access rights, limit and base, or the last two. */
const SEGMENT = /^ {0,4}(CS|DS|SS|ES|FS|GS|LDTR|TR|GDTR|IDTR): /;
const SEGMENT_PARTS = ["sel", "attr", "limit", "base"];
const XEN_ONLY = /\(XEN\)|EFER\((?:VMCS|MSR LL)\)|PDPTE0 = |PreemptionTimer = |CR3: actual=|\) {2}RIP = /;
/** KVM since 5.13 lists its MSR areas, where they are not empty; its EFER is printed in a way of its own. */
const MSR_LIST = /^MSR ((?:guest |host )?auto(?:load|store)):/;
const MSR_ENTRY = /^ {0,4}([0-9]{1,4}): msr=0x([0-9a-f]{8}) value=0x([0-9a-f]{16})$/;
const LISTS_MSRS = /^EFER= 0x/;
const MSR_COUNTS: Readonly<Record<string, string>> = {
  "guest autoload": "VM_ENTRY_MSR_LOAD_COUNT",
  "guest autostore": "VM_EXIT_MSR_STORE_COUNT",
  autostore: "VM_EXIT_MSR_STORE_COUNT",
  "host autoload": "VM_EXIT_MSR_LOAD_COUNT",
};
/** The general registers, which QEMU and Xen print behind the dump. */
const END = /^(?:[ER]AX *=|rax:)/;

interface MsrArea {
  readonly place: Place;
  readonly entries: [index: bigint, value: bigint][];
  isWhole: boolean;
}

/** Whether some line is one that only such a dump has. */
export function isKernelDump(lines: readonly Line[]): boolean {
  return lines.some((line) => SIGNATURE.test(line.text));
}

export function readKernelDump(lines: readonly Line[]): Dump | Unreadable {
  return new KernelDump(lines).read();
}

class KernelDump {
  readonly #lines: readonly Line[];
  readonly #dump = new Collector();
  #section: Section = "guest";
  #seen = new Set<Section>();
  #isInside = false;
  /** Xen before 4.6 printed the entry's instruction length as the exit's. */
  #isOldXen = false;
  /** The line that shows that this dump would list MSR areas. */
  #listsMsrs: Place | null = null;
  /** By the constant's name of the area's count. */
  readonly #areas = new Map<string, MsrArea>();
  #area: MsrArea | null = null;
  /** Values under unknown names since the last known one. */
  readonly #unknown: { spelled: string; place: Place }[] = [];

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  read(): Dump | Unreadable {
    for (const row of rowsOf(this.#lines)) {
      if (this.#startsAnother(row)) break;
      if (END.test(row.text)) this.#isInside = false;
      if (!this.#isInside) continue;
      const refusal = this.#readRow(row);
      if (refusal !== null) return refusal;
    }
    const [behind] = this.#unknown;
    if (behind !== undefined) {
      this.#dump.note(behind.place, "From here on nothing is part of a known dump; not used.");
    }
    return this.#takeMsrAreas() ?? this.#dump.finish(this.#isXen ? "xen" : "kvm");
  }

  get #isXen(): boolean {
    return this.#lines.some((line) => XEN_ONLY.test(line.text));
  }

  /** Follows the headings. Logs hold the dumps of several vCPUs; the first is read. */
  #startsAnother(row: Row): boolean {
    const heading = SECTION.exec(row.text);
    if (heading === null) {
      this.#isInside ||= SIGNATURE.test(row.text);
      return false;
    }
    const section = (heading[1] ?? "").toLowerCase() as Section;
    if (section === "guest" ? this.#dump.count > 0 : this.#seen.has(section)) {
      this.#dump.note(
        row.place(heading.index, heading[0].length),
        `A second dump begins here; only the first is read. Cut the text to the one that you mean.`,
      );
      return true;
    }
    this.#isInside = true;
    this.#section = section;
    this.#seen.add(section);
    return false;
  }

  #readRow(row: Row): Unreadable | null {
    const { text } = row;
    if (SECTION.test(text)) return null;
    const area = MSR_LIST.exec(text)?.[1];
    if (area !== undefined) {
      this.#area = { place: row.place(0, text.length), entries: [], isWhole: true };
      this.#areas.set(MSR_COUNTS[area] ?? "", this.#area);
      return null;
    }
    const entry = MSR_ENTRY.exec(text);
    if (entry !== null && this.#area !== null) {
      this.#area.isWhole &&= Number(entry[1]) === this.#area.entries.length;
      this.#area.entries.push([BigInt(`0x${entry[2] ?? ""}`), BigInt(`0x${entry[3] ?? ""}`)]);
      return null;
    }
    if (text.startsWith("ve_info:")) {
      this.#dump.note(row.place(0, text.length), "ve_info is what memory holds and no VMCS field.");
    }
    if (LISTS_MSRS.test(text)) this.#listsMsrs ??= row.place(0, text.length);
    if (text.includes("target_count=")) this.#isOldXen = true;
    const segment = text.includes("=") ? null : SEGMENT.exec(text);
    if (segment !== null) return this.#readSegment(row, segment[0].length, (segment[1] ?? "").toLowerCase());
    for (const pair of pairsOf(text, 0)) {
      const refusal = this.#readPair(pair, row.place(pair.column, pair.value.length));
      if (refusal !== null) return refusal;
    }
    return null;
  }

  /** The counts of the MSR areas, and the entries of the one that VM entry loads. */
  #takeMsrAreas(): Unreadable | null {
    const listsAll = this.#seen.size === 3 && !this.#isXen ? this.#listsMsrs : null;
    for (const identifier of new Set(Object.values(MSR_COUNTS))) {
      const area = this.#areas.get(identifier);
      const place = area?.place ?? listsAll;
      if (place === null) continue;
      if (area?.isWhole === false) {
        this.#dump.note(area.place, "The entries of this MSR area are not numbered from 0 on; it is not used.");
        continue;
      }
      const count = BigInt(area?.entries.length ?? 0);
      const refusal = this.#store("the MSR area's entries", identifier, count, place);
      if (refusal !== null) return refusal;
      if (identifier === "VM_ENTRY_MSR_LOAD_COUNT") this.#dump.msrLoad(area?.entries ?? []);
    }
    return null;
  }

  /** Xen's columns: the last ones of selector, access rights, limit and base. */
  #readSegment(row: Row, start: number, register: string): Unreadable | null {
    const tokens = [...row.text.slice(start).matchAll(/\S+/g)];
    const parts = SEGMENT_PARTS.slice(register === "gdtr" || register === "idtr" ? 2 : 0);
    if (tokens.length !== parts.length) {
      return refuse(
        row.place(start, 0),
        `Found ${tokens.length} values for ${register.toUpperCase()}, expected ${parts.length} (${parts.join(", ")}): complete the line.`,
      );
    }
    for (const [index, part] of parts.entries()) {
      const token = tokens[index];
      const value = token?.[0] ?? "";
      const place = row.place(start + (token?.index ?? 0), value.length);
      const spelled = `${register.toUpperCase()}: ${part}`;
      const refusal = this.#take(`${register}:${part}`, spelled, value, place);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  #readPair(pair: Pair, place: Place): Unreadable | null {
    const { key, spelled, value, comment } = pair;
    if (key === "svi|rvi") return this.#readInterruptStatus(value, place);
    if (key === "cs:rip") return this.#readSysenter(value, place);
    if (Object.hasOwn(NO_FIELDS, key.slice(key.indexOf(":") + 1))) {
      this.#dump.note(place, `${quoted(value)} is ${NO_FIELDS[key.slice(key.indexOf(":") + 1)] ?? ""}.`);
      return null;
    }
    if (key === "efer" && (comment === "effective" || comment === "autoload")) {
      this.#dump.note(place, `EFER ${quoted(value)} is marked "${comment}": not the VMCS field, which stays unknown.`);
      return null;
    }
    if (key === "vmexit:ilen" && this.#isOldXen) {
      this.#dump.note(place, "This version of Xen prints the VM-entry instruction length here; it is not used.");
      return null;
    }
    return this.#take(key, spelled, value, place);
  }

  /** `SVI|RVI = 00|00`: the bytes of the guest interrupt status (SDM 3C 25.4.2). */
  #readInterruptStatus(value: string, place: Place): Unreadable | null {
    const bytes = /^([0-9a-f]{2})\|([0-9a-f]{2})$/i.exec(value);
    if (bytes === null) return badValue("SVI|RVI", value, "two bytes as in 00|00", place);
    return this.#store("SVI|RVI", "GUEST_INTERRUPT_STATUS", BigInt(`0x${bytes[1] ?? ""}${bytes[2] ?? ""}`), place);
  }

  /** `CS:RIP=0010:ffffffff81000000` behind `Sysenter RSP`. */
  #readSysenter(value: string, place: Place): Unreadable | null {
    const colon = value.indexOf(":");
    const area = this.#section === "host" ? "HOST" : "GUEST";
    const selector = readNumber(value.slice(0, Math.max(0, colon)), 16);
    const pointer = readNumber(value.slice(colon + 1), 16);
    if (selector === null || pointer === null)
      return badValue("Sysenter CS:RIP", value, "two numbers with a colon", place);
    return (
      this.#store("Sysenter CS", `${area}_IA32_SYSENTER_CS`, selector.value, { ...place, length: colon }) ??
      this.#store("Sysenter RIP", `${area}_IA32_SYSENTER_EIP`, pointer.value, {
        ...place,
        column: place.column + colon + 1,
        length: place.length - colon - 1,
      })
    );
  }

  #take(key: string, spelled: string, value: string, place: Place): Unreadable | null {
    const identifier = identifierOf(key, this.#section);
    if (identifier === null) {
      if (readNumber(value, 16) !== null) this.#unknown.push({ spelled, place });
      return null;
    }
    const number = readNumber(value, key === "cr3:target_count" ? 10 : 16);
    if (number === null) return badValue(spelled, value, "a number", place);
    // What is known below it shows that the unknown stood inside the dump.
    for (const unknown of this.#unknown.splice(0)) {
      this.#dump.note(unknown.place, `${quoted(unknown.spelled)} is no part of a known dump; not used.`);
    }
    if (identifier === "EXIT_REASON") {
      this.#dump.note(place, `The dump has the exit that was saved last: ${spelled} ${value}.`);
    }
    return this.#store(spelled, identifier, number.value, place);
  }

  #store(spelled: string, identifier: string, value: bigint, place: Place): Unreadable | null {
    return this.#dump.field({ encoding: encodingOf(identifier), isUpperHalf: false }, { value, place, spelled });
  }
}

function badValue(spelled: string, value: string, expected: string, place: Place): Unreadable {
  return refuse(
    place,
    `Found ${quoted(value)} for ${quoted(spelled)}, expected ${expected}: correct the value or delete it.`,
  );
}
