// Holds the names of the bits of registers and VMCS fields against the constants and against other sources' figures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTable, namesOf, numbersOf, readFixture } from "./load-table.ts";

const registerNames = await loadTable("register-bit-names");
const vmcsNames = await loadTable("vmcs-bit-names");
const segments = await loadTable("segments");
const known = new Map(readFixture("register-bits.txt").map(([name = "", mask = ""]) => [name, BigInt(mask)]));

/** The fixture's single bits of a register, as bit to name. */
function knownBits(prefix: string): Map<number, string> {
  const rows = [...known].filter(([name]) => name.startsWith(`${prefix}_`));
  return new Map(rows.map(([name, mask]) => [mask.toString(2).length - 1, name.slice(prefix.length + 1)]));
}

/** "VMX inside SMX" as a constant spells it. */
const constantOf = (name: string): string => name.replace("always 1", "always one").toUpperCase().replaceAll(" ", "_");

for (const register of ["CR0", "CR4", "RFLAGS", "EFER", "FEATURE_CONTROL"]) {
  test(`the names of ${register}'s bits stand at the bits of its constants, and "" at reserved bits`, () => {
    const names = namesOf(registerNames, `${register}_BIT_NAMES`);
    const expected = knownBits(register);
    names.forEach((name, bit) => {
      // A field of more than one bit is no constant of the fixture.
      if (name !== "IOPL") assert.equal(constantOf(name), expected.get(bit) ?? "", `bit ${bit}`);
    });
    assert.equal(names.length - 1, Math.max(...expected.keys()));
  });
}

test("the names of CR3's bits 61 and 62 are those of linear-address masking", () => {
  const names = namesOf(registerNames, "CR3_HIGH_BIT_NAMES");
  const first = registerNames["CR3_HIGH_FIRST_BIT"] as number;
  assert.deepEqual(new Map(names.map((name, place) => [first + place, name])), knownBits("CR3"));
});

test("the names of access rights stand at the bits of their constants", () => {
  const names = namesOf(vmcsNames, "ACCESS_RIGHTS_BIT_NAMES");
  const at = (bit: number): string | undefined => names[bit];
  const bitOf = (name: string): number => Math.log2(segments[`ACCESS_RIGHTS_${name}`] as number);
  assert.equal(at(bitOf("CODE_OR_DATA")), "S");
  assert.equal(at(segments["ACCESS_RIGHTS_DPL_SHIFT"] as number), "DPL");
  assert.equal(at(bitOf("PRESENT")), "P");
  assert.equal(at(bitOf("AVL")), "AVL");
  assert.equal(at(bitOf("64_BIT")), "L");
  assert.equal(at(bitOf("32_BIT")), "D/B");
  assert.equal(at(bitOf("GRANULARITY")), "G");
  assert.equal(at(bitOf("UNUSABLE")), "unusable");
  const reserved = segments["ACCESS_RIGHTS_RESERVED_BITS"] as number;
  names.forEach((name, bit) => assert.equal(name === "", ((reserved >>> bit) & 1) === 1, `bit ${bit}`));
});

test("a table of 32 bits or a part of one has no more names than bits", () => {
  const tables = { ...registerNames, ...vmcsNames };
  for (const [name, names] of Object.entries(tables)) {
    if (!Array.isArray(names)) continue;
    const first = numbersOf(tables, (other) => other === name.replace("BIT_NAMES", "FIRST_BIT"))[0]?.[1] ?? 0;
    assert.ok(first + names.length <= 64, name);
    assert.notEqual(names.at(-1), "", `${name} ends with a reserved bit`);
    if (name.includes("_LOW_")) assert.ok(names.length <= 32, name);
  }
});
