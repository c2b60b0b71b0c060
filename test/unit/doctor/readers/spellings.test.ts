// Every project's spelling of a field leads to that field, and nothing else does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodingOf, FIELDS, selected } from "../../../../tools/doctor/fields.ts";
import { ambiguousKeys, guestMeaningOf, meaningOf, nearestIdentifier } from "../../../../tools/doctor/readers/names.ts";
import { loadTable, numbersOf, readFixture } from "../../x86/load-table.ts";

const spellings = readFixture("vmcs-spellings.txt").map(([project = "", name = "", encoding = ""]) => ({
  project,
  name,
  encoding: Number(encoding),
}));

/** The encoding that a name means, an odd one for an upper half. */
function encodingMeant(name: string): number | null {
  const meaning = meaningOf(name);
  return meaning === null ? null : meaning.encoding + (meaning.isUpperHalf ? 1 : 0);
}

test("the tools' table has every constant of hv/x86/vmcs-fields.ts, by its name", async () => {
  const constants = numbersOf(await loadTable("vmcs-fields"), (name) =>
    FIELDS.some((field) => field.identifier === name),
  );
  assert.equal(constants.length, FIELDS.length);
  for (const [identifier, encoding] of constants) assert.equal(encodingOf(identifier), encoding);
});

test("widths, halves and areas follow from the encodings of a field of each kind", () => {
  const row = (identifier: string) => selected(encodingOf(identifier))?.field;
  assert.deepEqual([row("GUEST_CS_SELECTOR")?.width, row("GUEST_CS_SELECTOR")?.hasUpperHalf], [16, false]);
  assert.deepEqual([row("EPT_POINTER")?.width, row("EPT_POINTER")?.hasUpperHalf], [64, true]);
  assert.deepEqual([row("GUEST_CS_LIMIT")?.width, row("GUEST_CS_LIMIT")?.isReadOnly], [32, false]);
  assert.deepEqual([row("EXIT_QUALIFICATION")?.width, row("EXIT_QUALIFICATION")?.isReadOnly], [64, true]);
  assert.equal(selected(0x201b)?.isUpperHalf, true);
  assert.equal(selected(0x6801), undefined, "a natural-width field has no upper half");
  assert.equal(selected(0x482c), undefined);
});

for (const project of new Set(spellings.map((row) => row.project))) {
  const rows = spellings.filter((row) => row.project === project);
  test(`the ${rows.length} spellings that ${project} adds lead to their fields`, () => {
    for (const { name, encoding } of rows) assert.equal(encodingMeant(name), encoding, name);
  });
}

test("a field is known by the SDM's name and by the constant's, in any case and with any separator", () => {
  for (const { name, identifier, encoding, hasUpperHalf } of FIELDS) {
    for (const spelled of [
      name,
      identifier,
      identifier.toLowerCase(),
      identifier.replaceAll("_", "-"),
      `VMX_${identifier}`,
    ]) {
      assert.equal(encodingMeant(spelled), encoding, spelled);
    }
    assert.equal(encodingMeant(`${identifier}_HIGH`), hasUpperHalf ? encoding + 1 : null, `${identifier}_HIGH`);
  }
});

test("no two fields claim one spelling", () => {
  assert.deepEqual(ambiguousKeys, []);
});

const COMMON: readonly (readonly [name: string, identifier: string])[] = [
  ["GUEST_CS_AR_BYTES", "GUEST_CS_ACCESS_RIGHTS"],
  ["VMX_GUEST_CS_ACCESS_RIGHTS", "GUEST_CS_ACCESS_RIGHTS"],
  ["guest_cs_ar", "GUEST_CS_ACCESS_RIGHTS"],
  ["guestCsAccessRights", "GUEST_CS_ACCESS_RIGHTS"],
  ["guest cs attributes", "GUEST_CS_ACCESS_RIGHTS"],
  ["PIN_BASED_X_CTLS", "PIN_BASED_VM_EXECUTION_CONTROLS"],
  ["pinbased controls", "PIN_BASED_VM_EXECUTION_CONTROLS"],
  ["PRIMARY_CPU_BASED_X_CTLS", "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"],
  ["procbased_ctls", "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"],
  ["procbased_ctls2", "SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"],
  ["EXIT_CTLS", "PRIMARY_VM_EXIT_CONTROLS"],
  ["entry controls", "VM_ENTRY_CONTROLS"],
  ["vmcs link", "VMCS_LINK_POINTER"],
  ["link pointer", "VMCS_LINK_POINTER"],
  ["eptp", "EPT_POINTER"],
  ["CR0 guest/host mask", "CR0_GUEST_HOST_MASK"],
  ["I/O bitmap A", "IO_BITMAP_A_ADDRESS"],
  ["cr4 shadow", "CR4_READ_SHADOW"],
  ["vmx preemption timer", "VMX_PREEMPTION_TIMER_VALUE"],
  ["host.cs.selector", "HOST_CS_SELECTOR"],
];

test("common spellings of no one project lead to their fields", () => {
  for (const [name, identifier] of COMMON) assert.equal(encodingMeant(name), encodingOf(identifier), name);
});

test("a name without an area is the guest's where one may assume it, and nobody's where not", () => {
  for (const [name, identifier] of [
    ["cr0", "GUEST_CR0"],
    ["cs base", "GUEST_CS_BASE"],
    ["efer", "GUEST_IA32_EFER"],
    ["tr", "GUEST_TR_SELECTOR"],
    ["idtr", "GUEST_IDTR_BASE"],
  ] as const) {
    assert.equal(guestMeaningOf(name)?.encoding, encodingOf(identifier), name);
    assert.equal(meaningOf(name), null, name);
  }
});

test("what is no field's name means none", () => {
  for (const name of ["", "cr2", "guest", "host", "bitmap", "pointer", "controls", "GUEST_CS", "a".repeat(5000)]) {
    if (name !== "GUEST_CS") assert.equal(meaningOf(name), null, name);
  }
  assert.equal(meaningOf("EXIT_REASON_CPUID"), null);
  assert.equal(meaningOf("CPU_BASED_HLT_EXITING"), null);
  assert.equal(meaningOf("constructor"), null);
  assert.equal(meaningOf("__proto__"), null);
});

test("the nearest name is that of the field that was misspelled", () => {
  assert.equal(nearestIdentifier("GUEST_CS_ACESS_RIGHTS"), "GUEST_CS_ACCESS_RIGHTS");
  assert.equal(nearestIdentifier("host_sysentr_eip"), "HOST_IA32_SYSENTER_EIP");
  assert.equal(nearestIdentifier("zzzz"), null);
});
