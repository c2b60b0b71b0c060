// Reads the dump that Linux KVM prints when VMRUN fails: dump_vmcb in arch/x86/kvm/svm/svm.c (arch/x86/kvm/svm.c before 5.8).
import type { Dump, Place, Unreadable } from "../dump.ts";
import { vmcbFieldNamed } from "../vmcb-fields.ts";
import { Collector, quoted, refuse } from "./collect.ts";
import type { Line } from "./lines.ts";
import { afterLogPrefix } from "./log-prefix.ts";
import { isSegmentRow, rowOf, SEGMENT_PARTS, type ValueRow } from "./vmcb-dump-rows.ts";

const CONTROL = /^VMCB Control Area:/;
const STATE = /^VMCB State Save Area:/;
const HEADING = /\bVMCB (?:0x)?\w+, last attempted VMRUN on CPU/;
/** What no other text has. A dump may have lost its first lines, so that one of these is enough. */
const SIGNATURE = /VMCB Control Area:|VMCB State Save Area:|last attempted VMRUN on CPU|\b(?:iopm|msrpm)_base_pa: /;
/** The encrypted guest's state is in a page of its own. */
const ENCRYPTED = /\bSEV-(?:ES|SNP)\b.*\bVMCB\b/;
/** A key, its colon and its value; some keys fill their column, so that no space follows. */
const PAIR = /([a-z][a-z0-9_ ]{1,30}?): *([0-9a-f]+(?: [0-9a-f]{8})?)(?![^\s])/gi;
const SEGMENT = /^(\w{2,4}): +s: ([0-9a-f]+) a: ([0-9a-f]+) l: ([0-9a-f]+) b: ([0-9a-f]+)/i;

/** Whether some line is one that only such a dump has. */
export function isVmcbDump(lines: readonly Line[]): boolean {
  return lines.some((line) => SIGNATURE.test(line.text));
}

export function readVmcbDump(lines: readonly Line[]): Dump | Unreadable {
  return new VmcbDump(lines).read();
}

class VmcbDump {
  readonly #lines: readonly Line[];
  readonly #dump = new Collector();
  /** Fields that a dump gives in parts: by name, what is known so far. */
  readonly #parts = new Map<string, { value: bigint; place: Place; spelled: string }>();
  #isInside = false;
  #hasControls = false;
  #hasState = false;

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  read(): Dump | Unreadable {
    for (const line of this.#lines) {
      const column = afterLogPrefix(line.text);
      const text = line.text.slice(column).trimEnd();
      if (this.#startsAnother(text, line.number, column)) break;
      if (!this.#isInside) continue;
      const refusal = this.#readRow(text, line.number, column);
      if (refusal !== null) return refusal;
    }
    for (const [name, found] of this.#parts) {
      const refusal = this.#store(name, found.value, found.place, found.spelled);
      if (refusal !== null) return refusal;
    }
    return this.#dump.finish("kvm", "vmcb");
  }

  /** Follows the headings. Logs hold the dumps of several vCPUs; the first is read. */
  #startsAnother(text: string, number: number, column: number): boolean {
    const isControl = CONTROL.test(text);
    const isState = STATE.test(text);
    const repeats = (isControl && this.#hasControls) || (isState && this.#hasState);
    if (repeats || (HEADING.test(text) && this.#hasControls)) {
      this.#dump.note(
        { line: number, column, length: text.length },
        "A second dump begins here; only the first is read. Cut the text to the one that you mean.",
      );
      return true;
    }
    if (ENCRYPTED.test(text)) {
      this.#dump.note(
        { line: number, column, length: text.length },
        "The guest's state is encrypted, in a page that VMRUN reads instead of this state save area.",
      );
    }
    this.#hasControls ||= isControl;
    this.#hasState ||= isState;
    this.#isInside ||= isControl || isState || SIGNATURE.test(text);
    return false;
  }

  #readRow(text: string, number: number, column: number): Unreadable | null {
    if (CONTROL.test(text) || STATE.test(text) || HEADING.test(text)) return null;
    if (isSegmentRow(text)) return this.#readSegment(text, number, column);
    const isPadded = text.replaceAll(/\t/g, " ");
    for (const match of isPadded.matchAll(PAIR)) {
      const [whole, key = "", value = ""] = match;
      const place = {
        line: number,
        column: column + match.index + whole.length - value.length,
        length: value.length,
      };
      const refusal = this.#readPair(key.trim(), value, place);
      if (refusal !== null) return refusal;
    }
    return this.#refuseBroken(text, number, column);
  }

  /** A known key whose value is none. */
  #refuseBroken(text: string, number: number, column: number): Unreadable | null {
    const broken = /^([a-z][a-z0-9_ ]{1,30}?): *(\S+)$/i.exec(text);
    if (broken === null || rowOf(broken[1] ?? "") === null) return null;
    const value = broken[2] ?? "";
    const row = rowOf(broken[1] ?? "")!;
    if (digits(row).test(value)) return null;
    return badValue(broken[1] ?? "", value, row, { line: number, column, length: text.length });
  }

  #readSegment(text: string, number: number, column: number): Unreadable | null {
    const match = SEGMENT.exec(text);
    const register = text.slice(0, text.indexOf(":")).toUpperCase();
    const place = { line: number, column, length: text.length };
    if (match === null) {
      return refuse(place, `Found no four values for ${register}, expected s, a, l and b: complete the line.`);
    }
    let from = 0;
    for (const [index, { letter, part }] of SEGMENT_PARTS.entries()) {
      const value = match[index + 2] ?? "";
      from = text.indexOf(`${letter}: ${value}`, from) + letter.length + 2;
      const found = { line: number, column: column + from, length: value.length };
      const refusal = this.#store(`${register}.${part}`, BigInt(`0x${value}`), found, `${register} ${letter}`);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  #readPair(key: string, value: string, place: Place): Unreadable | null {
    if (key === "intercepts") return this.#readIntercepts(value, place);
    const row = rowOf(key);
    if (row === null) {
      this.#dump.note(place, `${quoted(key)} is no field of the VMCB that a rule reads; not used.`);
      return null;
    }
    if (!digits(row).test(value)) return badValue(key, value, row, place);
    const number = row.isDecimal ? BigInt(value) : BigInt(`0x${value}`);
    if (row.name === "EXITCODE") this.#dump.note(place, `The dump has the exit that came last: ${key} ${value}.`);
    if (row.bits === undefined) return this.#store(row.name, number, place, key);
    if (number >> BigInt(row.bits) !== 0n) {
      return refuse(
        place,
        `Found ${value} for ${quoted(key)}, expected a value of at most ${row.bits} bits: correct it.`,
      );
    }
    const before = this.#parts.get(row.name);
    const shifted = number << BigInt(row.shift ?? 0);
    if (before === undefined) this.#parts.set(row.name, { value: shifted, place, spelled: key });
    else before.value |= shifted;
    return null;
  }

  /** Two words, or before 5.10 both as one number. */
  #readIntercepts(value: string, place: Place): Unreadable | null {
    const [first = "", second] = value.split(" ");
    const whole = BigInt(`0x${second === undefined ? first : second + first.padStart(8, "0")}`);
    return (
      this.#store("INTERCEPTS_1", whole & 0xffff_ffffn, place, "intercepts") ??
      this.#store("INTERCEPTS_2", whole >> 32n, place, "intercepts")
    );
  }

  #store(name: string, value: bigint, place: Place, spelled: string): Unreadable | null {
    const field = vmcbFieldNamed(name);
    if (field === undefined) throw new Error(`found no VMCB field ${name}, expected one of hv/x86/vmcb-field-names.ts`);
    return this.#dump.field({ encoding: field.encoding, isUpperHalf: false }, { value, place, spelled });
  }
}

function digits({ isDecimal }: ValueRow): RegExp {
  return isDecimal === true ? /^[0-9]{1,20}$/ : /^[0-9a-f]{1,16}$/i;
}

function badValue(key: string, value: string, row: ValueRow, place: Place): Unreadable {
  const expected = row.isDecimal === true ? "a decimal number" : "a hexadecimal number without 0x";
  return refuse(
    place,
    `Found ${quoted(value)} for ${quoted(key)}, expected ${expected}: correct the value or delete it.`,
  );
}
