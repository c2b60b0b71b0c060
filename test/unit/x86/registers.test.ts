// Holds MSR indices and single-bit constants against other sources' figures, and composed values against known ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTable, numbersOf, readFixture } from "./load-table.ts";

const msr = await loadTable("msr");
const paging = await loadTable("paging");
const segments = await loadTable("segments");
const cpuid = await loadTable("cpuid");
const files = ["cpuid", "control-registers", "msr", "vmx-capabilities"];
const registers = Object.assign({}, ...(await Promise.all(files.map(loadTable)))) as Record<string, unknown>;

test("every MSR index agrees with the sources, and every MSR is in them", () => {
  const known = new Map(readFixture("msr-indices.txt").map(([name, index]) => [name, Number(index)]));
  const ours = new Map(numbersOf(msr, (name) => name.startsWith("IA32_")));
  assert.deepEqual(new Map([...ours].sort()), new Map([...known].sort()));
});

test("the VMX capability MSRs are 0x480 to 0x493 without a gap", () => {
  const indices = numbersOf(msr, (name) => name.startsWith("IA32_VMX_")).map(([, index]) => index);
  assert.deepEqual(
    indices.sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, n) => 0x480 + n),
  );
});

test("every single-bit constant of a register agrees with the sources", () => {
  for (const [name = "", mask = ""] of readFixture("register-bits.txt")) {
    const value = registers[name];
    assert.equal(typeof value, "number", `${name} is in the fixture and not in hv/x86`);
    assert.equal(BigInt(value as number), BigInt(mask), name);
  }
});

test("no constant of hv/x86 is negative or inexact as a JavaScript number", () => {
  for (const [name, value] of numbersOf({ ...registers, ...paging, ...segments }, () => true)) {
    assert.ok(value >= 0, name);
    assert.ok(Number.isSafeInteger(value) || Number.isInteger(Math.log2(value)), name);
  }
});

test("the vendor registers spell GenuineIntel and AuthenticAMD", () => {
  const spell = (vendor: string): string => {
    const bytes = Buffer.alloc(12);
    ["EBX", "EDX", "ECX"].forEach((register, n) => {
      bytes.writeUInt32LE(cpuid[`VENDOR_${vendor}_${register}`] as number, n * 4);
    });
    return bytes.toString("latin1");
  };
  assert.equal(spell("INTEL"), "GenuineIntel");
  assert.equal(spell("AMD"), "AuthenticAMD");
});

test("the composed access rights are the values that hypervisors load", () => {
  assert.equal(segments["CODE_64_BIT"], 0xa09b);
  assert.equal(segments["CODE_32_BIT"], 0xc09b);
  assert.equal(segments["DATA_32_BIT"], 0xc093);
  assert.equal(segments["CODE_16_BIT"], 0x9b);
  assert.equal(segments["DATA_16_BIT"], 0x93);
  assert.equal(segments["BUSY_TSS"], 0x8b);
  assert.equal(segments["BUSY_16_BIT_TSS"], 0x83);
  assert.equal(segments["LDT"], 0x82);
  assert.equal(segments["UNUSABLE"], 0x10000);
});

test("PAT after reset is WB, WT, UC-, UC, twice", () => {
  const reset = BigInt(paging["PAT_RESET"] as number);
  const entries = Array.from({ length: 8 }, (_, n) => Number((reset >> BigInt(n * 8)) & 0xffn));
  const half = ["WB", "WT", "UC_MINUS", "UC"].map((type) => paging[`MEMORY_TYPE_${type}`]);
  assert.deepEqual(entries, [...half, ...half]);
});

test("page sizes, shifts and offset masks agree", () => {
  for (const size of ["4_KIB", "2_MIB", "1_GIB"]) {
    const bytes = paging[`PAGE_SIZE_${size}`] as number;
    assert.equal(bytes, 2 ** (paging[`PAGE_SHIFT_${size}`] as number));
    assert.equal(paging[`PAGE_OFFSET_MASK_${size}`], bytes - 1);
  }
});
