// 100,000 mangled dumps: no reader throws or hangs, and every refusal has a line of the text and a sentence.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isUnreadable, type Place } from "../../../../tools/doctor/dump.ts";
import { FIELDS, fieldOf, hex } from "../../../../tools/doctor/fields.ts";
import { judgeEncodings, readEncodings } from "../../../../tools/doctor/readers/encodings.ts";
import { readDump } from "../../../../tools/doctor/readers/read-dump.ts";
import { storeThrough } from "../../../../tools/doctor/readers/store-through.ts";
import { fill, valueFor } from "./fill.ts";
import { LAYOUTS } from "./layouts.ts";
import { mangle } from "./mangle.ts";
import { caseFile } from "./read.ts";
import { Random } from "./random.ts";

const ROUNDS = 100_000;
const PARTS = 4;

/** A third of the fields is as good as all for a reader of lines. */
const rows = FIELDS.filter((_field, row) => row % 3 === 0).map(({ encoding, identifier, name }) => ({
  encoding,
  identifier,
  name,
  value: valueFor(encoding, 16),
}));

/** Texts of every form, before they are mangled. */
const SEEDS: readonly string[] = [
  ...LAYOUTS.map(([, format, layout]) => fill(layout, () => (format === "xen" ? "(XEN) " : "[   72.414906] ")).text),
  caseFile("kvm-dump-ept-entry-failure.txt"),
  caseFile("printk-invalid-guest-state.txt"),
  caseFile("field-encodings.txt"),
  rows.map((row) => `basalt: vm0: vmcs ${hex(row.encoding)} ${hex(row.value)} ${row.name}`).join("\n"),
  rows.map((row) => `${row.identifier} = ${hex(row.value)}`).join("\n"),
  rows.map((row) => `#define ${row.identifier} ${hex(row.encoding)} /* ${row.name} */`).join("\n"),
  JSON.stringify(
    { fields: Object.fromEntries(rows.map((row) => [row.identifier, hex(row.value)])), state: { CR4: "0x20" } },
    null,
    1,
  ),
  JSON.stringify(Object.fromEntries(rows.map((row) => [hex(row.encoding), hex(row.value)]))),
  "pub mod guest {\n    pub const CR0: u32 = 0x6800;\n}\npub mod host {\n    pub const CR0: u32 = 0x6c00;\n}\n",
];

const encodings = readEncodings(caseFile("field-encodings.txt"));

function lineCount(text: string): number {
  return text.split(/\r\n|\r|\n/).length;
}

function assertRefusal(refusal: { line: number; reason: string }, text: string, what: string): void {
  const isInText = Number.isInteger(refusal.line) && refusal.line >= 1 && refusal.line <= lineCount(text);
  if (!isInText) assert.fail(`${what}: line ${refusal.line} is not in the text`);
  if (!/^Found [^]{1,400}, expected [^]{1,300}[.]$/.test(refusal.reason)) assert.fail(`${what}: ${refusal.reason}`);
}

function assertPlace(place: Place, lines: readonly string[], what: string): void {
  const line = lines[place.line - 1];
  if (line !== undefined && place.column >= 0 && place.column + place.length <= line.length) return;
  assert.fail(`${what}: ${JSON.stringify(place)} is not in the text`);
}

/** Reads one text as a dump, and stores what it gives through encodings; returns whether it was read. */
function readAndStore(text: string, what: string): boolean {
  const dump = readDump(text);
  if (isUnreadable(dump)) assertRefusal(dump, text, what);
  else {
    const lines = text.split(/\r\n|\r|\n/);
    for (const [encoding, { value, place }] of dump.fields) {
      if (value < 0n || value >> BigInt(fieldOf(encoding)?.width ?? 0) !== 0n) assert.fail(`${what}: ${value}`);
      assertPlace(place, lines, what);
    }
    for (const { place } of dump.notes) if (place !== null) assertPlace(place, lines, what);
    assert.ok(!isUnreadable(encodings));
    storeThrough(dump, encodings);
  }
  return !isUnreadable(dump);
}

for (let part = 0; part < PARTS; part++) {
  test(`${ROUNDS / PARTS} mangled dumps (seed ${part}) are read or refused, each with its line`, (context) => {
    const random = new Random(part);
    let read = 0;
    let readEncodingsCount = 0;
    for (let round = 0; round < ROUNDS / PARTS; round++) {
      const text = mangle(random.pick(SEEDS), random, SEEDS);
      const what = `seed ${part}, round ${round}`;
      if (readAndStore(text, what)) read++;
      if (round % 4 !== 0) continue;
      const own = readEncodings(text);
      if (isUnreadable(own)) assertRefusal(own, text, what);
      else {
        judgeEncodings(own);
        readEncodingsCount++;
      }
    }
    const all = ROUNDS / PARTS;
    context.diagnostic(
      `${all} texts: ${read} read as dumps, ${all - read} refused; of ${all / 4} as encodings ${readEncodingsCount} read, ${all / 4 - readEncodingsCount} refused`,
    );
    assert.ok(read > all / 10 && read < (all * 9) / 10, "the mutations are neither harmless nor hopeless");
  });
}

/** Texts made to hurt a reader that is not linear, at the limits that it accepts. */
const HOSTILE: readonly (readonly [name: string, text: string])[] = [
  ["deep JSON", '{"fields":'.repeat(400_000)],
  ["deep arrays", `{"a":${"[".repeat(4_000_000)}`],
  ["a string of JSON that does not end", `{"${"a\\\\".repeat(1_000_000)}`],
  ["a long JSON object", `{${'"zzz":1,'.repeat(500_000)}"a":1}`],
  ["lines of spaces", `${" ".repeat(65_000)}\n`.repeat(60)],
  ["lines of equals signs", `cs: ${"=".repeat(65_000)}\n`.repeat(60)],
  ["lines of keys and values", `${"a = 1 ( ".repeat(8_000)}\n`.repeat(60)],
  ["lines of colons", `${"::: ".repeat(16_000)}\n`.repeat(60)],
  ["lines of parentheses", `guest_cr0 = ${"((".repeat(32_000)}\n`.repeat(60)],
  ["lines of brackets", `${"[ 1.1] <3>".repeat(6_500)}\n`.repeat(60)],
  ["lines of comments", `${"/* */ // ".repeat(7_000)}\n`.repeat(60)],
  ["lines of commas", `${",".repeat(65_000)}\n`.repeat(60)],
  ["lines of digits", `guest_cr0: ${"1".repeat(65_000)}\n`.repeat(60)],
  ["lines of hexadecimal groups", `guest_cr0: ${"12345678 ".repeat(7_000)}\n`.repeat(60)],
  ["many short lines", "a:1\n".repeat(99_999)],
  ["many unknown names", Array.from({ length: 99_000 }, (_none, row) => `guest_cs_rihgts_${row}: 0x1`).join("\n")],
  ["many definitions", Array.from({ length: 99_000 }, (_none, row) => `#define GUEST_X${row} 0x1`).join("\n")],
  [
    "nested indentation",
    Array.from({ length: 2_800 }, (_none, row) => `${" ".repeat(row % 1_400)}x${row}:`).join("\n"),
  ],
  ["a kernel's dump of noise", `gh_mask=1\n${"zz=1 ".repeat(13_000)}\n`.repeat(60)],
  ["escapes of a terminal", `${"\u001b[".repeat(32_000)}\n`.repeat(60)],
  ["NULs", "\0".repeat(4_000_000)],
  ["Basalt's words", `${"vmcs 0x6800 ".repeat(5_000)}\n`.repeat(60)],
  ["capability words", `vmcs 0x6800 0x1 a\n${": capability ".repeat(5_000)}\n`.repeat(60)],
];

for (const [name, text] of HOSTILE) {
  test(`${text.length} characters of ${name} end at once`, { timeout: 60_000 }, () => {
    readAndStore(text, name);
    const own = readEncodings(text);
    if (isUnreadable(own)) assertRefusal(own, text, name);
    else judgeEncodings(own);
  });
}
