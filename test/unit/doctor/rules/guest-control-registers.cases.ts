// The rules on the guest's CR0, CR3, CR4 and DR7.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { LEGACY, RESTRICTED } from "./guests.ts";
import { testRules } from "./rule-cases.ts";

const CR0 = 0x8001_0031n;
const REAL_MODE = { ...LEGACY, GUEST_CR0: 0x30n };
const TME = (2n << 36n) | (6n << 32n) | 1n;
const UNKNOWN_PAGING = 1n << 6n;

await testRules([
  { slug: "guest.cr0.fixed0", violated: { GUEST_CR0: CR0 & ~0x20n }, holds: { GUEST_CR0: CR0 } },
  { slug: "guest.cr0.fixed0", violated: { ...RESTRICTED, ...REAL_MODE }, holds: REAL_MODE },
  {
    slug: "guest.cr0.fixed0",
    violated: { ...RESTRICTED, ...LEGACY, GUEST_CR0: 0x31n },
    holds: { ...LEGACY, GUEST_CR0: 0x31n },
  },
  {
    slug: "guest.cr0.fixed0",
    violated: { GUEST_CR0: CR0, IA32_VMX_CR0_FIXED0: 0xe004_0021n },
    holds: { GUEST_CR0: CR0, IA32_VMX_CR0_FIXED0: 0xe000_0021n },
  },
  { slug: "guest.cr0.fixed1", violated: { GUEST_CR0: CR0 | (1n << 32n) }, holds: { GUEST_CR0: CR0 | 0x6000_0000n } },
  {
    slug: "guest.cr0.fixed1",
    violated: { IA32_VMX_CR0_FIXED1: 0x9ffe_ffffn },
    holds: { GUEST_CR0: CR0 | 0x6000_0000n, IA32_VMX_CR0_FIXED1: 0x9fff_ffffn },
  },
  { slug: "guest.cr0.pg.pe", violated: { GUEST_CR0: CR0 & ~1n }, holds: { GUEST_CR0: CR0 } },
  { slug: "guest.cr4.fixed0", violated: { GUEST_CR4: 0x20n }, holds: { GUEST_CR4: 0x2020n } },
  { slug: "guest.cr4.fixed1", violated: { GUEST_CR4: 0xa020n }, holds: { GUEST_CR4: 0x6020n } },
  {
    slug: "guest.cr4.cet",
    violated: { GUEST_CR4: 0x80_2020n, GUEST_CR0: CR0 & ~0x1_0000n },
    holds: { GUEST_CR4: 0x80_2020n },
  },
  { slug: "guest.cr0.pg.ia-32e", violated: { GUEST_CR0: CR0 & ~0x8000_0000n }, holds: { GUEST_CR0: CR0 } },
  { slug: "guest.cr4.pae.ia-32e", violated: { GUEST_CR4: 0x2000n }, holds: { GUEST_CR4: 0x2020n } },
  { slug: "guest.cr4.pae.ia-32e", violated: { GUEST_CR4: 0x2000n }, holds: { ...LEGACY, GUEST_CR4: 0x2000n } },
  {
    slug: "guest.cr4.pcide",
    violated: { ...LEGACY, GUEST_CR4: 0x2_2020n },
    holds: { ...LEGACY, GUEST_CR4: 0x2020n },
  },
  { slug: "guest.cr4.pcide", violated: { ...LEGACY, GUEST_CR4: 0x2_2020n }, holds: { GUEST_CR4: 0x2_2020n } },
  {
    slug: "guest.cr4.fred",
    violated: { ...LEGACY, GUEST_CR4: 0x1_0000_2020n },
    holds: { ...LEGACY, GUEST_CR4: 0x2020n },
  },
  { slug: "guest.cr4.fred", violated: { ...LEGACY, GUEST_CR4: 0x1_0000_2020n }, holds: { GUEST_CR4: 0x1_0000_2020n } },
  { slug: "guest.cr3.maxphyaddr", violated: { GUEST_CR3: 1n << 46n }, holds: { GUEST_CR3: 0x6000_3fff_ffff_ffffn } },
  {
    // TME leaves the highest 2 of 46 bits to SEAM; with EPT, CR3 is no physical address.
    slug: "guest.cr3.maxphyaddr",
    violated: { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x20n, IA32_TME_ACTIVATE: TME, GUEST_CR3: 1n << 44n },
    holds: { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x22n, IA32_TME_ACTIVATE: TME, GUEST_CR3: 1n << 44n },
  },
  { slug: "guest.cr3.maxphyaddr", violated: { GUEST_CR3: 1n << 63n }, holds: { GUEST_CR3: 0n } },
  {
    slug: "guest.cr3.lam",
    violated: { GUEST_CR3: 1n << 62n, "CPUID.7.1.EAX": 0n },
    holds: { GUEST_CR3: 1n << 62n },
  },
  { slug: "guest.dr7.upper", violated: { GUEST_DR7: 1n << 32n }, holds: { GUEST_DR7: 0xffff_ffffn } },
  {
    slug: "guest.dr7.upper",
    violated: { GUEST_DR7: 1n << 32n },
    holds: { GUEST_DR7: 1n << 32n, VM_ENTRY_CONTROLS: 0xc200n },
  },
]);

const doctor = await loadDoctor();

test("without capabilities the bits of CR0 and CR4 that the SDM names are doubted, and no others", () => {
  const unknown = {
    IA32_VMX_CR0_FIXED0: null,
    IA32_VMX_CR0_FIXED1: null,
    IA32_VMX_CR4_FIXED0: null,
    IA32_VMX_CR4_FIXED1: null,
  };
  const finding = (slug: string, changes: Record<string, bigint>) =>
    findingOf(doctor, slug, { ...unknown, ...changes });
  assert.equal(finding("guest.cr0.fixed0", { GUEST_CR0: CR0 }).outcome, "holds");
  assert.equal(finding("guest.cr0.fixed1", { GUEST_CR0: 0xe005_003fn }).outcome, "holds");
  assert.equal(finding("guest.cr4.fixed0", { GUEST_CR4: 0x2020n }).outcome, "holds");
  assert.equal(finding("guest.cr4.fixed1", { GUEST_CR4: 0x27ffn }).outcome, "holds");
  const withoutNumericError = finding("guest.cr0.fixed0", { GUEST_CR0: CR0 & ~0x20n });
  assert.equal(withoutNumericError.outcome, "undecidable");
  assert.equal(withoutNumericError.condition, "violated if IA32_VMX_CR0_FIXED0[5] = 1");
  const withUnknownBit = finding("guest.cr0.fixed1", { GUEST_CR0: CR0 | UNKNOWN_PAGING });
  assert.equal(withUnknownBit.condition, "violated if IA32_VMX_CR0_FIXED1[6] = 0");
  const withSmep = finding("guest.cr4.fixed1", { GUEST_CR4: 0x10_2020n });
  assert.equal(withSmep.condition, "violated if IA32_VMX_CR4_FIXED1[20] = 0");
});

test("whether a guest without paging is right depends on unrestricted guest where that is unknown", () => {
  const changes = { ...REAL_MODE, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: null };
  assert.equal(findingOf(doctor, "guest.cr0.fixed0", changes).outcome, "undecidable");
  assert.equal(findingOf(doctor, "guest.cr0.fixed0", { ...changes, GUEST_CR0: 0x10n }).outcome, "violated");
});

test("a CR3 above 36 bits is violated if MAXPHYADDR is smaller", () => {
  const finding = findingOf(doctor, "guest.cr3.maxphyaddr", { GUEST_CR3: 1n << 40n, "CPUID.80000008.EAX": null });
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if MAXPHYADDR < 41");
});
