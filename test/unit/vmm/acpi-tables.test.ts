// The ACPI tables, held against ACPICA: its compiler, its disassembler and its interpreter.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { compileDsdt, dsdtSource } from "../../../tools/build/dsdt.ts";
import { root } from "../../../tools/paths.ts";
import { AcpiGuest, compile, disassemble, interpret, RAM_BYTES } from "./acpi-tables.ts";

const RSDP = 0xe0000;
const OK = 0;
const WRONG_ADDRESS = 1;
const OUT_OF_RANGE = 2;

const guest = new AcpiGuest();
assert.equal(guest.write(BigInt(RSDP)), OK);
const tables = guest.find(RSDP);

/** The table as a compiler of another name or version would make it: without its name, its version and the checksum. */
function withoutCompiler(table: Buffer): Buffer {
  return Buffer.from(table).fill(0, 9, 10).fill(0, 28, 36);
}

const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);

/** The lines `name : value` of iasl's or acpiexec's output, as `name value`. */
function fieldsOf(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const field = /^(?:\[[^\]]*\])?\s*(.+?) : (.*?)(?:\s+\[.*\])?$/.exec(line);
    return field === null ? [] : [`${field[1]} ${field[2]}`];
  });
}

test("an operating system finds FADT, MADT, MCFG, FACS and DSDT from the RSDP on", () => {
  assert.deepEqual([...tables.keys()].sort(), ["APIC", "DSDT", "FACP", "FACS", "MCFG", "RSDP", "XSDT"]);
});

test("each table's bytes add up to 0, and the RSDP's first 20 as well", () => {
  for (const [name, table] of tables) if (name !== "FACS") assert.equal(sumOf(table), 0, name);
  assert.equal(sumOf(tables.get("RSDP")!.subarray(0, 20)), 0);
});

test("no table lies over another, the FACS is at a multiple of 64, and nothing else of RAM is written", () => {
  const written = guest.ram.subarray(RSDP, RSDP + guest.bytes);
  const rest = Buffer.concat([guest.ram.subarray(0, RSDP), guest.ram.subarray(RSDP + guest.bytes)]);
  assert.ok(rest.every((byte) => byte === 0xa5));
  const places = [...tables].map(([name, table]) => ({ name, start: written.indexOf(table), length: table.length }));
  places.sort((a, b) => a.start - b.start);
  for (const [i, { name, start }] of places.entries()) {
    const before = places[i - 1];
    assert.ok(start >= (before === undefined ? 0 : before.start + before.length), name);
    assert.equal(start % (name === "FACS" ? 64 : 16), 0, name);
  }
  const last = places.at(-1)!;
  assert.equal(last.start + last.length, guest.bytes);
});

test("iasl disassembles each table without a complaint, and compiles the same bytes of that", async () => {
  for (const [name, table] of tables) {
    // It takes no RSDP, and reads the tables that an XSDT would name as a field each.
    if (name === "RSDP") continue;
    const { messages, source, compiled, compilerMessages } = await disassemble(name, table);
    assert.match(compilerMessages, /0 Errors, 0 Warnings, 0 Remarks/, name);
    for (const text of [messages, source]) assert.doesNotMatch(text, /error|warning|invalid|incorrect|unknown/i, name);
    const isBare = name === "FACS";
    assert.deepEqual(isBare ? compiled : withoutCompiler(compiled), isBare ? table : withoutCompiler(table), name);
  }
});

test("the RSDP is what iasl compiles of its fields", async () => {
  const xsdt = tables.get("RSDP")!.readBigUInt64LE(24);
  const source = `
    [0008] Signature : "RSD PTR "
    [0001] Checksum : 00
    [0006] Oem ID : "BASALT"
    [0001] Revision : 02
    [0004] RSDT Address : 00000000
    [0004] Length : 00000024
    [0008] XSDT Address : ${xsdt.toString(16).padStart(16, "0")}
    [0001] Extended Checksum : 00
    [0003] Reserved : 000000
  `;
  assert.deepEqual(tables.get("RSDP"), await compile(source));
});

test("the FADT has the fixed hardware, the reset register and what of a PC there is", async () => {
  const fields = fieldsOf((await disassemble("FACP", tables.get("FACP")!)).source);
  for (const field of [
    "Revision 06",
    "FADT Minor Revision 04",
    "SCI Interrupt 0009",
    "SMI Command Port 00000000",
    "PM1A Event Block Address 00000600",
    "PM1A Control Block Address 00000604",
    "PM Timer Block Address 00000608",
    "PM1 Event Block Length 04",
    "PM1 Control Block Length 02",
    "PM Timer Block Length 04",
    "GPE0 Block Address 00000000",
    "C2 Latency 0065",
    "C3 Latency 03E9",
    "RTC Century Index 32",
    "Legacy Devices Supported (V2) 1",
    "8042 Present on ports 60/64 (V2) 1",
    "VGA Not Present (V4) 1",
    "MSI Not Supported (V4) 0",
    "WBINVD instruction is operational (V1) 1",
    "All CPUs support C1 (V1) 1",
    "Control Method Power Button (V1) 0",
    "Control Method Sleep Button (V1) 1",
    "32-bit PM Timer (V1) 1",
    "Reset Register Supported (V2) 1",
    "Address 0000000000000CF9",
    "Value to cause reset 06",
    "Hardware Reduced (V5) 0",
  ]) {
    assert.ok(fields.includes(field), field);
  }
});

test("the MADT has one processor, an I/O APIC, overrides for the timer and the SCI, and NMI at LINT1", async () => {
  const fields = fieldsOf((await disassemble("APIC", tables.get("APIC")!)).source);
  const values = fields.slice(fields.indexOf("Local Apic Address FEE00000"));
  assert.deepEqual(
    values.filter((field) => !/^(Length|Reserved|Flags|[0-9A-F]{4}:)/.test(field)),
    [
      "Local Apic Address FEE00000",
      "PC-AT Compatibility 1",
      ...["Subtable Type 00", "Processor ID 00", "Local Apic ID 00", "Processor Enabled 1", "Runtime Online Capable 0"],
      ...["Subtable Type 01", "I/O Apic ID 00", "Address FEC00000", "Interrupt 00000000"],
      ...["Subtable Type 02", "Bus 00", "Source 00", "Interrupt 00000002", "Polarity 1", "Trigger Mode 1"],
      ...["Subtable Type 02", "Bus 00", "Source 09", "Interrupt 00000009", "Polarity 1", "Trigger Mode 3"],
      ...["Subtable Type 04", "Processor ID FF", "Polarity 0", "Trigger Mode 0", "Interrupt Input LINT 01"],
    ],
  );
});

test("the MCFG has the configuration space of bus 0, which the DSDT reserves", async () => {
  const fields = fieldsOf((await disassemble("MCFG", tables.get("MCFG")!)).source);
  for (const field of [
    "Base Address 00000000E0000000",
    "Segment Group Number 0000",
    "Start Bus Number 00",
    "End Bus Number 00",
  ]) {
    assert.ok(fields.includes(field), field);
  }
  const reserved = await interpret(tables.get("DSDT")!, "resources \\_SB.MBRD");
  assert.match(reserved, /Address : E0000000\s+Address Length : 00100000/);
});

test("the compiled DSDT that is committed is that of its source", async () => {
  const compiled = await compileDsdt();
  assert.deepEqual(withoutCompiler(tables.get("DSDT")!), withoutCompiler(compiled));
  const file = await readFile(join(root, "hv/vmm/devices/acpi/dsdt.ts"), "utf8");
  assert.equal(file, await dsdtSource(tables.get("DSDT")!));
});

test("ACPICA's interpreter finds S5's sleep type 5", async () => {
  const output = await interpret(tables.get("DSDT")!, "evaluate \\_S5");
  assert.match(output, /Contains 4 Elements:\s+\[Integer\] = 0+5\s+\[Integer\] = 0+\s/);
});

test("each pin of each device is routed to the GSI from 16 to 19 of their numbers' sum", async () => {
  const output = await interpret(tables.get("DSDT")!, "evaluate \\_SB.PCI0._PRT");
  const integers = [...output.matchAll(/\[Integer\] = ([0-9A-F]+)/g)].map((match) => parseInt(match[1]!, 16));
  const expected = Array.from({ length: 32 * 4 }, (_, i) => {
    const [device, pin] = [i >> 2, i & 3];
    return [device * 0x10000 + 0xffff, pin, 0, 16 + ((device + pin) % 4)];
  });
  assert.deepEqual(integers, expected.flat());
});

test("the host bridge has bus 0, all ports but the configuration's, and the 512 MiB below that of the MCFG", async () => {
  const output = await interpret(tables.get("DSDT")!, "resources \\_SB.PCI0");
  const ranges = fieldsOf(output.slice(output.indexOf("16-Bit WORD Address Space Resource")))
    .filter((field) => /^(Resource Type|Address (Minimum|Maximum|Length)) /.test(field))
    .map((field) => field.replace(/^(Resource Type|Address \w+) /, ""));
  assert.deepEqual(ranges, [
    ...["Bus Number Range", "0000", "0000", "0001"],
    ...["0CF8", "0CF8", "08"],
    ...["I/O Range", "0000", "0CF7", "0CF8"],
    ...["I/O Range", "0D00", "FFFF", "F300"],
    ...["Memory Range", "C0000000", "DFFFFFFF", "20000000"],
  ]);
});

test("_OSC grants what is asked for, and tells a capability or a revision that it does not know", async () => {
  const known = "5B4DDB33F71F1C4096577441C03DD766";
  for (const [uuid, revision, status] of [
    [known, 1, "00"],
    [known, 2, "08"],
    [known.replace("5B", "5C"), 1, "04"],
  ] as const) {
    const command = `execute \\_SB.PCI0._OSC (${uuid}) ${revision} 3 (000000001F000000FF000000)`;
    const output = await interpret(tables.get("DSDT")!, command);
    assert.match(output, new RegExp(`: ${status} 00 00 00 1F 00 00 00 FF 00 00 00`));
  }
});

test("an address that is not aligned, or whose tables would leave RAM, is refused, and nothing is written", () => {
  const other = new AcpiGuest();
  for (const [address, status] of [
    [1n, WRONG_ADDRESS],
    [0xe0010n, WRONG_ADDRESS],
    [1n << 32n, WRONG_ADDRESS],
    [-64n & 0xffff_ffff_ffff_ffffn, WRONG_ADDRESS],
    [0xffff_ffc0n, OUT_OF_RANGE],
    [BigInt(RAM_BYTES), OUT_OF_RANGE],
    [BigInt(RAM_BYTES - 64), OUT_OF_RANGE],
    [BigInt(RAM_BYTES - other.bytes + 64) & ~63n, OUT_OF_RANGE],
  ] as const) {
    assert.equal(other.write(address), status, address.toString(16));
  }
  assert.ok(other.ram.every((byte) => byte === 0xa5));
  assert.equal(other.write(BigInt(RAM_BYTES - other.bytes) & ~63n), OK);
  assert.equal(other.write(0n), OK);
});
