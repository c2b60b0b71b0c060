// Holds exit reasons and VM-instruction errors against other sources' figures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTable, namesOf, numbersOf, readFixture } from "./load-table.ts";

const reasons = await loadTable("exit-reasons");
const errors = await loadTable("vm-instruction-errors");
const exitReasonName = reasons["exitReasonName"] as (basic: number) => string;
const vmInstructionErrorName = errors["vmInstructionErrorName"] as (n: number) => string;

const knownReasons = readFixture("vmx-exit-reasons.txt").map(([n, name]) => [Number(n), name] as const);
const knownErrors = readFixture("vm-instruction-errors.txt").map(([n, name]) => [Number(n), name] as const);

const NOT_A_REASON = ["EXIT_REASON_COUNT", "EXIT_REASON_BASIC_MASK"];
const LOWEST_FLAG = 1 << 16;
const reasonConstants = numbersOf(reasons, (name) => !NOT_A_REASON.includes(name)).filter(([, n]) => n < LOWEST_FLAG);
const errorConstants = numbersOf(errors, (name) => name !== "VM_INSTRUCTION_ERROR_COUNT");
const flagConstants = numbersOf(reasons, (name) => !NOT_A_REASON.includes(name)).filter(([, n]) => n >= LOWEST_FLAG);

test("every basic exit reason of appendix C has its SDM name", () => {
  assert.equal(knownReasons.length, 80);
  for (const [n, name] of knownReasons) assert.equal(exitReasonName(n), name, `exit reason ${n}`);
});

test("exit reasons that appendix C does not assign are unknown", () => {
  const known = new Set(knownReasons.map(([n]) => n));
  for (let n = 0; n < 0x200; n++) assert.equal(exitReasonName(n) === "unknown exit reason", !known.has(n), `${n}`);
  assert.equal(exitReasonName(0x80000021), "unknown exit reason");
});

test("exit reasons have one constant each", () => {
  const values = reasonConstants.map(([, n]) => n).sort((a, b) => a - b);
  assert.deepEqual(
    values,
    knownReasons.map(([n]) => n),
  );
});

test("an exit reason that is one instruction is named after it", () => {
  for (const [constant, n] of reasonConstants) {
    const name = exitReasonName(n);
    if (/^[A-Z]+$/.test(name)) assert.equal(constant, `EXIT_REASON_${name}`);
  }
});

test("the flag bits of an exit reason are single bits above the basic reason, VM-entry failure the highest", () => {
  const flags = new Map(flagConstants);
  assert.equal(flags.get("EXIT_REASON_ENTRY_FAILURE"), 0x80000000);
  assert.deepEqual(
    flagConstants.map(([, bit]) => Math.log2(bit)).sort((a, b) => a - b),
    [25, 26, 27, 28, 29, 31],
  );
});

test("every VM-instruction error of the SDM has its name", () => {
  assert.equal(knownErrors.length, 25);
  for (const [n, name] of knownErrors) assert.equal(vmInstructionErrorName(n), name, `error ${n}`);
});

test("VM-instruction errors that the SDM does not assign are unknown", () => {
  const known = new Set(knownErrors.map(([n]) => n));
  for (let n = 0; n < 0x100; n++) {
    assert.equal(vmInstructionErrorName(n) === "unknown VM-instruction error", !known.has(n), `${n}`);
  }
});

test("VM-instruction errors have one constant each, named after the same instruction", () => {
  const values = errorConstants.map(([, n]) => n).sort((a, b) => a - b);
  assert.deepEqual(
    values,
    knownErrors.map(([n]) => n),
  );
  for (const [constant, n] of errorConstants) {
    const instruction = /_ERROR_(VM[A-Z]+)_/.exec(constant)?.[1];
    if (instruction !== undefined) assert.ok(vmInstructionErrorName(n).startsWith(instruction), constant);
  }
});

test("the tables of names are as long as their counts say", () => {
  assert.equal(namesOf(reasons, "EXIT_REASON_NAMES").length, reasons["EXIT_REASON_COUNT"]);
  assert.equal(namesOf(errors, "VM_INSTRUCTION_ERROR_NAMES").length, errors["VM_INSTRUCTION_ERROR_COUNT"]);
});
