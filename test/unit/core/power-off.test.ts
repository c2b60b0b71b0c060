// ACPI's soft-off: what core finds in the tables, and what it says where it finds nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { s5, type AcpiOptions } from "./machine/acpi.ts";
import { assertEnd, assertNoLine } from "./assertions.ts";
import { ByteWriter } from "./machine/byte-writer.ts";
import { boot, type Run } from "./machine/machine.ts";

const commandLine = "guest=hlt iterations=1";
const SLP_EN = 1 << 13;
const bootWith = (acpi: AcpiOptions | null): Run => boot({ commandLine, acpi });
const BYTE_PREFIX = 0x0a;

test("the ports of the FADT and the sleep types of \\_S5 are handed to the runtime", () => {
  for (const hasXsdt of [false, true]) {
    const run = bootWith({ hasXsdt, pm1a: 0x604, pm1b: 0x608, aml: s5(BYTE_PREFIX, 5, BYTE_PREFIX, 7, 0, 0) });
    assertEnd(run, "ok");
    assertNoLine(run, /will not power itself off/);
    assert.deepEqual(run.machine.powerOff, [0x604, (5 << 10) | SLP_EN, 0x608, (7 << 10) | SLP_EN]);
  }
});

test("Bochs's tables are understood: PM1a_CNT at 0xb004, SLP_TYP 0", () => {
  assert.deepEqual(bootWith({}).machine.powerOff, [0xb004, SLP_EN, 0, SLP_EN]);
});

test("the sleep types One and a second one of another length are read", () => {
  const run = bootWith({ aml: s5(1, BYTE_PREFIX, 3, 0, 0) });
  assert.deepEqual(run.machine.powerOff, [0xb004, (1 << 10) | SLP_EN, 0, (3 << 10) | SLP_EN]);
});

test("the letters of _S5_ without a package behind them are passed over", () => {
  const aml = new ByteWriter()
    .text("_S5_")
    .u8(0x70, 1, 2, 3)
    .append(s5(BYTE_PREFIX, 6, 0, 0, 0))
    .bytes();
  assert.equal(bootWith({ aml }).machine.powerOff?.[1], (6 << 10) | SLP_EN);
});

const missing: readonly (readonly [string, AcpiOptions | null, RegExp])[] = [
  ["no root pointer", null, /the boot loader passed no ACPI root pointer/],
  ["a root pointer without its signature", { signatures: { "RSD PTR ": "RSD XXX " } }, /root pointer has no signature/],
  ["no RSDT", { signatures: { RSDT: "XXXX" } }, /the RSDT is not where/],
  ["no XSDT", { hasXsdt: true, signatures: { XSDT: "XXXX" } }, /the XSDT is not where/],
  ["no FADT", { signatures: { FACP: "XXXX" } }, /there is no FADT/],
  ["no DSDT", { signatures: { DSDT: "XXXX" } }, /the DSDT is not where/],
  ["no \\_S5", { aml: Uint8Array.of(1, 2, 3) }, /the DSDT has no \\_S5/],
  ["an \\_S5 of large integers", { aml: s5(0x0b, 1, 2, 0x0b, 1, 2) }, /the DSDT has no \\_S5/],
  ["no PM1a_CNT", { pm1a: 0 }, /the FADT has no PM1a_CNT port/],
];
for (const [what, acpi, pattern] of missing) {
  test(`with ${what} the machine will not power itself off, core says why, and runs its guests all the same`, () => {
    const run = bootWith(acpi);
    assertEnd(run, "ok", /will not power itself off/, pattern);
    assert.equal(run.machine.powerOff, null);
  });
}

test("an \\_S5 at the very end of the DSDT is read, and one that is cut off is not", () => {
  const whole = s5(0, 0, 0, 0);
  for (let length = 0; length < whole.length; length++) {
    const run = bootWith({ aml: whole.subarray(0, length) });
    assert.equal(run.name, "ok", run.lines.join("\n"));
  }
});

test("of a DSDT that claims more than 512 KiB the start is searched", () => {
  for (const length of [(512 << 10) + 1, 0xffffffff]) {
    const run = boot({
      commandLine,
      prepare: ({ memory }) => memory.write(0x1fff1404n, new ByteWriter().u32(length).bytes()),
    });
    assertEnd(run, "ok");
    assert.ok(!run.lines.some((line) => line.includes("will not power itself off")), run.lines.join("\n"));
  }
});

test("an ACPI table that claims to be shorter than its header is not read", () => {
  for (const length of [0, 35]) {
    const run = boot({
      commandLine,
      prepare: ({ memory }) => memory.write(0x1fff1404n, new ByteWriter().u32(length).bytes()),
    });
    assertEnd(run, "ok", /the DSDT is not where/);
  }
});
