// What the report says, line by line, as the console prints it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodingOf, FIELDS } from "../../../tools/doctor/fields.ts";
import { doctorFields, loadDoctor, NEVER_WRITTEN, subjectWith, type Values } from "./support.ts";

const doctor = await loadDoctor();

/** The valid VMCS, changed so that there is no reason for advice either. */
const SOUND: Values = { GUEST_IDTR_LIMIT: 0xfffn, CR4_GUEST_HOST_MASK: 0x2000n };

/** Nothing of the processor's state is known, as of a dump. */
const NO_STATE: Values = Object.fromEntries([...doctor.state.keys()].map((name) => [name, null]));

function reportOf(changes: Values): string[] {
  return doctor.examine(subjectWith(doctor, { ...SOUND, ...changes })).report.split("\n");
}

const SHIFTED_TWICE = [
  "Advice (no failure of VM entry, but rarely meant): 1",
  "  advice.eptp.shifted-twice",
  "    The EPTP's address should not be shifted by 12 a second time, as it looks.",
  "    found EPT pointer (EPTP) (0x201a) = 0x000003500200005e; 0x35002000000 >> 12 = 0x35002000 would be a page",
  "      below 36 bits",
  "    hint: Bits 51:12 hold bits 51:12 of the table's address: (address & ~0xfff) | 0x1e, or in a bit-field",
  "      address >> 12.",
];

test("the report of a sound VMCS is its verdict", () => {
  assert.deepEqual(reportOf({}), ["No rule of VM entry is violated.", ""]);
});

test("an EPTP shifted twice is two violations on a processor of 36 bits without accessed and dirty flags", () => {
  const report = reportOf({
    EPT_POINTER: 0x350_0200_005en,
    IA32_VMX_EPT_VPID_CAP: 0x0f01_0611_4141n,
    "CPUID.80000008.EAX": 0x3024n,
  });
  assert.deepEqual(report, [
    "VMX controls (VM-instruction error 7): 2 violated",
    "  control.eptp.accessed-dirty (SDM 3C 27.2.1.1)",
    "    With EPT, bit 6 of the EPTP must be 0 on a processor without accessed and dirty flags for EPT",
    "      (IA32_VMX_EPT_VPID_CAP[21] = 0).",
    "    found EPT pointer (EPTP) (0x201a) = 0x000003500200005e; bit 6 (accessed and dirty flags) must be 0",
    "    with Secondary processor-based VM-execution controls (0x401e) = 0x000000a2",
    "    with IA32_VMX_EPT_VPID_CAP = 0x00000f0106114141",
    "    hint: Clear bit 6 of the EPTP where the capability is missing.",
    "  control.eptp.maxphyaddr (SDM 3C 27.2.1.1)",
    "    With EPT, bits 63:N of the EPTP must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]).",
    "    found EPT pointer (EPTP) (0x201a) = 0x000003500200005e; bits 41:40, 38, 36 must be 0",
    "    with Secondary processor-based VM-execution controls (0x401e) = 0x000000a2",
    "    with CPUID.80000008.EAX = 0x00003024",
    "    hint: Bits N-1:12 hold the table's address as it is: OR it in, do not shift it by 12 a second time; the",
    "      same for every EPT entry.",
    ...SHIFTED_TWICE,
    "2 rules of VM entry are violated.",
    "",
  ]);
});

test("an EPTP shifted twice is told with its conditions where the processor is not known", () => {
  const report = reportOf({
    EPT_POINTER: 0x350_0200_005en,
    IA32_VMX_EPT_VPID_CAP: null,
    "CPUID.80000008.EAX": null,
  });
  assert.deepEqual(report, [
    "Cannot be decided: 4",
    "  control.eptp.memory-type: violated if IA32_VMX_EPT_VPID_CAP[14] = 0",
    "  control.eptp.walk-length: violated if IA32_VMX_EPT_VPID_CAP[6] = 0",
    "  control.eptp.accessed-dirty: violated if IA32_VMX_EPT_VPID_CAP[21] = 0",
    "  control.eptp.maxphyaddr: violated if MAXPHYADDR < 42",
    ...SHIFTED_TWICE,
    "No rule of VM entry is violated; 4 cannot be decided.",
    "",
  ]);
});

test("a dump, which tells nothing of the processor's state, is not asked for what comes before the VMX controls", () => {
  const line = "Not asked: what comes before the checks of VMX controls, as nothing of the processor's state is known";
  assert.equal(reportOf(NO_STATE)[0], line);
});

test("a missing field is one line, however many rules need it", () => {
  assert.deepEqual(reportOf({ GUEST_PENDING_DEBUG_EXCEPTIONS: null, "CPUID.7.0.EBX": null }), [
    "Cannot be decided: 3",
    "  Guest pending debug exceptions: not known, 3 rules need it",
    "  CPUID.7.0.EBX: not known, 1 rule needs it",
    "No rule of VM entry is violated; 3 cannot be decided.",
    "",
  ]);
});

test("of many missing inputs the report names those that most rules need, and counts the others", () => {
  const guest = FIELDS.filter(
    ({ identifier }) => identifier.startsWith("GUEST_") && doctorFields().has(encodingOf(identifier)),
  );
  const report = reportOf(Object.fromEntries(guest.map(({ identifier }) => [identifier, null])));
  const rows = report.filter((line) => line.includes(": not known, "));
  assert.equal(rows.length, 16);
  const counts = rows.map((row) => Number(/, (\d+) rule/.exec(row)?.[1]));
  assert.deepEqual(
    counts,
    counts.toSorted((one, other) => other - one),
  );
  assert.ok(report.some((line) => /^ {2}and \d+ more that are not known$/.test(line)));
});

test("what is missing of the processor's state is told as the processor's", () => {
  const report = reportOf({ IA32_EFER: null });
  assert.ok(
    report.some((line) => /^ {2}the processor's IA32_EFER: not known, \d+ rules? needs? it$/.test(line)),
    report.join("\n"),
  );
});

test("differing bits are told with their names, as runs where a name or none covers several", () => {
  const report = reportOf({ GUEST_PENDING_DEBUG_EXCEPTIONS: 0xffff_0ff0n });
  assert.deepEqual(report, [
    "Guest state (exit reason 33, 0x80000021): 2 violated",
    "  guest.pending-debug.reserved (SDM 3C 27.3.1.5)",
    "    Bits 63:17, 15, 13 and 10:4 of the pending debug exceptions must be 0.",
    "    found Guest pending debug exceptions (0x6822) = 0x00000000ffff0ff0; bits 31:17, 10:4 must be 0",
    "    hint: The field is no copy of DR6, whose reserved bits 11:4 and 31:16 read 1.",
    "  guest.pending-debug.rtm-bits (SDM 3C 27.3.1.5)",
    "    With RTM (bit 16), bit 12 of the pending debug exceptions must be 1 and all others 0.",
    "    found Guest pending debug exceptions (0x6822) = 0x00000000ffff0ff0; bits 31:17, 11 (BLD), 10:4 must be 0;",
    "      bit 12 (enabled breakpoint) must be 1",
    "2 rules of VM entry are violated.",
    "",
  ]);
});

test("a rule of another document than the SDM is told with that document's name", () => {
  const report = reportOf({
    GUEST_INTERRUPTIBILITY_STATE: 1n,
    GUEST_CR4: 0x1_0000_2020n,
    GUEST_RFLAGS: 0x202n,
    GUEST_SS_ACCESS_RIGHTS: 0xc0f3n,
  });
  assert.ok(report.includes("  guest.interruptibility.sti-fred-user (FRED 346446)"), report.join("\n"));
});

test("fields that nothing wrote are one piece of advice, which names the first of them and counts the rest", () => {
  const { findings, report } = doctor.examine({
    ...subjectWith(doctor, NO_STATE),
    fields: new Map(),
    neverWritten: doctorFields(),
  });
  assert.equal(findings.find(({ rule }) => rule.slug === "advice.never-written")?.outcome, "violated");
  const lines = report.split("\n");
  const from = lines.indexOf("  advice.never-written");
  const found = lines.slice(from).find((line) => line.startsWith("    found "));
  assert.match(found ?? "", /found Pin-based VM-execution controls \(0x4000\), Primary processor-based/);
  assert.match(lines.slice(from).join(" "), / and \d+ more /);
});

test("a value that nothing wrote is told as such", () => {
  const report = reportOf({ GUEST_INTERRUPTIBILITY_STATE: 1n, GUEST_RFLAGS: NEVER_WRITTEN });
  const line = "    with Guest RFLAGS (0x6820) = 0x0000000000000000, never written";
  assert.ok(report.includes(line), report.join("\n"));
});

test("no line of a report is longer than 110 columns", () => {
  const nothing = { fields: new Map<number, bigint>() };
  const zeroes = { fields: new Map([...doctorFields()].map((field): [number, bigint] => [field, 0n])) };
  const ones = { fields: new Map([...doctorFields()].map((field): [number, bigint] => [field, (1n << 64n) - 1n])) };
  for (const subject of [nothing, zeroes, ones, { ...subjectWith(doctor), ...ones }]) {
    const long = doctor
      .examine(subject)
      .report.split("\n")
      .filter((line) => line.length > 110);
    assert.deepEqual(long, []);
  }
});

test("rules on what comes before the entry are not asked where nothing of the processor's state is known", () => {
  const early = ["preparation", "basic"];
  const { findings } = doctor.examine({ fields: new Map() });
  for (const { rule, outcome } of findings) {
    if (early.includes(rule.stage)) assert.equal(outcome, "notAsked", rule.slug);
    else assert.notEqual(outcome, "notAsked", rule.slug);
  }
});
