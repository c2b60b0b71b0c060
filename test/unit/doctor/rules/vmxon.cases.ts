// The rules of VMXON.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, subjectWith } from "../support.ts";
import { bit } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const CR0 = 0x8001_0031n;

await testRules([
  { slug: "vmxon.cr4.vmxe", violated: { CR4: 0x20n }, holds: { CR4: 0x2000n } },
  { slug: "vmxon.protected-mode", violated: { CR0: CR0 & ~1n }, holds: { CR0 } },
  { slug: "vmxon.virtual-8086-mode", violated: { RFLAGS: 0x2_0002n }, holds: { RFLAGS: 0xfffd_0002n } },
  { slug: "vmxon.compatibility-mode", violated: { CS_L: 0n }, holds: { CS_L: 1n } },
  { slug: "vmxon.compatibility-mode", violated: { CS_L: 0n }, holds: { CS_L: 0n, IA32_EFER: 0x100n } },
  { slug: "vmxon.cpl", violated: { CPL: 3n }, holds: { CPL: 0n } },
  { slug: "vmxon.a20m", violated: { A20M: 1n }, holds: { A20M: 0n } },
  { slug: "vmxon.cr0.fixed-0", violated: { CR0: CR0 & ~0x20n }, holds: { CR0: 0x8000_0021n } },
  { slug: "vmxon.cr0.fixed-0", violated: { CR0: CR0 & ~bit(31) }, holds: { CR0: 0x8000_0021n } },
  { slug: "vmxon.cr0.fixed-1", violated: { CR0: CR0 | bit(32) }, holds: { CR0: CR0 | bit(30) } },
  {
    slug: "vmxon.cr4.fixed-0",
    violated: { IA32_VMX_CR4_FIXED0: 0x2040n },
    holds: { IA32_VMX_CR4_FIXED0: 0x2040n, CR4: 0x2060n },
  },
  { slug: "vmxon.cr4.fixed-1", violated: { CR4: 0x2020n | bit(15) }, holds: { CR4: 0x2020n | bit(14) } },
  { slug: "vmxon.feature-control.lock", violated: { IA32_FEATURE_CONTROL: 4n }, holds: { IA32_FEATURE_CONTROL: 5n } },
  {
    slug: "vmxon.feature-control.outside-smx",
    violated: { IA32_FEATURE_CONTROL: 3n },
    holds: { IA32_FEATURE_CONTROL: 5n },
  },
  {
    slug: "vmxon.feature-control.inside-smx",
    violated: { IA32_FEATURE_CONTROL: 5n, IN_SMX_OPERATION: 1n },
    holds: { IA32_FEATURE_CONTROL: 3n, IN_SMX_OPERATION: 1n },
  },
  { slug: "vmxon.pointer.alignment", violated: { VMXON_POINTER: 0x1800n }, holds: { VMXON_POINTER: 0x3000n } },
  { slug: "vmxon.pointer.maxphyaddr", violated: { VMXON_POINTER: bit(46) }, holds: { VMXON_POINTER: bit(45) } },
  {
    slug: "vmxon.pointer.maxphyaddr",
    violated: { VMXON_POINTER: bit(32), IA32_VMX_BASIC: 0x05db_0400_0000_0011n },
    holds: { VMXON_POINTER: bit(31), IA32_VMX_BASIC: 0x05db_0400_0000_0011n },
  },
  { slug: "vmxon.revision-identifier", violated: { VMXON_REVISION: 0n }, holds: { VMXON_REVISION: 0x11n } },
  {
    slug: "vmxon.shadow-vmcs",
    violated: { VMXON_REVISION: 0x8000_0011n },
    holds: { VMXON_REVISION: 0x11n },
  },
]);

const doctor = await loadDoctor();

test("a forgotten CR4.VMXE is told once, as the invalid opcode that it causes", () => {
  const violated = doctor
    .examine(subjectWith(doctor, { CR4: 0x20n }))
    .findings.filter(({ rule, outcome }) => rule.stage === "preparation" && outcome === "violated");
  assert.deepEqual(
    violated.map(({ rule }) => rule.slug),
    ["vmxon.cr4.vmxe"],
  );
});

test("what bits of CR0 an unknown processor fixes cannot be decided", () => {
  const finding = findingOf(doctor, "vmxon.cr0.fixed-1", { IA32_VMX_CR0_FIXED1: null, CR0: 0x8000_0021n });
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if a bit of IA32_VMX_CR0_FIXED1 & 0x80000021 is 0");
  assert.equal(findingOf(doctor, "vmxon.cr0.fixed-0", { IA32_VMX_CR0_FIXED0: null }).outcome, "undecidable");
});

test("without IA32_VMX_BASIC nothing is said of the revision identifier", () => {
  const finding = findingOf(doctor, "vmxon.revision-identifier", { IA32_VMX_BASIC: null });
  assert.equal(finding.outcome, "undecidable");
  assert.deepEqual(
    finding.missing.map(({ name }) => name),
    ["IA32_VMX_BASIC"],
  );
});

test("where it is unknown whether the processor is in SMX operation, both enable bits of the MSR decide", () => {
  const judge = (slug: string, IA32_FEATURE_CONTROL: bigint) =>
    findingOf(doctor, slug, { IA32_FEATURE_CONTROL, IN_SMX_OPERATION: null }).outcome;
  assert.equal(judge("vmxon.feature-control.outside-smx", 7n), "holds");
  assert.equal(judge("vmxon.feature-control.inside-smx", 7n), "holds");
  assert.equal(judge("vmxon.feature-control.inside-smx", 5n), "undecidable");
});
