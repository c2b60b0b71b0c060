// ACPI's soft-off: what core finds in the tables, the steps that it makes of it, and what it says where it finds nothing.
import assert from "node:assert/strict";
import { FADT, genericAddress, s5, type AcpiOptions } from "./machine/acpi.ts";
import { assertEnd, assertNoLine } from "./assertions.ts";
import { ByteWriter } from "./machine/byte-writer.ts";
import { boot, type Machine, type Run } from "./machine/machine.ts";
import { Pm1Control } from "./machine/pm1.ts";
import { test } from "./vendors.ts";

const commandLine = "guest=hlt iterations=1";
const SCI_EN = 1;
const SLP_EN = 1 << 13;
const KEPT = 0xffff & ~(7 << 10) & ~SLP_EN;
const IO = 1;
const MEMORY = 0;
const BYTE_PREFIX = 0x0a;

/** Boots with PM1 control registers at `ports`. */
function bootWith(acpi: AcpiOptions | null, ports: readonly number[] = [0xb004], value = SCI_EN): Run {
  const prepare = (machine: Machine): void => {
    for (const port of ports) machine.ports.attach(port, 2, new Pm1Control(value));
  };
  return boot({ commandLine, acpi, prepare });
}

const set16 = (port: number, value: number, mask = KEPT) => ({ kind: "set16", port, mask, value }) as const;
const out8 = (port: number, value: number) => ({ kind: "out8", port, mask: 0, value }) as const;
const wait8 = (port: number, mask: number, value: number) => ({ kind: "wait8", port, mask, value }) as const;
/** Nothing is ever equal: a second for firmware to cut the power. */
const settle = wait8(0x80, 0, 1);

/** SLP_TYPa of the steps. */
function sleepType(run: Run): number | undefined {
  const step = run.machine.endSteps.find(({ kind }) => kind === "set16");
  return step && step.value >> 10;
}

test("both PM1 control registers get the sleep types of \\_S5, then the same with SLP_EN, and keep their other bits", () => {
  for (const hasXsdt of [false, true]) {
    const acpi = { hasXsdt, pm1a: 0x604, pm1b: 0x608, aml: s5(BYTE_PREFIX, 5, BYTE_PREFIX, 7, 0, 0) };
    const run = bootWith(acpi, [0x604, 0x608]);
    assertEnd(run, "ok");
    assertNoLine(run, /will not power itself off/);
    assert.deepEqual(run.machine.endSteps, [
      set16(0x604, 5 << 10),
      set16(0x608, 7 << 10),
      set16(0x604, (5 << 10) | SLP_EN),
      set16(0x608, (7 << 10) | SLP_EN),
      settle,
    ]);
  }
});

test("Bochs's tables are understood: PM1a_CNT at 0xb004, SLP_TYP 0", () => {
  assert.deepEqual(bootWith({}).machine.endSteps, [set16(0xb004, 0), set16(0xb004, SLP_EN), settle]);
});

test("hardware in legacy mode is switched to ACPI mode first, by the FADT's SMI command, and waited for", () => {
  const run = bootWith({ smiCommand: 0xb2, acpiEnable: 0xf1 }, [0xb004], 0);
  assert.deepEqual(run.machine.endSteps.slice(0, 2), [out8(0xb2, 0xf1), wait8(0xb004, SCI_EN, SCI_EN)]);
});

test("hardware in ACPI mode, or without legacy mode, gets no SMI command", () => {
  for (const [acpi, value] of [
    [{ smiCommand: 0xb2, acpiEnable: 0xf1 }, SCI_EN],
    [{ smiCommand: 0xb2, acpiEnable: 0 }, 0],
    [{ smiCommand: 0, acpiEnable: 0xf1 }, 0],
  ] as const) {
    assert.deepEqual(bootWith(acpi, [0xb004], value).machine.endSteps[0], set16(0xb004, 0));
  }
});

test("nothing is switched before the end: until then the power button is firmware's", () => {
  const run = bootWith({ smiCommand: 0xb2, acpiEnable: 0xf1 }, [0xb004], 0);
  assert.ok(!run.machine.ports.accesses.some(({ direction, port }) => direction === "out" && port === 0xb2));
  assert.ok(!run.machine.ports.accesses.some(({ direction, port }) => direction === "out" && port === 0xb004));
});

test("pending wake events are cleared, so that the machine does not come back at once", () => {
  const run = bootWith({ pm1aEvent: 0xb000, pm1bEvent: 0xb010 });
  assert.deepEqual(run.machine.endSteps.slice(0, 2), [set16(0xb000, 0x8700, 0), set16(0xb010, 0x8700, 0)]);
});

test("the FADT's generic addresses go before its ports", () => {
  const registers = { [FADT.pm1a]: genericAddress(IO, 0x1804n, 16) };
  const run = bootWith({ pm1a: 0xb004, registers }, [0x1804]);
  assert.deepEqual(run.machine.endSteps[0], set16(0x1804, 0));
});

test("hardware-reduced ACPI sleeps by its sleep control register", () => {
  const registers = { [FADT.sleepControl]: genericAddress(IO, 0x2000n) };
  const run = bootWith({ flags: 1 << 20, pm1a: 0, registers, aml: s5(BYTE_PREFIX, 5, 0, 0, 0) });
  assertEnd(run, "ok");
  assert.deepEqual(run.machine.endSteps, [out8(0x2000, (5 << 2) | (1 << 5)), settle]);
});

test("hardware-reduced ACPI clears its wake status first, where that is at a port", () => {
  const registers = {
    [FADT.sleepControl]: genericAddress(IO, 0x2000n),
    [FADT.sleepStatus]: genericAddress(IO, 0x2001n),
  };
  const run = bootWith({ flags: 1 << 20, pm1a: 0, registers, aml: s5(BYTE_PREFIX, 5, 0, 0, 0) });
  assert.deepEqual(run.machine.endSteps, [out8(0x2001, 0x80), out8(0x2000, (5 << 2) | (1 << 5)), settle]);
});

test("the sleep types One and a second one of another length are read", () => {
  const run = bootWith({ pm1b: 0xb008, aml: s5(1, BYTE_PREFIX, 3, 0, 0) });
  assert.deepEqual(run.machine.endSteps.slice(0, 2), [set16(0xb004, 1 << 10), set16(0xb008, 3 << 10)]);
});

test("the letters of _S5_ without a package behind them are passed over", () => {
  const aml = new ByteWriter()
    .text("_S5_")
    .u8(0x70, 1, 2, 3)
    .append(s5(BYTE_PREFIX, 6, 0, 0, 0))
    .bytes();
  assert.equal(sleepType(bootWith({ aml })), 6);
});

test("an \\_S5 in an SSDT is found where the DSDT has none, also in the last of twenty", () => {
  const empty = ["SSDT", Uint8Array.of(1, 2, 3)] as const;
  const tables = [...Array.from({ length: 20 }, () => empty), ["SSDT", s5(BYTE_PREFIX, 4, 0, 0, 0)] as const];
  for (const hasXsdt of [false, true]) {
    assert.equal(sleepType(bootWith({ hasXsdt, aml: Uint8Array.of(1, 2, 3), tables })), 4);
  }
});

test("an \\_S5 is found wherever the pieces that the DSDT is read in begin and end", () => {
  const whole = s5(BYTE_PREFIX, 5, BYTE_PREFIX, 5, 0, 0);
  for (let before = 4096 - 36 - 60; before < 4096; before++) {
    const aml = new ByteWriter().padTo(before).append(whole).padTo(9000).bytes();
    assert.equal(sleepType(bootWith({ aml })), 5, `behind ${before} bytes`);
  }
});

test("tables above 4 GiB are found", () => {
  const run = bootWith({ hasXsdt: true, base: 0x1_8000_1000n, aml: s5(BYTE_PREFIX, 5, 0, 0, 0) });
  assertEnd(run, "ok");
  assert.equal(sleepType(run), 5);
});

const missing: readonly (readonly [string, AcpiOptions | null, RegExp])[] = [
  ["no root pointer", null, /the boot loader passed no ACPI root pointer/],
  ["a root pointer without its signature", { signatures: { "RSD PTR ": "RSD XXX " } }, /root pointer has no signature/],
  ["no RSDT", { signatures: { RSDT: "XXXX" } }, /the RSDT is not where/],
  ["no XSDT", { hasXsdt: true, signatures: { XSDT: "XXXX" } }, /the XSDT is not where/],
  ["no FADT", { signatures: { FACP: "XXXX" } }, /there is no FADT/],
  ["no DSDT", { signatures: { DSDT: "XXXX" } }, /the DSDT is not where/],
  ["no \\_S5", { aml: Uint8Array.of(1, 2, 3) }, /neither the DSDT nor an SSDT has \\_S5/],
  ["an \\_S5 of large integers", { aml: s5(0x0b, 1, 2, 0x0b, 1, 2) }, /neither the DSDT nor an SSDT has \\_S5/],
  ["no PM1a_CNT", { pm1a: 0 }, /the FADT has no PM1a_CNT port/],
  [
    "PM1a_CNT in memory",
    { pm1a: 0, registers: { [FADT.pm1a]: genericAddress(MEMORY, 0xfed80000n, 16) } },
    /no PM1a_CNT port/,
  ],
  ["PM1a_CNT at a port that is silent", { pm1a: 0x4004 }, /nothing answers at the FADT's PM1a_CNT port/],
  ["hardware-reduced ACPI without a sleep control register", { flags: 1 << 20 }, /no sleep control register/],
  [
    "a sleep control register in memory",
    { flags: 1 << 20, registers: { [FADT.sleepControl]: genericAddress(MEMORY, 0xfed80000n) } },
    /no sleep control register at an I\/O port/,
  ],
];
for (const [what, acpi, pattern] of missing) {
  test(`with ${what} the machine will not power itself off, core says why, and runs its guests all the same`, () => {
    const run = bootWith(acpi);
    assertEnd(run, "ok", /will not power itself off/, pattern);
    assert.deepEqual(run.machine.endSteps, []);
  });
}

test("an \\_S5 at the very end of the DSDT is read, and one that is cut off is not", () => {
  const whole = s5(BYTE_PREFIX, 0, BYTE_PREFIX, 0);
  for (let length = 0; length < whole.length; length++) {
    assertEnd(bootWith({ aml: whole.subarray(0, length) }), "ok", /neither the DSDT nor an SSDT has/);
  }
  assert.equal(sleepType(bootWith({ aml: whole })), 0);
});

test("of a DSDT that claims more than a mebibyte the start is searched", () => {
  for (const length of [(1 << 20) + 1, 0xffffffff]) {
    const run = boot({
      commandLine,
      prepare: ({ memory }) => memory.write(0x1fff1404n, new ByteWriter().u32(length).bytes()),
    });
    assertEnd(run, "ok");
    assertNoLine(run, /will not power itself off/);
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

test("tables beyond the CPU's physical addresses are not read", () => {
  const rsdp = new ByteWriter()
    .text("RSD PTR ")
    .u8(0)
    .text("TESTS ")
    .u8(2)
    .u32(0)
    .u32(36)
    .u64(0xfffffffffffff000n)
    .u32(0);
  const run = boot({
    commandLine,
    acpi: { hasXsdt: true },
    loader: "pvh",
    prepare: ({ memory }) => memory.write(0x1fff1000n, rsdp.bytes()),
  });
  assertEnd(run, "ok", /the XSDT is not where/);
});
