// The rules on the guest's MSRs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type RuleCase, type Values } from "../support.ts";
import { LEGACY } from "./guests.ts";
import { testRules } from "./rule-cases.ts";

const NON_CANONICAL = 1n << 56n;
const CANONICAL = NON_CANONICAL - 1n;
const ALL_32 = 0xffff_ffffn;

/** The valid guest with one more bit of the VM-entry controls. */
function loading(bit: number): Values {
  return { VM_ENTRY_CONTROLS: 0xc204n | (1n << BigInt(bit)) };
}
const PERF_GLOBAL_CTRL = loading(13);
const BNDCFGS = loading(16);
const RTIT_CTL = loading(18);
const UINV = loading(19);
const CET = loading(20);
const LBR_CTL = loading(21);
const PKRS = loading(22);
const SPEC_CTRL = loading(24);

await testRules([
  ...["ESP", "EIP"].map((name): RuleCase => ({
    slug: `guest.sysenter-${name.toLowerCase()}.canonical`,
    violated: { [`GUEST_IA32_SYSENTER_${name}`]: NON_CANONICAL },
    holds: { [`GUEST_IA32_SYSENTER_${name}`]: CANONICAL },
  })),
  {
    slug: "guest.s-cet.canonical",
    violated: { ...CET, GUEST_IA32_S_CET: NON_CANONICAL },
    holds: { ...CET, GUEST_IA32_S_CET: (1n << 56n) - 0x1000n },
  },
  {
    slug: "guest.s-cet.suppress",
    violated: { ...CET, GUEST_IA32_S_CET: 0xc04n },
    holds: { ...CET, GUEST_IA32_S_CET: 0x804n },
  },
  {
    slug: "guest.interrupt-ssp-table.canonical",
    violated: { ...CET, GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR: NON_CANONICAL },
    holds: { ...CET, GUEST_IA32_INTERRUPT_SSP_TABLE_ADDR: CANONICAL },
  },
  {
    slug: "guest.perf-global-ctrl.counters",
    violated: { ...PERF_GLOBAL_CTRL, GUEST_IA32_PERF_GLOBAL_CTRL: 0x1ffn },
    holds: { ...PERF_GLOBAL_CTRL, GUEST_IA32_PERF_GLOBAL_CTRL: 0xffn },
  },
  {
    slug: "guest.perf-global-ctrl.fixed-counters",
    violated: { ...PERF_GLOBAL_CTRL, GUEST_IA32_PERF_GLOBAL_CTRL: 0x10_0000_0000n },
    holds: { ...PERF_GLOBAL_CTRL, GUEST_IA32_PERF_GLOBAL_CTRL: 0xf_0000_0000n },
  },
  {
    slug: "guest.perf-global-ctrl.fixed-counters",
    violated: {
      ...PERF_GLOBAL_CTRL,
      GUEST_IA32_PERF_GLOBAL_CTRL: 0x8_0000_0000n,
      "CPUID.A.EDX": 3n,
      "CPUID.A.ECX": 0n,
    },
    holds: { ...PERF_GLOBAL_CTRL, GUEST_IA32_PERF_GLOBAL_CTRL: 0x8_0000_0000n, "CPUID.A.EDX": 3n, "CPUID.A.ECX": 8n },
  },
  {
    // Before version 5 of architectural performance monitoring ECX lists nothing.
    slug: "guest.perf-global-ctrl.fixed-counters",
    violated: {
      ...PERF_GLOBAL_CTRL,
      GUEST_IA32_PERF_GLOBAL_CTRL: 0x8_0000_0000n,
      "CPUID.A.EAX": 0x0830_0804n,
      "CPUID.A.EDX": 3n,
      "CPUID.A.ECX": 8n,
    },
    holds: { ...PERF_GLOBAL_CTRL, GUEST_IA32_PERF_GLOBAL_CTRL: 0x8_0000_0000n, "CPUID.A.EDX": 3n, "CPUID.A.ECX": 8n },
  },
  ...[2n, 3n, 8n, 0x10n].map((type): RuleCase => ({
    slug: "guest.pat",
    violated: { GUEST_IA32_PAT: 0x0007_0406_0007_0406n | (type << 56n) },
    holds: { GUEST_IA32_PAT: 0x0706_0504_0100_0000n },
  })),
  { slug: "guest.pat", violated: { GUEST_IA32_PAT: 2n }, holds: { GUEST_IA32_PAT: 2n, VM_ENTRY_CONTROLS: 0x8204n } },
  { slug: "guest.efer.lma", violated: { GUEST_IA32_EFER: 0x900n }, holds: { GUEST_IA32_EFER: 0xd00n } },
  {
    slug: "guest.efer.lma",
    violated: { ...LEGACY, GUEST_IA32_EFER: 0x500n },
    holds: { ...LEGACY, GUEST_IA32_EFER: 0n },
  },
  { slug: "guest.efer.lme", violated: { GUEST_IA32_EFER: 0xc00n }, holds: { GUEST_IA32_EFER: 0xd00n } },
  {
    slug: "guest.efer.lme",
    violated: { ...LEGACY, GUEST_IA32_EFER: 0x100n },
    holds: { ...LEGACY, GUEST_IA32_EFER: 0x100n, GUEST_CR0: 0x31n },
  },
  {
    slug: "guest.bndcfgs.canonical",
    violated: { ...BNDCFGS, GUEST_IA32_BNDCFGS: NON_CANONICAL },
    holds: { ...BNDCFGS, GUEST_IA32_BNDCFGS: CANONICAL & ~0xfffn },
  },
  always("debugctl", {}, "GUEST_IA32_DEBUGCTL", 0x8n, 0xffc7n),
  always("debugctl", {}, "GUEST_IA32_DEBUGCTL", 0x1_0000n, 0x2000n),
  always("perf-global-ctrl", PERF_GLOBAL_CTRL, "GUEST_IA32_PERF_GLOBAL_CTRL", 1n << 49n, 1n << 48n),
  always("efer", {}, "GUEST_IA32_EFER", 0xf01n, 0xd01n),
  always("efer", {}, "GUEST_IA32_EFER", 0x1d01n, 0xd01n),
  always("bndcfgs", BNDCFGS, "GUEST_IA32_BNDCFGS", 0x1004n, 0x1003n),
  always("rtit-ctl", RTIT_CTL, "GUEST_IA32_RTIT_CTL", 1n << 18n, 0x0180_ffff_8f7b_ffffn),
  always("s-cet", CET, "GUEST_IA32_S_CET", 0x40n, 0x43fn),
  always("lbr-ctl", LBR_CTL, "GUEST_IA32_LBR_CTL", 0x10n, 0x7f_000fn),
  always("pkrs", PKRS, "GUEST_IA32_PKRS", 1n << 32n, ALL_32),
  always("uinv", UINV, "GUEST_UINV", 0x100n, 0xffn),
  always("spec-ctrl", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 0x200n, 0x5ffn),
  needs("debugctl.bus-lock", {}, "GUEST_IA32_DEBUGCTL", 0x4n, "CPUID.7.0.ECX", 24),
  needs("debugctl.bts", {}, "GUEST_IA32_DEBUGCTL", 0x180n, "CPUID.1.EDX", 21),
  needs("debugctl.bts-off", {}, "GUEST_IA32_DEBUGCTL", 0x600n, "CPUID.1.ECX", 4),
  needs("debugctl.freeze-on-pmi", {}, "GUEST_IA32_DEBUGCTL", 0x1800n, "CPUID.1.ECX", 15),
  needs("debugctl.freeze-in-smm", {}, "GUEST_IA32_DEBUGCTL", 0x4000n, "IA32_PERF_CAPABILITIES", 12),
  needs("debugctl.rtm", {}, "GUEST_IA32_DEBUGCTL", 0x8000n, "CPUID.7.0.EBX", 11),
  needs(
    "perf-global-ctrl.metrics",
    PERF_GLOBAL_CTRL,
    "GUEST_IA32_PERF_GLOBAL_CTRL",
    1n << 48n,
    "IA32_PERF_CAPABILITIES",
    15,
  ),
  needs("efer.nxe", {}, "GUEST_IA32_EFER", 0xd01n, "CPUID.80000001.EDX", 20),
  ...(
    [
      ["cr3-filter", 0x80n, 0],
      ["cycles", 0x0f78_0002n, 1],
      ["address-ranges", 0xffff_0000_0000n, 2],
      ["mtc", 0x3_c200n, 3],
      ["ptwrite", 0x1020n, 4],
      ["power-events", 0x10n, 5],
      ["inject-psb-pmi", 1n << 56n, 6],
      ["events", 1n << 31n, 7],
      ["no-tnt", 1n << 55n, 8],
    ] as const
  ).map(([word, bits, bit]) => needs(`rtit-ctl.${word}`, RTIT_CTL, "GUEST_IA32_RTIT_CTL", bits, "CPUID.14.0.EBX", bit)),
  needs("rtit-ctl.topa", RTIT_CTL, "GUEST_IA32_RTIT_CTL", 0x100n, "CPUID.14.0.ECX", 0),
  needs("rtit-ctl.fabric", RTIT_CTL, "GUEST_IA32_RTIT_CTL", 0x40n, "CPUID.14.0.ECX", 3),
  needs("s-cet.shadow-stack", CET, "GUEST_IA32_S_CET", 3n, "CPUID.7.0.ECX", 7),
  needs("s-cet.indirect-branch", CET, "GUEST_IA32_S_CET", 0x143cn, "CPUID.7.0.EDX", 20),
  needs("lbr-ctl.cpl", LBR_CTL, "GUEST_IA32_LBR_CTL", 6n, "CPUID.1C.0.EBX", 0),
  needs("lbr-ctl.branch-filter", LBR_CTL, "GUEST_IA32_LBR_CTL", 0x7f_0000n, "CPUID.1C.0.EBX", 1),
  needs("lbr-ctl.call-stack", LBR_CTL, "GUEST_IA32_LBR_CTL", 8n, "CPUID.1C.0.EBX", 2),
  needs("spec-ctrl.ibrs", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 1n, "CPUID.7.0.EDX", 26),
  ...[26n, 27n].map((bit): RuleCase => ({
    slug: "guest.spec-ctrl.stibp",
    violated: { ...SPEC_CTRL, GUEST_IA32_SPEC_CTRL: 2n, "CPUID.7.0.EDX": ~(3n << 26n) & 0xffff_ffffn },
    holds: { ...SPEC_CTRL, GUEST_IA32_SPEC_CTRL: 2n, "CPUID.7.0.EDX": 1n << bit },
  })),
  needs("spec-ctrl.ssbd", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 4n, "CPUID.7.0.EDX", 31),
  needs("spec-ctrl.psfd", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 0x80n, "CPUID.7.2.EDX", 0),
  needs("spec-ctrl.ipred", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 0x18n, "CPUID.7.2.EDX", 1),
  needs("spec-ctrl.rrsba", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 0x60n, "CPUID.7.2.EDX", 2),
  needs("spec-ctrl.ddpd", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 0x100n, "CPUID.7.2.EDX", 3),
  needs("spec-ctrl.bhi", SPEC_CTRL, "GUEST_IA32_SPEC_CTRL", 0x400n, "CPUID.7.2.EDX", 4),
]);

/** A row on bits that are reserved on every processor. */
function always(word: string, entry: Values, field: string, reserved: bigint, allowed: bigint): RuleCase {
  const slug = `guest.${word}.reserved`;
  return { slug, violated: { ...entry, [field]: reserved }, holds: { ...entry, [field]: allowed } };
}

/** A row on bits that are reserved where bit `bit` of the capability is 0. */
function needs(word: string, entry: Values, field: string, bits: bigint, capability: string, bit: number): RuleCase {
  const slug = `guest.${word}`;
  const changes = { ...entry, [field]: bits };
  const without = ALL_32 & ~(1n << BigInt(bit));
  return {
    slug,
    violated: { ...changes, [capability]: without },
    holds: { ...changes, [capability]: 1n << BigInt(bit) },
  };
}

const doctor = await loadDoctor();

test("bits that need a capability are undecidable with its condition where it is unknown", () => {
  const unknown = { "CPUID.7.0.EBX": null };
  const finding = findingOf(doctor, "guest.debugctl.rtm", { GUEST_IA32_DEBUGCTL: 0x8000n, ...unknown });
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if CPUID.7.0.EBX[11] = 0");
  assert.equal(findingOf(doctor, "guest.debugctl.rtm", { GUEST_IA32_DEBUGCTL: 1n, ...unknown }).outcome, "holds");
});

test("performance counters are undecidable where their number is unknown", () => {
  const changes = { ...PERF_GLOBAL_CTRL, "CPUID.A.EAX": null, "CPUID.A.EDX": null };
  const counters = findingOf(doctor, "guest.perf-global-ctrl.counters", {
    ...changes,
    GUEST_IA32_PERF_GLOBAL_CTRL: 0xfn,
  });
  assert.equal(counters.condition, "violated if CPUID.A.EAX allows fewer than 4");
  const fixed = findingOf(doctor, "guest.perf-global-ctrl.fixed-counters", {
    ...changes,
    GUEST_IA32_PERF_GLOBAL_CTRL: 0x20_0000_0000n,
  });
  assert.equal(fixed.condition, "violated if CPUID.A.EDX allows fewer than 6");
});

test("EFER.LMA is undecidable where the VM-entry controls are unknown", () => {
  const finding = findingOf(doctor, "guest.efer.lma", { VM_ENTRY_CONTROLS: null });
  assert.equal(finding.outcome, "undecidable");
  assert.deepEqual(
    finding.missing.map(({ name }) => name),
    ["VM-entry controls"],
  );
});
