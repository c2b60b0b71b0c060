// The rules on the addresses of 4-KByte pages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type Values } from "../support.ts";
import { bit, controls } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const PAGES: readonly { slug: string; field: string; used: Values }[] = [
  { slug: "io-bitmap-a", field: "IO_BITMAP_A_ADDRESS", used: controls({ primary: bit(25) }) },
  { slug: "io-bitmap-b", field: "IO_BITMAP_B_ADDRESS", used: controls({ primary: bit(25) }) },
  { slug: "msr-bitmaps", field: "MSR_BITMAPS_ADDRESS", used: controls({ primary: bit(28) }) },
  { slug: "virtual-apic", field: "VIRTUAL_APIC_ADDRESS", used: controls({ primary: bit(21) }) },
  { slug: "apic-access", field: "APIC_ACCESS_ADDRESS", used: controls({ secondary: bit(0) }) },
  { slug: "pml", field: "PML_ADDRESS", used: controls({ secondary: bit(17) }) },
  { slug: "spptp", field: "SUB_PAGE_PERMISSION_TABLE_POINTER", used: controls({ secondary: bit(23) }) },
  {
    slug: "eptp-list",
    field: "EPTP_LIST_ADDRESS",
    used: { ...controls({ secondary: bit(13) }), VM_FUNCTION_CONTROLS: 1n },
  },
  { slug: "vmread-bitmap", field: "VMREAD_BITMAP_ADDRESS", used: controls({ secondary: bit(14) }) },
  { slug: "vmwrite-bitmap", field: "VMWRITE_BITMAP_ADDRESS", used: controls({ secondary: bit(14) }) },
  {
    slug: "virtualization-exception-information",
    field: "VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS",
    used: controls({ secondary: bit(18) }),
  },
  { slug: "low-pasid-directory", field: "LOW_PASID_DIRECTORY_ADDRESS", used: controls({ secondary: bit(21) }) },
  { slug: "high-pasid-directory", field: "HIGH_PASID_DIRECTORY_ADDRESS", used: controls({ secondary: bit(21) }) },
];

await testRules(
  PAGES.flatMap(({ slug, field, used }) => [
    {
      slug: `control.${slug}.alignment`,
      violated: { ...used, [field]: 0x1800n },
      holds: { ...used, [field]: 0x1000n },
    },
    {
      slug: `control.${slug}.maxphyaddr`,
      violated: { ...used, [field]: bit(46) },
      holds: { ...used, [field]: bit(45) },
    },
  ]),
);

const doctor = await loadDoctor();

for (const { slug, field, used } of PAGES) {
  test(`${slug} is not judged where no control uses it`, () => {
    const changes = { [field]: ~0n & (bit(64) - 1n) };
    assert.equal(findingOf(doctor, `control.${slug}.alignment`, changes).outcome, "holds");
    assert.equal(findingOf(doctor, `control.${slug}.maxphyaddr`, changes).outcome, "holds");
  });

  test(`${slug} cannot be decided above 4 GiB where MAXPHYADDR is unknown`, () => {
    const changes = { ...used, [field]: bit(40), "CPUID.80000008.EAX": null };
    const finding = findingOf(doctor, `control.${slug}.maxphyaddr`, changes);
    assert.equal(finding.outcome, "undecidable");
    assert.equal(finding.condition, "violated if MAXPHYADDR < 41");
  });
}

test("a processor that limits VMX structures to 32 bits refuses a page above 4 GiB", () => {
  const changes = { ...controls({ primary: bit(28) }), MSR_BITMAPS_ADDRESS: bit(32) };
  const limited = { ...changes, IA32_VMX_BASIC: 0x05db_0400_0000_0011n };
  assert.equal(findingOf(doctor, "control.msr-bitmaps.maxphyaddr", limited).outcome, "violated");
  assert.equal(findingOf(doctor, "control.msr-bitmaps.maxphyaddr", changes).outcome, "holds");
});

test("an EPTP list that VM functions without EPTP switching do not use is not judged", () => {
  const changes = { ...controls({ secondary: bit(13) }), VM_FUNCTION_CONTROLS: 0n, EPTP_LIST_ADDRESS: 1n };
  assert.equal(findingOf(doctor, "control.eptp-list.alignment", changes).outcome, "holds");
});

test("where secondary controls are unknown, what they would bring cannot be decided", () => {
  const changes = { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: null, PML_ADDRESS: 1n };
  const finding = findingOf(doctor, "control.pml.alignment", changes);
  assert.equal(finding.outcome, "undecidable");
  assert.deepEqual(
    finding.missing.map(({ name }) => name),
    ["Secondary processor-based VM-execution controls"],
  );
});
