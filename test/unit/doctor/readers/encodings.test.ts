// An author's own encodings: the forms of source, the judgement, and a dump stored through them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isUnreadable } from "../../../../tools/doctor/dump.ts";
import { encodingOf, FIELDS, hex } from "../../../../tools/doctor/fields.ts";
import { judgeEncodings, readEncodings, type Encodings } from "../../../../tools/doctor/readers/encodings.ts";
import { storeThrough } from "../../../../tools/doctor/readers/store-through.ts";
import { caseFile, dumpOf, valueOf, valuesOf } from "./read.ts";

function encodingsOf(text: string): Encodings {
  const encodings = readEncodings(text);
  assert.ok(!isUnreadable(encodings), `refused: ${JSON.stringify(encodings)}`);
  return encodings;
}

function wrongOf(text: string): string[] {
  return judgeEncodings(encodingsOf(text)).wrong.map((wrong) => wrong.text);
}

test("case 2's encodings have exactly one wrong one, the guest's GS access rights", () => {
  const encodings = encodingsOf(caseFile("field-encodings.txt"));
  assert.equal(encodings.size, 84);
  const judgement = judgeEncodings(encodings);
  assert.deepEqual(judgement.wrong, [
    {
      name: "GUEST_GS_ACCESS_RIGHTS",
      place: { line: 48, column: 25, length: 10 },
      text: "0x482e is the VMX-preemption timer value; guest GS access rights are 0x481e",
    },
  ]);
  assert.deepEqual(judgement.notes, []);
});

const FORMS: readonly (readonly [name: string, print: (identifier: string, encoding: string) => string])[] = [
  ["a list", (name, encoding) => `${name} = ${encoding}`],
  ["a list with colons", (name, encoding) => `${name}: ${encoding}`],
  ["a list with spaces", (name, encoding) => `${name}\t${encoding}`],
  ["a C header", (name, encoding) => `#define VMCS_${name}   ${encoding}U /* ${name} */`],
  ["a C header with parentheses", (name, encoding) => `#define ${name} (${encoding})`],
  ["an enum", (name, encoding) => `    ${name.toLowerCase()} = ${encoding}, // = 0x0`],
  ["Rust", (name, encoding) => `    pub const ${name}: u32 = ${encoding};`],
  ["TypeScript", (name, encoding) => `export const ${name}: number = ${encoding};`],
  ["C++", (name, encoding) => `static constexpr uint32_t ${name} = ${encoding}ul;`],
];

for (const [name, print] of FORMS) {
  test(`${name} of all fields is read without a wrong one, and a wrong one is found in it`, () => {
    const lines = FIELDS.map(({ identifier, encoding }) => print(identifier, hex(encoding)));
    const text = `/* the fields\n * CR0 = 0x1 */\n${lines.join("\n")}\n`;
    const encodings = encodingsOf(text);
    assert.equal(encodings.size, FIELDS.length);
    assert.deepEqual(judgeEncodings(encodings), { wrong: [], notes: [] });
    const wrong = text.replace(print("HOST_RIP", hex(encodingOf("HOST_RIP"))), print("HOST_RIP", "0x6c18"));
    assert.deepEqual(wrongOf(wrong), ["0x6c18 is host IA32_S_CET; host RIP is 0x6c16"]);
  });
}

test("modules of Rust tell the guest's CR0 from the host's", () => {
  const text =
    "pub mod guest {\n    pub const CR0: u32 = 0x6800;\n}\npub mod host {\n    pub const CR0: u32 = 0x6c00;\n}\n";
  assert.deepEqual(
    [...encodingsOf(text)].map(([name, { meant }]) => [name, meant]),
    [
      ["guest::CR0", 0x6800],
      ["host::CR0", 0x6c00],
    ],
  );
});

test("members of an enum on one line are read, comments are not", () => {
  const encodings = encodingsOf("enum { GUEST_CR0 = 0x6800, /* GUEST_CR3 = 0x1, */ GUEST_CR4 = 0x6804 };\n");
  assert.deepEqual([...encodings.keys()], ["GUEST_CR0", "GUEST_CR4"]);
});

test("a wrong encoding is named by what it really is", () => {
  assert.deepEqual(wrongOf("GUEST_CR0 = 0x6c00\n"), ["0x6c00 is host CR0; guest CR0 is 0x6800"]);
  assert.deepEqual(wrongOf("EPT_POINTER = 0x482c\n"), ["0x482c is no field's encoding; EPT pointer (EPTP) is 0x201a"]);
  assert.deepEqual(wrongOf("EPT_POINTER_HIGH = 0x201a\n"), [
    "0x201a is the EPT pointer (EPTP); EPT pointer (EPTP) (high) is 0x201b",
  ]);
  assert.deepEqual(wrongOf("PIN_BASED_VM_EXEC_CONTROL = 0x4002\n"), [
    "0x4002 is primary processor-based VM-execution controls; pin-based VM-execution controls are 0x4000",
  ]);
});

test("two names of one encoding that are two fields are noted, two names of one field are not", () => {
  const judgement = judgeEncodings(encodingsOf("GUEST_CR0 = 0x6800\nGUEST_CR3 = 0x6800\nguest_cr0 = 0x6800\n"));
  assert.deepEqual(
    judgement.wrong.map(({ name }) => name),
    ["GUEST_CR3"],
  );
  assert.deepEqual(
    judgement.notes.map((note) => note.text),
    ["GUEST_CR3 and GUEST_CR0 both have 0x6800; they are two fields."],
  );
});

test("other definitions of a header are passed over and counted, and not judged", () => {
  const text =
    "#define CPU_BASED_HLT_EXITING 0x80\n#define EXIT_REASON_CPUID 10\n#define PAGE_SIZE (1 << 12)\nGUEST_CR0 = 0x6800\nRIP = 0x6c16\n" +
    "#define IA32_VMX_EXIT_CTLS 0x483\nVMX_APIC_ACCESS = 44,\n#define VMX_PROCBASED_CTLS_TERTIARY (1U<<17U)\n" +
    "enum class VmxExitReason : unsigned __int16 {\nstruct vmx_msr_bitmap {\npub struct PinbasedControls: u32 {\n" +
    "uint64_t cr3_target_count : 9;\n#define CPU_BASED_CR3_LOAD_EXITING 0x800\n";
  const judgement = judgeEncodings(encodingsOf(text));
  assert.deepEqual(judgement.wrong, []);
  assert.deepEqual(
    judgement.notes.map((note) => note.text),
    [
      "RIP is no known name of a VMCS field; 0x6c16 is the encoding of host RIP.",
      "CPU_BASED_CR3_LOAD_EXITING is no known name of a VMCS field; 0x800 is the encoding of guest ES selector. The nearest name is VM_EXIT_MSR_LOAD_ADDRESS.",
      "5 other names are of no VMCS field, and not checked.",
    ],
  );
});

const REFUSED: readonly (readonly [name: string, text: string, line: number, reason: RegExp])[] = [
  ["a mistyped number", "GUEST_CR0 = 0x6800\nGUEST_CR3 = 0x68O2,\n", 2, /for GUEST_CR3, expected an encoding/],
  ["an encoding of more than 32 bits", "GUEST_CR0 = 0x680000000\n", 1, /expected an encoding/],
  ["a name with two encodings", "GUEST_CR0 = 0x6800\n\nGUEST_CR0 = 0x6802\n", 3, /expected 0x6800 as line 1 has it/],
  ["a text without a field's name", "\nint main() {\n", 2, /Found no name of a VMCS field/],
  ["an empty text", "", 1, /Found no name of a VMCS field/],
  ["a line that is too long", `\n${"x".repeat(70_000)}`, 2, /line of 70000 characters/],
];

for (const [name, text, line, reason] of REFUSED) {
  test(`${name} is refused with its line`, () => {
    const refusal = readEncodings(text);
    assert.ok(isUnreadable(refusal));
    assert.match(refusal.reason, reason);
    assert.equal(refusal.line, line);
  });
}

test("case 2 stored through its encodings: GS access rights were never written, the preemption timer got them", () => {
  const dump = dumpOf(caseFile("printk-invalid-guest-state.txt"));
  const stored = storeThrough(dump, encodingsOf(caseFile("field-encodings.txt")));
  assert.deepEqual(valuesOf(stored, "GUEST_GS_ACCESS_RIGHTS", "VMX_PREEMPTION_TIMER_VALUE"), [0n, 0x10000n]);
  assert.ok(stored.neverWritten.has(encodingOf("GUEST_GS_ACCESS_RIGHTS")));
  assert.ok(!stored.neverWritten.has(encodingOf("VMX_PREEMPTION_TIMER_VALUE")));
  assert.deepEqual(valuesOf(stored, "HOST_CR0", "HOST_CS_SELECTOR"), [undefined, undefined], "named, but not listed");
  assert.ok(!stored.neverWritten.has(encodingOf("HOST_CR0")));
  assert.equal(valueOf(stored, "HOST_RIP"), 0xffffffffc070e000n);
  assert.deepEqual(valuesOf(stored, "EPT_POINTER", "CR0_GUEST_HOST_MASK"), [0n, 0n], "named by nobody");
  assert.equal(valueOf(stored, "VMCS_LINK_POINTER"), 0xffffffffffffffffn);
  assert.ok(stored.notes.some((note) => note.text.includes("VMCS_LINK_POINTER; it keeps its own")));
  assert.equal(stored.fields.get(encodingOf("VMX_PREEMPTION_TIMER_VALUE"))?.place.line, 54);
  assert.equal(stored.capabilities.size, 1);
  assert.equal(dump.neverWritten.size, 0, "the dump itself is untouched");
});

test("a value is cut to the width of the field that it lands in, as VMWRITE cuts it", () => {
  const stored = storeThrough(dumpOf("guest_cr0: 0x80050033\n"), encodingsOf("GUEST_CR0 = 0x0802\n"));
  assert.equal(valueOf(stored, "GUEST_CS_SELECTOR"), 0x33n);
  assert.ok(stored.neverWritten.has(encodingOf("GUEST_CR0")));
});

test("an encoding that no field has loses the value, with a note", () => {
  const stored = storeThrough(dumpOf("guest_cr0: 0x31\n"), encodingsOf("GUEST_CR0 = 0x6801\n"));
  assert.ok(stored.neverWritten.has(encodingOf("GUEST_CR0")));
  assert.ok(stored.notes.some((note) => note.text.includes("0x6801, which no field has: the VMWRITE failed")));
});

test("two values that land in one field leave the later one, with a note", () => {
  const stored = storeThrough(
    dumpOf("guest_cr0: 0x31\nguest_cr3: 0x1000\n"),
    encodingsOf("GUEST_CR0 = 0x6802\nGUEST_CR3 = 0x6802\n"),
  );
  assert.equal(valueOf(stored, "GUEST_CR3"), 0x1000n);
  assert.ok(stored.notes.some((note) => note.text.includes("overwrites")));
});

test("a wrong encoding of an upper half writes the upper half there", () => {
  const through = (high: string) =>
    storeThrough(dumpOf("eptp: 0x3500200005e\n"), encodingsOf(`EPTP_F = 0x201a\nEPTP_H = ${high}\n`));
  assert.equal(valueOf(through("0x201b"), "EPT_POINTER"), 0x3500200005en);
  assert.equal(valueOf(through("0x201b"), "TSC_OFFSET"), 0n);
  assert.equal(valueOf(through("0x2011"), "TSC_OFFSET"), 0x350_0000_0000n);
  assert.equal(valueOf(through("0x201a"), "EPT_POINTER"), 0x350n);
});

test("read-only fields are not among those that nothing wrote", () => {
  const stored = storeThrough(dumpOf("guest_cr0: 0x31\n"), encodingsOf("GUEST_CR0 = 0x6800\n"));
  assert.ok(!stored.neverWritten.has(encodingOf("EXIT_REASON")));
  assert.equal(stored.neverWritten.size, FIELDS.filter((field) => !field.isReadOnly).length - 1);
});
