// The dumps of Linux KVM and of Xen: every value of every layout reaches its field, whatever the logger put before it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dump } from "../../../../tools/doctor/dump.ts";
import { encodingOf } from "../../../../tools/doctor/fields.ts";
import { fill, type Filled } from "./fill.ts";
import { KVM_4_19, KVM_6_16, KVM_CET_AND_FRED, LAYOUTS, XEN_4_20, XEN_4_4 } from "./layouts.ts";
import { caseFile, dumpOf, refusalOf, textAt, valueOf, valuesOf } from "./read.ts";

function assertReads({ text, expected }: Filled, format: string): void {
  const dump = dumpOf(text);
  assert.equal(dump.format, format);
  for (const { identifier, value, text: printed, line } of expected.values()) {
    assert.equal(valueOf(dump, identifier), value, identifier);
    assert.equal(textAt(text, dump, identifier), printed, identifier);
    assert.equal(dump.fields.get(encodingOf(identifier))?.place.line, line, identifier);
  }
  assert.deepEqual(printedFields(dump), [...expected.keys()].sort(), "fields beyond those printed");
}

/** The counts of MSR areas, which a dump of KVM gives by the number of their entries' lines. */
const MSR_COUNTS = ["VM_ENTRY_MSR_LOAD_COUNT", "VM_EXIT_MSR_LOAD_COUNT", "VM_EXIT_MSR_STORE_COUNT"];

function printedFields(dump: Dump): number[] {
  const counts = new Set(MSR_COUNTS.map(encodingOf));
  return [...dump.fields.keys()].filter((encoding) => !counts.has(encoding)).sort();
}

for (const [name, format, layout] of LAYOUTS) {
  test(`${name} prints ${fill(layout).expected.size} fields, and each is read from its place`, () => {
    assertReads(fill(layout), format);
  });
}

const PREFIXES: readonly (readonly [string, (line: number) => string])[] = [
  ["dmesg", (line) => `[ ${(72 + line / 1000).toFixed(6).padStart(11)}] `],
  ["dmesg with severity and caller", () => "<3>[  673.853454][ T1234] kvm_intel: "],
  ["dmesg of Linux 6.3 and later", () => "[  673.853454] kvm_intel: "],
  ["dmesg -T", () => "[Tue Sep  8 22:52:20 2020] "],
  ["syslog", () => "Sep  8 22:52:20 xubuntu2004 kernel: [10639.238026] "],
  ["journalctl -o short-iso", () => "2026-05-20T10:11:12+0200 host.example kernel: kvm_intel: "],
  ["rsyslog", () => "2026-05-20T10:11:12.123456+00:00 host kernel: [  673.853454] "],
  ["a mail that quotes", () => "> > [28041.030248][T78789] "],
  ["a mail whose author cut the timestamps", () => "[…] "],
  ["a logger that nobody knows", (line) => `host7/vmm0 (${line}) dump:> `],
  ["Xen's console", () => "(XEN) "],
  ["Xen's console with its date", () => "(XEN) [2026-05-20 10:11:12] "],
  ["Xen's console with the time since boot", () => "(XEN) [   12.345678] "],
];

for (const [name, prefix] of PREFIXES) {
  test(`the prefixes of ${name} are passed over`, () => {
    const isXen = name.startsWith("Xen");
    assertReads(fill(isXen ? XEN_4_20 : KVM_6_16, prefix), isXen ? "xen" : "kvm");
  });
}

test("lines end with LF, CRLF or CR, and colours and NULs between values do no harm", () => {
  const { text, expected } = fill(KVM_4_19);
  for (const mangled of [
    text.replaceAll("\n", "\r\n"),
    text.replaceAll("\n", "\r"),
    text.replaceAll("CR3 =", "\u001b[1;31mCR3\u001b[0m ="),
    text.replaceAll("\n", " \0\n"),
  ]) {
    assert.equal(valueOf(dumpOf(mangled), "GUEST_CR3"), expected.get(encodingOf("GUEST_CR3"))?.value);
    assert.equal(dumpOf(mangled).fields.size, expected.size);
  }
});

test("case 1's dump has its 111 fields, among them the EPTP and the exit that was saved", () => {
  const text = caseFile("kvm-dump-ept-entry-failure.txt");
  const dump = dumpOf(text);
  assert.equal(dump.format, "kvm");
  assert.equal(dump.fields.size, 111);
  assert.deepEqual(
    valuesOf(dump, "EPT_POINTER", "GUEST_CS_ACCESS_RIGHTS", "HOST_CS_SELECTOR", "VM_ENTRY_CONTROLS", "GUEST_TR_LIMIT"),
    [0x3500200005en, 0xa09bn, 0x10n, 0x93ffn, 0xffn],
  );
  assert.equal(textAt(text, dump, "EPT_POINTER"), "0x000003500200005e");
  assert.equal(valueOf(dump, "VMCS_LINK_POINTER"), undefined, "what is not printed is missing");
  assert.deepEqual(
    dump.notes.map((note) => note.text),
    ["The dump has the exit that was saved last: reason 80000021."],
  );
});

test("an EFER that is effective or autoloaded is a note and no field", () => {
  for (const mark of ["effective", "autoload"]) {
    const dump = dumpOf(fill(KVM_CET_AND_FRED).text.replace("(effective)", `(${mark})`));
    assert.equal(valueOf(dump, "GUEST_IA32_EFER"), undefined);
    assert.ok(dump.notes.some((note) => note.text.includes(mark)));
  }
  const xen = dumpOf(fill(XEN_4_20).text.replace("EFER(VMCS)", "EFER(MSR LL)"));
  assert.equal(valueOf(xen, "GUEST_IA32_EFER"), undefined);
  assert.ok(xen.notes.some((note) => note.text.includes("list of MSRs")));
});

test("Xen before 4.6 prints the entry's instruction length as the exit's, so that it is a note", () => {
  const dump = dumpOf(fill(XEN_4_4).text);
  assert.equal(valueOf(dump, "VM_EXIT_INSTRUCTION_LENGTH"), undefined);
  assert.ok(dump.notes.some((note) => note.text.includes("VM-entry instruction length")));
});

for (const [name, isXen, layout] of [
  ["KVM", false, KVM_6_16],
  ["Xen", true, XEN_4_20],
] as const) {
  for (const mark of ["", "> "]) {
    test(`a dump of ${name} that a mail wrapped ${mark === "" ? "" : "and quoted "}is put together again`, () => {
      const { text, expected } = fill(layout, (line) => `[   12.${line}] `);
      const wrapped = (isXen ? text.replaceAll(/^\[ +[0-9.]+\]/gm, "(XEN)") : text)
        .replaceAll(/, (gh_mask=|base=|CS:RIP=|ilen=|shadow=)/g, `,\n${mark}$1`)
        .replaceAll(/(CR[04]: .*?)(gh_mask=)/g, `$1\n${mark}$2`)
        .replaceAll(/(RIP|DebugExceptions) = /g, `$1 = \n${mark}`)
        .replaceAll(/ (ilen=|PFECmatch=|CS:RIP=)/g, `\n${mark}$1`);
      assert.ok(wrapped.split("\n").length > text.split("\n").length + 6);
      const dump = dumpOf(wrapped.replaceAll(/^(?!> )/gm, mark));
      assert.equal(dump.format, isXen ? "xen" : "kvm");
      for (const { identifier, value, text: printed } of expected.values()) {
        assert.equal(valueOf(dump, identifier), value, identifier);
        assert.equal(textAt(wrapped.replaceAll(/^(?!> )/gm, mark), dump, identifier), printed, identifier);
      }
    });
  }
}

test("what QEMU prints behind KVM's dump is not read, nor is a registers' line without its beginning", () => {
  const { text, expected } = fill(KVM_6_16);
  const behind =
    "EAX=00001e30 EBX=4e364180\nCR0=00050032 CR2=826c6000 CR3=3cbf4002 CR4=00000000\nEFER=0000000000000000\n";
  for (const noise of [`KVM: entry failed\n${behind}`, `CS =c200 7ffc2000 ffffffff 00809300\n${behind.slice(26)}`]) {
    const dump = dumpOf(text + noise);
    assert.deepEqual(printedFields(dump), [...expected.keys()].sort());
    assert.equal(valueOf(dump, "HOST_CS_SELECTOR"), expected.get(encodingOf("HOST_CS_SELECTOR"))?.value);
  }
});

test("what people paste below a dump is one note, however many values it has", () => {
  const { text, expected } = fill(KVM_4_19);
  const dump = dumpOf(`${text}\n$1 = {ebx = 0xff, ecx = 0x1, cs = 0x97, cr3 = 0xa709000, efer = 0x0}\nx = 1\n`);
  assert.equal(dump.fields.size, expected.size);
  assert.deepEqual(
    dump.notes.filter((note) => !note.text.includes("saved last")).map((note) => note.text),
    ["From here on nothing is part of a known dump; not used."],
  );
});

test("KVM's lists of MSRs give the counts of the areas, and the entries of the one that VM entry loads", () => {
  const dump = dumpOf(fill(KVM_6_16).text);
  assert.deepEqual(valuesOf(dump, ...MSR_COUNTS), [1n, 1n, 0n]);
  assert.deepEqual(dump.msrEntries, [[0x600n, 0n]]);
  assert.ok(dump.notes.some((note) => note.text.includes("ve_info")));
});

test("KVM since 5.13 lists no empty area, older ones list none at all", () => {
  const empty = dumpOf(fill(KVM_6_16.filter((line) => !/MSR|msr=/.test(line))).text);
  assert.deepEqual(valuesOf(empty, ...MSR_COUNTS), [0n, 0n, 0n]);
  assert.deepEqual(empty.msrEntries, []);
  const old = dumpOf(fill(KVM_4_19).text);
  assert.deepEqual(valuesOf(old, ...MSR_COUNTS), [undefined, undefined, undefined]);
  assert.equal(old.msrEntries, undefined);
});

test("an MSR area that lost an entry is a note, and its count is not known", () => {
  const { text } = fill(KVM_6_16);
  const dump = dumpOf(text.replace(/ 0: msr=0x00000600 value=0x0{16}/, " 1: msr=0x00000600 value=0x0000000000000000"));
  assert.equal(valueOf(dump, "VM_ENTRY_MSR_LOAD_COUNT"), undefined);
  assert.ok(dump.notes.some((note) => note.text.includes("not numbered from 0")));
});

test("of several dumps in a log the first is read, with a note at the second", () => {
  const first = fill(KVM_4_19);
  const dump = dumpOf(`boot messages\n${first.text}noise\n${fill(KVM_6_16).text.replaceAll("CR3 = 0x", "CR3 = 0xf")}`);
  assert.equal(dump.fields.size, first.expected.size);
  const note = dump.notes.find(({ text }) => text.includes("second dump"));
  assert.equal(note?.place?.line, KVM_4_19.length + 4);
});

test("the headings of old kernels without spaces count, and a dump may have lost its first lines", () => {
  const { text, expected } = fill(KVM_4_19);
  assert.equal(dumpOf(text.replaceAll("*** ", "***").replaceAll(" ***", "***")).fields.size, expected.size);
  const lost = dumpOf(text.slice(text.indexOf("Sysenter RSP=")));
  assert.equal(valueOf(lost, "GUEST_CR0"), undefined);
  assert.equal(valueOf(lost, "HOST_CR0"), expected.get(encodingOf("HOST_CR0"))?.value);
});

test("messages of other drivers between the lines are passed over", () => {
  const { text, expected } = fill(KVM_4_19, () => "[    1.000000] ");
  const noisy = text.replace("[    1.000000] CR3", "[    1.000000] eth0: link up speed=1000 duplex=full\n$&");
  const dump = dumpOf(noisy);
  assert.equal(dump.fields.size, expected.size);
  assert.ok(dump.notes.some((note) => note.text.includes("speed")));
});

const REFUSED: readonly (readonly [string, RegExp | string, string, RegExp])[] = [
  ["a cut value", "CR3 = 0x", "CR3 = 0x\n", /Found "0x" for "CR3", expected a number/],
  ["letters that are no digits", "CR3 = 0x", "CR3 = 0xg", /for "CR3", expected a number/],
  ["a value beyond the field's width", "sel=0x", "sel=0x1", /for "CS: sel", expected a value of at most 16 bits/],
  ["half of the interrupt status", /SVI\|RVI = ..\|../, "SVI|RVI = 00", /expected two bytes/],
  ["a SYSENTER address without its colon", /CS:RIP=....:/, "CS:RIP=", /expected two numbers with a colon/],
  ["a field with two values", /RSP = 0x\w+ {2}RIP/, "RSP = 0x1  RSP = 0x2  RIP", /expected 0x1 as line 8 has it/],
  ["a number of 60 digits", "CR3 = 0x", `CR3 = 0x${"0".repeat(60)}`, /for "CR3", expected a number/],
];

for (const [name, from, to, reason] of REFUSED) {
  test(`${name} is refused with its line`, () => {
    const { text } = fill(KVM_6_16);
    const mangled = text.replace(from, to);
    assert.notEqual(mangled, text);
    const refusal = refusalOf(mangled);
    assert.match(refusal.reason, reason);
    const at = text.search(from);
    assert.equal(refusal.line, text.slice(0, at).split("\n").length);
  });
}

test("a register's line of Xen that lacks a column is refused with its line", () => {
  const { text } = fill(XEN_4_20);
  const refusal = refusalOf(text.replace(/( {2}CS: \w+ \w+ \w+) \w+/, "$1"));
  assert.equal(refusal.line, XEN_4_20.findIndex((line) => line.startsWith("  CS:")) + 1);
  assert.match(refusal.reason, /Found 3 values for CS, expected 4/);
});
