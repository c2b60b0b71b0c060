// The rules of VMCLEAR and VMPTRLD on their operands.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { bit } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const NO_SHADOWING = (0xffff_ffffn & ~bit(14)) << 32n;

await testRules([
  { slug: "vmclear.pointer.alignment", violated: { VMCLEAR_POINTER: 0x2010n }, holds: { VMCLEAR_POINTER: 0x3000n } },
  { slug: "vmclear.pointer.maxphyaddr", violated: { VMCLEAR_POINTER: bit(46) }, holds: { VMCLEAR_POINTER: bit(45) } },
  { slug: "vmclear.pointer.vmxon", violated: { VMCLEAR_POINTER: 0x1000n }, holds: { VMCLEAR_POINTER: 0x2000n } },
  { slug: "vmptrld.pointer.alignment", violated: { VMPTRLD_POINTER: 0x2010n }, holds: { VMPTRLD_POINTER: 0x3000n } },
  { slug: "vmptrld.pointer.maxphyaddr", violated: { VMPTRLD_POINTER: bit(46) }, holds: { VMPTRLD_POINTER: bit(45) } },
  { slug: "vmptrld.pointer.vmxon", violated: { VMPTRLD_POINTER: 0x1000n }, holds: { VMPTRLD_POINTER: 0x2000n } },
  {
    slug: "vmptrld.revision-identifier",
    violated: { VMPTRLD_REVISION: 0x12n },
    holds: { VMPTRLD_REVISION: 0x8000_0011n },
  },
  {
    slug: "vmptrld.shadow-vmcs",
    violated: { VMPTRLD_REVISION: 0x8000_0011n, IA32_VMX_PROCBASED_CTLS2: NO_SHADOWING },
    holds: { VMPTRLD_REVISION: 0x8000_0011n },
  },
]);

const doctor = await loadDoctor();

test("a shadow VMCS is right on some processors: without capabilities the condition is told", () => {
  const changes = { VMPTRLD_REVISION: 0x8000_0011n, IA32_VMX_PROCBASED_CTLS2: null };
  const finding = findingOf(doctor, "vmptrld.shadow-vmcs", changes);
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if IA32_VMX_PROCBASED_CTLS2[46] = 0");
});

test("a region of an unknown VMXON pointer may be the VMCS's: it cannot be decided", () => {
  assert.equal(findingOf(doctor, "vmptrld.pointer.vmxon", { VMXON_POINTER: null }).outcome, "undecidable");
});

test("the VM-instruction error numbers of VMCLEAR and VMPTRLD are in their sentences", () => {
  const errors = doctor.rules
    .filter(({ slug }) => /^vm(clear|ptrld)\./u.test(slug))
    .map(({ slug, sentence }) => [slug, Number(/VM-instruction error (\d+)/u.exec(sentence)?.[1])]);
  assert.deepEqual(errors, [
    ["vmclear.pointer.alignment", 2],
    ["vmclear.pointer.maxphyaddr", 2],
    ["vmclear.pointer.vmxon", 3],
    ["vmptrld.pointer.alignment", 9],
    ["vmptrld.pointer.maxphyaddr", 9],
    ["vmptrld.pointer.vmxon", 10],
    ["vmptrld.revision-identifier", 11],
    ["vmptrld.shadow-vmcs", 11],
  ]);
});
