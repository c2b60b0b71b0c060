// Holds the VMCS field tables against appendix B, compiled from other sources (test/fixtures/sdm-appendix-b.txt).
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTable, namesOf, numbersOf, readFixture } from "./load-table.ts";

const fields = await loadTable("vmcs-fields");
const fieldNames = await loadTable("vmcs-field-names");
const encodings = fieldNames["VMCS_FIELD_ENCODINGS"] as number[];
const names = namesOf(fieldNames, "VMCS_FIELD_NAMES");
const vmcsFieldName = fieldNames["vmcsFieldName"] as (encoding: number) => string;

const appendixB = readFixture("sdm-appendix-b.txt").map(([encoding, name]) => ({ encoding: Number(encoding), name }));

/** Parts of an encoding and the helpers of vmcs-fields.ts that are not fields. */
const PARTS = /^(ACCESS_HIGH|FIELD_.*|CONTROL|READ_ONLY_DATA|GUEST_STATE|HOST_STATE|WIDTH_\d+|NATURAL_WIDTH)$/;
const fieldConstants = numbersOf(fields, (name) => !PARTS.test(name));

const BITS_64 = 1;
const widthOf = (encoding: number): number => (encoding >> 13) & 3;
const typeOf = (encoding: number): number => (encoding >> 10) & 3;

test("every field of appendix B has its SDM name, upper halves included", () => {
  assert.equal(appendixB.length, 284);
  for (const { encoding, name } of appendixB) {
    assert.equal(vmcsFieldName(encoding), name, `encoding 0x${encoding.toString(16)}`);
  }
});

test("every row of the name table is a field of appendix B", () => {
  const known = new Set(appendixB.map((row) => row.encoding));
  const strangers = encodings.filter((encoding) => !known.has(encoding));
  assert.deepEqual(strangers, []);
});

test("every encoding of appendix B, upper halves aside, has a constant and a row, and none has two", () => {
  const full = appendixB.map((row) => row.encoding).filter((encoding) => (encoding & 1) === 0);
  const ascending = (a: number, b: number): number => a - b;
  assert.deepEqual(fieldConstants.map(([, value]) => value).sort(ascending), [...full].sort(ascending));
  assert.deepEqual([...encodings].sort(ascending), [...full].sort(ascending));
});

test("a 64-bit field, and no other, has an upper half in appendix B", () => {
  const known = new Set(appendixB.map((row) => row.encoding));
  for (const encoding of encodings) {
    assert.equal(known.has(encoding | 1), widthOf(encoding) === BITS_64, `encoding 0x${encoding.toString(16)}`);
  }
});

test("no two fields share a name", () => {
  assert.equal(new Set(names).size, names.length);
});

test("the field count is the length of both columns", () => {
  assert.equal(encodings.length, fieldNames["VMCS_FIELD_COUNT"]);
  assert.equal(names.length, fieldNames["VMCS_FIELD_COUNT"]);
});

test("a constant and its name speak of the same area: guest fields are GUEST_*, host fields HOST_*", () => {
  const GUEST = 2;
  const HOST = 3;
  for (const [constant, encoding] of fieldConstants) {
    const name = vmcsFieldName(encoding);
    assert.equal(typeOf(encoding) === HOST, constant.startsWith("HOST_"), constant);
    assert.equal(name.startsWith("Host "), constant.startsWith("HOST_"), constant);
    if (/^Guest (?!deadline shadow)[A-Z]/.test(name)) assert.equal(typeOf(encoding), GUEST, constant);
  }
});

test("a constant of the guest's segment state agrees with the words of its name", () => {
  for (const [constant, encoding] of fieldConstants) {
    const match = /^(GUEST|HOST)_([A-Z]{2,4})_(SELECTOR|BASE|LIMIT|ACCESS_RIGHTS)$/.exec(constant);
    if (match === null) continue;
    const [, area = "", register = "", part = ""] = match;
    const words = `${area.toLowerCase()} ${register} ${part.toLowerCase().replace("_", " ")}`;
    assert.equal(vmcsFieldName(encoding).toLowerCase(), words.toLowerCase());
  }
});

test("every encoding keeps its reserved bits clear and its width, type and index in range", () => {
  const reserved = fields["FIELD_RESERVED_BITS"] as number;
  for (const encoding of encodings) {
    assert.equal((encoding & reserved) >>> 0, 0);
    assert.equal(encoding & 1, 0);
    const index = (encoding >> 1) & 0x1ff;
    assert.equal((widthOf(encoding) << 13) | (typeOf(encoding) << 10) | (index << 1), encoding);
  }
});

test("GS access rights are 0x481e and not the VMX-preemption timer value 0x482e", () => {
  assert.equal(fields["GUEST_GS_ACCESS_RIGHTS"], 0x481e);
  assert.equal(fields["VMX_PREEMPTION_TIMER_VALUE"], 0x482e);
});

test("an encoding that appendix B does not list is unknown, also one bit away from a field", () => {
  const known = new Set(appendixB.map((row) => row.encoding));
  for (const encoding of [0x482c, 0x4829, 0x4c02, 0x6c1e, 0xffffffff, 0x1000 | 0x800, 0x801]) {
    assert.ok(!known.has(encoding));
    assert.equal(vmcsFieldName(encoding), "unknown VMCS field", `encoding 0x${encoding.toString(16)}`);
  }
});
