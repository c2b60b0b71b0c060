// Holds the bits of the VMX control words and their names against other sources' figures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTable, namesOf, numbersOf, readFixture } from "./load-table.ts";

const controls = await loadTable("vmx-controls");
const controlNames = await loadTable("vmx-control-names");
const controlBitName = controlNames["controlBitName"] as (names: string[], bit: number) => string;

const known = readFixture("vmx-control-bits.txt").map(([word = "", bit, name]) => ({ word, bit: Number(bit), name }));
const WORDS = ["PIN", "PRIMARY", "SECONDARY", "TERTIARY", "EXIT", "SECONDARY_EXIT", "ENTRY"];

/** "Use I/O bitmaps" as a constant spells it. */
const constantOf = (name: string): string =>
  name
    .replace("I/O", "IO")
    .replace("IA-32e", "IA32E")
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_");

test("every known control bit has a constant of the SDM's name at its bit, and no constant is without one", () => {
  const expected = new Map(known.map(({ word, bit, name }) => [`${word}_${name}`, 2 ** bit]));
  assert.equal(expected.size, known.length);
  assert.deepEqual(new Map(numbersOf(controls, () => true).sort()), new Map([...expected].sort()));
});

for (const word of WORDS) {
  test(`the names of the ${word} word stand at the bits of its constants, and "" at reserved bits`, () => {
    const names = namesOf(controlNames, `${word}_CONTROL_NAMES`);
    const byBit = new Map(known.filter((row) => row.word === word).map((row) => [row.bit, row.name]));
    names.forEach((name, bit) => assert.equal(constantOf(name), byBit.get(bit) ?? "", `bit ${bit}`));
    assert.equal(names.length - 1, Math.max(...byBit.keys()));
  });
}

test("a bit that is reserved or past the end of the table prints as reserved", () => {
  const pin = namesOf(controlNames, "PIN_CONTROL_NAMES");
  assert.equal(controlBitName(pin, 0), "External-interrupt exiting");
  assert.equal(controlBitName(pin, 1), "reserved");
  assert.equal(controlBitName(pin, 31), "reserved");
});
