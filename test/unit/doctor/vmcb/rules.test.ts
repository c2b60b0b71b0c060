// Each rule of VMRUN is broken by a VMCB and holds with one close by; and how the table of rules is written.
import assert from "node:assert/strict";
import { test } from "node:test";
import { STAGES, type Input, type Subject } from "../../../../tools/doctor/doctor.ts";
import { loadDoctor } from "../support.ts";
import { cases } from "./cases.ts";
import { findingOf, loadVmcbDoctor, subjectWith, type Values } from "./support.ts";

const doctor = await loadVmcbDoctor();
const { rules } = doctor;

function describe(changes: Values): string {
  return Object.entries(changes)
    .map(([name, value]) => `${name} = ${value === null ? "not known" : `0x${value.toString(16)}`}`)
    .join(", ");
}

function without(subject: Subject, input: Input): Subject {
  const remaining = <Key>(values: ReadonlyMap<Key, bigint> | undefined, key: Key): Map<Key, bigint> =>
    new Map([...(values ?? [])].filter(([name]) => name !== key));
  if (input.kind === "field") return { ...subject, fields: remaining(subject.fields, input.number) };
  if (input.kind === "state") return { ...subject, state: remaining(subject.state, input.name) };
  return { ...subject, capabilities: remaining(subject.capabilities, input.name) };
}

for (const { slug, violated, holds } of cases) {
  test(`${slug} is violated by ${describe(violated)}`, () => {
    const finding = findingOf(doctor, slug, violated);
    assert.equal(finding.outcome, "violated");
    assert.notEqual(finding.witnesses.length, 0, "a violated rule names the value that broke it");
  });
  test(`${slug} holds with ${describe(holds)}`, () => {
    assert.equal(findingOf(doctor, slug, holds).outcome, "holds");
  });
  if (slug.startsWith("advice.")) continue;
  test(`${slug} is decided otherwise for want of none of what it reads`, () => {
    for (const [changes, other] of [
      [violated, "holds"],
      [holds, "violated"],
    ] as const) {
      const whole = subjectWith(doctor, changes);
      const rule = rules.find((row) => row.slug === slug)!;
      for (const input of rule.inputs) {
        assert.notEqual(doctor.judge(without(whole, input), rule).outcome, other, `without ${input.name}`);
      }
    }
  });
}

test("every rule of VMRUN has a case", () => {
  const slugs = new Set(cases.map(({ slug }) => slug));
  assert.deepEqual(
    rules.map(({ slug }) => slug).filter((slug) => !slugs.has(slug)),
    [],
  );
});

test("the VMCB that cases start from breaks no rule, and gives no reason for advice", () => {
  const { findings, report } = doctor.examine(subjectWith(doctor));
  assert.deepEqual(
    findings.filter(({ outcome }) => outcome !== "holds").map(({ rule }) => rule.slug),
    [],
  );
  assert.match(report, /^No rule of VMRUN is violated\.\n$/);
});

test("a condition names the capability that decides", () => {
  const changes = { CR4: 0x820n, "CPUID.7.0.ECX": null, "CPUID.80000008.EAX": null, N_CR3: 1n << 45n };
  assert.equal(findingOf(doctor, "vmcb.cr4.umip", changes).condition, "violated if CPUID.7.0.ECX[2] = 0");
  assert.equal(findingOf(doctor, "vmcb.n-cr3.maxphyaddr", changes).condition, "violated if MAXPHYADDR < 46");
});

test("the report tells stage, section, field with its offset, and the bit's name", () => {
  const { report } = doctor.examine(subjectWith(doctor, { EFER: 0xd01n, GUEST_ASID: 0n }));
  assert.equal(
    report,
    [
      "Control area (VMEXIT_INVALID): 1 violated",
      "  vmcb.asid.zero (APM 2 15.5.1)",
      "    The guest's ASID must not be 0, which is the host's.",
      "    found GUEST_ASID (0x058) = 0x00000000; must not be 0x00000000",
      "    hint: A single guest can have ASID 1, with TLB_CONTROL = 1 wherever its translations may be stale.",
      "State save area (VMEXIT_INVALID): 1 violated",
      "  vmcb.efer.svme (APM 2 15.5.1)",
      "    EFER.SVME of the guest must be 1.",
      "    found EFER (0x4d0) = 0x0000000000000d01; bit 12 (SVME) must be 1",
      "    hint: It is 1 in the VMCB even if the guest sees 0: intercept RDMSR and WRMSR of EFER.",
      "2 rules of VMRUN are violated.",
      "",
    ].join("\n"),
  );
});

test("without anything of the processor's state, what VMRUN asks of it is not asked", () => {
  const { fields, capabilities } = subjectWith(doctor);
  const { findings, report } = doctor.examine({ fields, ...(capabilities && { capabilities }) });
  assert.match(report, /^Not asked: what VMRUN asks of the processor itself/);
  assert.equal(
    findings.every(({ rule, outcome }) => (outcome === "notAsked") === (rule.stage === "basic")),
    true,
  );
});

test("rules stand in the order of the stages, cite a section, and have slugs of their own", async () => {
  const order = rules.map(({ stage }) => STAGES.indexOf(stage));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  const all = [...rules, ...(await loadDoctor()).rules].map(({ slug }) => slug);
  assert.equal(new Set(all).size, all.length, "slugs are unique over both tables");
  for (const { slug, stage, section, sentence, hint } of rules) {
    assert.match(slug, /^(vmrun|vmcb|advice\.vmcb)(\.[a-z0-9]+(-[a-z0-9]+)*)+$/);
    assert.equal(slug.startsWith("advice."), stage === "advice", slug);
    assert.match(section, stage === "advice" ? /^$/ : /^15(\.\d+)+$/, slug);
    assert.match(sentence, /^[A-Z0-9][\x20-\x7e]*\.$/, slug);
    assert.match(hint, /^$|^[A-Z0-9][\x20-\x7e]*[.?]$/, slug);
  }
});
