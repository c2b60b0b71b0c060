// Whatever is done to a text, its reader answers: with values, or with a refusal that names one of its lines.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { CPUS } from "../../../../tools/doctor/capabilities/cpus.ts";
import { CAPABILITY_NAMES } from "../../../../tools/doctor/capabilities/names.ts";
import { readCapabilities } from "../../../../tools/doctor/capabilities/read-capabilities.ts";
import { printVmxcap } from "./vmxcap-printer.ts";

const TEXTS = 6000;

/** Numbers from 0 to 2^32 - 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function sources(): string[] {
  const models = new URL("../../../fixtures/cpu-models/", import.meta.url);
  const json = readdirSync(models)
    .filter((name) => name.endsWith(".json"))
    .map((name) => readFileSync(new URL(name, models), "utf8"));
  const lists = CPUS.slice(0, 4).map(({ values }) =>
    [...values].map(([name, value]) => `${name}: 0x${value.toString(16)}`).join("\n"),
  );
  const raw = "   0x00000001 0x00: eax=0x000306a9 ebx=0x00100800 ecx=0x7fbae3ff edx=0xbfebfbff\nCPU 1:\n";
  const terminal =
    "# rdmsr -a 0x480\nda040000000004\nda040000000004\n480 00da0400 00000004\nMSR 00000481: 007F-0000-0000-0016\n";
  return [...json, ...lists, printVmxcap(CPUS[3]!.values), raw.repeat(3), terminal, "MAXPHYADDR = 36\n"];
}

const SPLICES = [
  "0x",
  "\n",
  "\r",
  "{",
  "}",
  '"',
  ":",
  "=",
  " ",
  "-",
  "\u0000",
  "é",
  "480",
  "CPUID",
  "IA32_VMX_",
  "[SL 01]",
  "rdmsr ",
];

function mangle(text: string, random: (below: number) => number): string {
  let mangled = text;
  for (let left = 1 + random(8); left > 0; left--) {
    const at = random(mangled.length + 1);
    const length = random(12);
    const ways = [
      () => mangled.slice(0, at) + mangled.slice(at + length),
      () => mangled.slice(0, at) + SPLICES[random(SPLICES.length)]! + mangled.slice(at),
      () => mangled.slice(0, at) + String.fromCharCode(32 + random(95)) + mangled.slice(at + 1),
      () => mangled.slice(0, at) + mangled.slice(at, at + 200) + mangled.slice(at),
      () => mangled.slice(0, at),
    ];
    mangled = ways[random(ways.length)]!();
  }
  return mangled;
}

function assertAnswers(text: string): "read" | "refused" {
  const lines = text.split(/\r\n|\r|\n/).length;
  const result = readCapabilities(text);
  if ("reason" in result) {
    assert.ok(result.line >= 1 && result.line <= lines, `line ${result.line} of ${lines}: ${result.reason}`);
    assert.match(result.reason, /^Found [^\r\n]+\.$/);
    return "refused";
  }
  assert.ok(result.values.size > 0);
  for (const [name, { value, line }] of result.values) {
    assert.ok((CAPABILITY_NAMES as readonly string[]).includes(name), name);
    assert.equal(BigInt.asUintN(name.startsWith("CPUID") ? 32 : 64, value), value);
    assert.ok(line >= 1 && line <= lines, `${name} of line ${line} of ${lines}`);
  }
  for (const { line } of result.notes) assert.ok(line >= 1 && line <= lines);
  return "read";
}

describe("a text that is mangled", () => {
  it(`is read or refused with a line of its own, ${TEXTS} times`, () => {
    const random = randomNumbers(4);
    const texts = sources();
    const count = { read: 0, refused: 0 };
    for (let i = 0; i < TEXTS; i++) count[assertAnswers(mangle(texts[i % texts.length]!, random))] += 1;
    assert.ok(count.read > TEXTS / 10 && count.refused > TEXTS / 10, JSON.stringify(count));
  });

  it("takes time in proportion to its length, whatever it repeats", () => {
    const pieces = [
      "CPUID 00000001",
      "IA32_VMX_BASIC",
      "0x480 ",
      " ",
      "\t ",
      "CPUID.",
      "[",
      '{"',
      "00:00:00 ",
      "rdmsr ",
      "a=",
      "0",
      "edx=",
      "address size ",
    ];
    const texts = pieces.flatMap((piece) => [
      piece.repeat(100_000 / piece.length),
      `0x480: ${piece.repeat(50_000 / piece.length)}`,
    ]);
    // A reader that goes over such a text again for each of its letters would take minutes, not this test's seconds.
    for (const text of texts) assertAnswers(text);
  });
});
