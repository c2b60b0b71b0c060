// Basalt's own dump and JSON: what is read, and what is refused with its line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FIELDS, hex } from "../../../../tools/doctor/fields.ts";
import { valueFor } from "./fill.ts";
import { dumpOf, refusalOf, textAt, valueOf, valuesOf } from "./read.ts";

test("Basalt's dump gives every field, capabilities and processor state", () => {
  const lines = FIELDS.map(
    ({ encoding, name }) => `basalt: vm0: vmcs ${hex(encoding)} ${hex(valueFor(encoding, 16))} ${name}`,
  );
  const text = [
    "basalt: entry failed",
    ...lines,
    "basalt: vm0: capability IA32_VMX_BASIC 0x00da040000000004",
    "capability CPUID.1.ECX 0x20",
    "basalt: state CR4 0x0000000000002020",
  ].join("\n");
  const dump = dumpOf(text);
  assert.equal(dump.format, "basalt");
  for (const { encoding, identifier } of FIELDS)
    assert.equal(valueOf(dump, identifier), valueFor(encoding, 16), identifier);
  assert.deepEqual(
    [...dump.capabilities].map(([name, { value }]) => [name, value]),
    [
      ["IA32_VMX_BASIC", 0xda040000000004n],
      ["CPUID.1.ECX", 0x20n],
    ],
  );
  assert.equal(dump.state.get("CR4")?.value, 0x2020n);
  assert.equal(textAt(text, dump, "GUEST_CR0"), hex(valueFor(0x6800, 16)));
  assert.equal(dump.fields.get(0x6800)?.spelled, "Guest CR0");
});

test("of several machines in Basalt's log the first is read, with a note for the other's lines", () => {
  const dump = dumpOf("basalt: vm0: vmcs 0x6800 0x31 Guest CR0\nbasalt: vm1: vmcs 0x6800 0x33 Guest CR0\n");
  assert.equal(valueOf(dump, "GUEST_CR0"), 0x31n);
  assert.deepEqual(
    dump.notes.map((note) => note.place?.line),
    [2],
  );
});

test("an encoding of no field in Basalt's dump is a note, an upper half is merged", () => {
  const dump = dumpOf("vmcs 0x482c 0x1 ?\nvmcs 0x201b 0x350\nvmcs 0x201a 0x200005e EPT pointer (EPTP)\n");
  assert.equal(valueOf(dump, "EPT_POINTER"), 0x3500200005en);
  assert.match(dump.notes[0]?.text ?? "", /0x482c is the encoding of no VMCS field/);
});

test("JSON has fields by name or encoding, capabilities and state", () => {
  const text = `{
    "fields": { "GUEST_CR0": "0x80050033", "0x6802": 4096, "guest.cs.ar": "0xa09b", "EPTP_HIGH": "0x350", "EPTP": "0x5e" },
    "capabilities": { "IA32_VMX_BASIC": "0x00da040000000004", "MAXPHYADDR": 39, "cpuid.01h.ecx": 32 },
    "state": { "CR4": "0x2020" },
    "comment": "mine"
  }`;
  const dump = dumpOf(text);
  assert.equal(dump.format, "json");
  assert.deepEqual(valuesOf(dump, "GUEST_CR0", "GUEST_CR3", "GUEST_CS_ACCESS_RIGHTS", "EPT_POINTER"), [
    0x80050033n,
    4096n,
    0xa09bn,
    0x3500000005en,
  ]);
  assert.deepEqual([...dump.capabilities.keys()], ["IA32_VMX_BASIC", "MAXPHYADDR", "CPUID.1.ECX"]);
  assert.equal(dump.state.get("CR4")?.value, 0x2020n);
  assert.equal(textAt(text, dump, "GUEST_CR0"), '"0x80050033"');
  assert.match(dump.notes[0]?.text ?? "", /"comment" is none of fields, vmcb, capabilities, state/);
});

test("a flat object of JSON is one of fields and capabilities", () => {
  const dump = dumpOf('{ "GUEST_CR0": "0x31", "ia32_vmx_misc": "0x7004c1e7", "nonsense": 4 }');
  assert.equal(valueOf(dump, "GUEST_CR0"), 0x31n);
  assert.equal(dump.capabilities.get("IA32_VMX_MISC")?.value, 0x7004c1e7n);
  assert.match(dump.notes[0]?.text ?? "", /"nonsense" is the name of no VMCS field/);
});

test("JSON may hold the VM-entry MSR-load area, whose count is the number of its entries", () => {
  const dump = dumpOf('{"fields": {"GUEST_CR0": 1}, "msrLoad": [["0x277", "0x0007040600070406"], [16, 5]]}');
  assert.deepEqual(dump.msrEntries, [
    [0x277n, 0x7040600070406n],
    [16n, 5n],
  ]);
  assert.equal(valueOf(dump, "VM_ENTRY_MSR_LOAD_COUNT"), 2n);
});

const REFUSED: readonly (readonly [name: string, text: string, line: number, reason: RegExp])[] = [
  ["a value of Basalt's that is no number", "vmcs 0x6800 0x31 a\nvmcs 0x6802 zero b\n", 2, /Found "zero" as a value/],
  ["a value of Basalt's too wide", "vmcs 0x800 0x10000 Guest ES selector\n", 1, /at most 16 bits/],
  ["a field of Basalt's with two values", "vmcs 0x6800 0x31 a\nvmcs 0x6800 0x33 a\n", 2, /as line 1 has it/],
  [
    "a number above 2^53",
    '{\n"GUEST_CR0": "0x31",\n"GUEST_RIP": 18446744072635809792\n}',
    3,
    /expected a string for a number above 2\^53/,
  ],
  ["a fraction", '{\n"GUEST_CR0": 1.5\n}', 2, /Found "1\.5" for "GUEST_CR0", expected a whole number/],
  ["a value that is null", '{"fields": {\n"GUEST_CR0": null\n}}', 2, /Found no number for "GUEST_CR0"/],
  ["a string that is no number", '{\n\n"GUEST_CR0": "abcxyz"\n}', 3, /Found "abcxyz"/],
  [
    "a number with 0x outside a string",
    '{\n"GUEST_CR0": 0x31\n}',
    2,
    /Found "0x31" without quotes, expected a JSON number/,
  ],
  ["a missing comma", '{\n"GUEST_CR0": "0x31"\n"GUEST_CR3": "0x1"\n}', 3, /Found `"`, expected `}`/],
  [
    "an object that does not end",
    '{\n"GUEST_CR0": "0x31",\n',
    3,
    /Found the end of the text, expected a name in double quotes/,
  ],
  ["text behind the object", '{"GUEST_CR0": "0x31"}\n}\n', 2, /Found text behind the object/],
  ["an array for a value", '{\n"GUEST_CR0": [1]\n}', 2, /Found no number for "GUEST_CR0", expected a whole number/],
  ["an MSR's entry of one number", '{"fields": {},\n"msrLoad": [[1, 2],\n[3]]}', 3, /Found another entry of "msrLoad"/],
  ["an MSR's entry that is no array", '{"fields": {},\n"msrLoad": ["0x10"]}', 2, /expected at most 4096 pairs/],
  ["an MSR's value of 65 bits", `{"fields": {},\n"msrLoad": [[1, "0x1${"0".repeat(16)}"]]}`, 2, /more than 64 bits/],
  [
    "entries and a count that contradict",
    '{"fields": {"VM_ENTRY_MSR_LOAD_COUNT": 2},\n"msrLoad": []}',
    2,
    /expected 0x2/,
  ],
  ["an array in an MSR's entry", '{"fields": {},\n"msrLoad": [[1, [2]]]}', 2, /an array in an entry/],
  ["objects too deep", `{"fields": {\n"a": ${'{"a":'.repeat(100_00)}`, 2, /Found an object in an object's section/],
  ["a section that is no object", '{"fields": {"GUEST_CR0": "0x31"},\n"state": 5}', 2, /Found no object for "state"/],
  ["a name twice with two values", '{\n"GUEST_CR0": "0x31",\n"guest_cr0": "0x33"\n}', 3, /as line 2 has it/],
  ["JSON without a field", '{ "a": 1 }', 1, /Found no value of a VMCS field/],
];

for (const [name, text, line, reason] of REFUSED) {
  test(`${name} is refused with its line`, () => {
    const refusal = refusalOf(text);
    assert.match(refusal.reason, reason);
    assert.equal(refusal.line, line);
  });
}
