// Reads free listings: `name: value`, `name = value`, `name value`, in the spellings of names.ts, headings included.
import type { Dump, Place, Unreadable } from "../dump.ts";
import { fieldOf, hex, selected } from "../fields.ts";
import { Collector, quoted, refuse, type Found } from "./collect.ts";
import type { Line } from "./lines.ts";
import { entriesOf, tokenOf, type Entry } from "./listing-lines.ts";
import { guestMeaningOf, isForeign, meaningOf, wordsOf, type Meaning } from "./names.ts";
import { isPlainlyHexadecimal, readNumber } from "./numbers.ts";
import { CAPABILITY_NAME } from "./spellings.ts";

/** `0x6800`, `VMCS[0x6800]`, `field 0x6800`: an encoding instead of a name, or beside one. */
const ENCODING = /^(?:vmcs|field|encoding|vmread|vmwrite)?[ _]?[[(]?(0x[0-9a-f]{1,8})[\])]?$/i;
const ENCODING_BESIDE = /[[(](0x[0-9a-f]{1,8})[\])]/i;
const CPUID = /^cpuid\.([0-9a-f]{1,8})h?[.:](?:([0-9a-f]{1,8})[.:])?(e[abcd]x)$/i;
/** The words of a heading that says whose state follows. */
const HEADING_WORDS = new Set([
  "guest",
  "host",
  "control",
  "controls",
  "state",
  "area",
  "registers",
  "register",
  "fields",
]);
/** Names that mean something only under a register's line. */
const PARTS = new Set(["selector", "sel", "rights", "ar", "attr", "limit", "lim", "base"]);
const ZERO_PADDED = /^0[0-9]{3}$|^0[0-9]{7}$|^0[0-9]{15}$/;

export function readListing(lines: readonly Line[]): Dump | Unreadable {
  return new Listing(lines.flatMap(entriesOf)).read();
}

class Listing {
  readonly #entries: readonly Entry[];
  readonly #dump = new Collector();
  readonly #assumed: { meaning: Meaning; found: Found }[] = [];
  readonly #assumedEncodings = new Set<number>();
  /** What a number of digits alone is: hexadecimal where another value without `0x` has a hexadecimal letter. */
  readonly #base: 10 | 16;
  #parents: { indent: number; name: string }[] = [];
  #register = "";
  #area: "guest" | "host" = "guest";

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
    const bare = entries.filter((entry) => entry.isMarked).map((entry) => tokenOf(entry.value).token);
    this.#base = bare.some((token) => ZERO_PADDED.test(token) || isBareHexadecimal(token)) ? 16 : 10;
  }

  read(): Dump | Unreadable {
    for (const entry of this.#entries) {
      const refusal = this.#readEntry(entry);
      if (refusal !== null) return refusal;
    }
    for (const { meaning, found } of this.#assumed) {
      const refusal = this.#takeAssumed(meaning, found);
      if (refusal !== null) return refusal;
    }
    return this.#dump.finish("listing");
  }

  /** Whether a name says whose state it is, as "cr0" does not. */
  #isExplicit(entry: Entry): boolean {
    const name = withoutLogWords(entry.name);
    return this.#area === "host" || this.#parents.length > 1 || ENCODING_BESIDE.test(name) || meaningOf(name) !== null;
  }

  /** Takes a value whose name was assumed to be the guest's, unless another line gives the guest's by its full name. */
  #takeAssumed(meaning: Meaning, found: Found): Unreadable | null {
    const explicit = this.#dump.valueOf(meaning);
    if (explicit === undefined || explicit.value === found.value || this.#assumedEncodings.has(meaning.encoding)) {
      this.#assumedEncodings.add(meaning.encoding);
      return this.#dump.field(meaning, found);
    }
    this.#dump.note(
      found.place,
      `${quoted(found.spelled)} could be the guest's, but line ${explicit.place.line} gives that as ${quoted(explicit.spelled)}; not used.`,
    );
    return null;
  }

  #readEntry(entry: Entry): Unreadable | null {
    while ((this.#parents.at(-1)?.indent ?? -1) >= entry.indent) this.#parents.pop();
    if (entry.isMarked && entry.value === "" && this.#enterArea(entry.name)) return null;
    const refusal = this.#readValue(entry);
    if (entry.isMarked) this.#parents.push({ indent: entry.indent, name: entry.name });
    return refusal;
  }

  /** Whether a heading names the guest's or the host's state, which then holds for the lines below it. */
  #enterArea(heading: string): boolean {
    const words = wordsOf(heading);
    if (words.length === 0 || !words.every((word) => HEADING_WORDS.has(word))) return false;
    this.#area = words.includes("host") ? "host" : "guest";
    return true;
  }

  #readValue(entry: Entry): Unreadable | null {
    const { token, length, number: isNumber } = tokenOf(entry.value);
    const place = { line: entry.line, column: entry.column, length };
    const capability = capabilityOf(entry.name);
    const meaning = capability === null ? this.#meaningOf(entry, place, isNumber) : null;
    if (capability === null && meaning === null) {
      if (isNumber && entry.isMarked) this.#noteUnknown(entry.name, place);
      return null;
    }
    if (entry.value === "" || (!isNumber && !entry.isMarked)) return null;
    const read = isNumber ? readNumber(token, this.#base) : null;
    if (read === null) {
      return refuse(
        place,
        `Found ${quoted(token)} for ${quoted(entry.name)}, expected one number: correct the value or delete the line.`,
      );
    }
    if (!read.isCertain) {
      const base = this.#base === 16 || isPlainlyHexadecimal(token) ? "hexadecimal" : "decimal";
      this.#dump.note(place, `${quoted(token)} has no 0x; read as ${base}: ${hex(read.value)}.`);
    }
    const found = { value: read.value, place, spelled: entry.name };
    if (meaning !== null && !this.#isExplicit(entry)) {
      this.#assumed.push({ meaning, found });
      return null;
    }
    if (capability !== null) return this.#dump.capability(capability, found);
    return meaning === null ? null : this.#dump.field(meaning, found);
  }

  /** The field that a line's name means where it stands: beside an encoding, under a heading, under a register's line. */
  #meaningOf(entry: Entry, place: Place, isNumber: boolean): Meaning | null {
    const encoding = (ENCODING.exec(entry.name) ?? ENCODING_BESIDE.exec(entry.name))?.[1];
    if (encoding !== undefined) return this.#meaningOfEncoding(entry.name, Number(encoding), place, isNumber);
    const name = withoutLogWords(entry.name);
    if (isForeign(name)) return null;
    const parent = this.#parents.at(-1)?.name;
    const meaning = (parent === undefined ? null : this.#inArea(`${parent} ${name}`)) ?? this.#inArea(name);
    if (meaning === null) return PARTS.has(name.toLowerCase()) ? this.#inArea(`${this.#register} ${name}`) : null;
    if (/_(?:SELECTOR|BASE)$/.test(fieldOf(meaning.encoding)?.identifier ?? "")) this.#register = name;
    return meaning;
  }

  #inArea(name: string): Meaning | null {
    if (this.#area === "guest" || /guest|host/i.test(name)) return guestMeaningOf(name);
    return meaningOf(`host ${name}`) ?? meaningOf(name);
  }

  #meaningOfEncoding(name: string, encoding: number, place: Place, isNumber: boolean): Meaning | null {
    const half = selected(encoding);
    const named = guestMeaningOf(name.replace(ENCODING_BESIDE, " "));
    if (half === undefined) {
      if (isNumber) this.#dump.note(place, `${hex(encoding)} is the encoding of no VMCS field; not used.`);
      return null;
    }
    if (named !== null && named.encoding !== half.field.encoding && !ENCODING.test(name)) {
      this.#dump.note(place, `${quoted(name)}: ${hex(encoding)} is ${half.field.name}; the encoding is followed.`);
    }
    return { encoding: half.field.encoding, isUpperHalf: half.isUpperHalf };
  }

  #noteUnknown(name: string, place: Place): void {
    if (ENCODING.test(name) || ENCODING_BESIDE.test(name)) return;
    this.#dump.noteUnknown(place, name);
  }
}

/** What stands behind the last `: ` of a name, where the words before it are a log's own. */
function withoutLogWords(name: string): string {
  const colon = name.lastIndexOf(": ");
  return colon >= 0 && isForeign(name) ? name.slice(colon + 2) : name;
}

function isBareHexadecimal(token: string): boolean {
  return isPlainlyHexadecimal(token) && /[0-9]/.test(token) && token.length > 1;
}

/** The capability that a name means, as capabilities are named: "IA32_VMX_BASIC", "CPUID.1.ECX"; else null. */
export function capabilityOf(name: string): string | null {
  if (name.length > 64) return null;
  const cpuid = CPUID.exec(name);
  if (cpuid !== null) {
    const leaf = (cpuid[1] ?? "").replace(/^0+(?=.)/, "");
    const subleaf = cpuid[2] === undefined ? "" : `.${cpuid[2].replace(/^0+(?=.)/, "")}`;
    return `CPUID.${leaf}${subleaf}.${cpuid[3] ?? ""}`.toUpperCase();
  }
  const msr = name.toLowerCase().replace(/^msr_/, "");
  return CAPABILITY_NAME.test(msr) ? msr.toUpperCase() : null;
}
