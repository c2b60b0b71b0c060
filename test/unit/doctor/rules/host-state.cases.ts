// The rules on the host-state area.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type Values } from "../support.ts";
import { testRules } from "./rule-cases.ts";

const EXIT = 0x38_0200n;
const LOAD_COUNTERS = EXIT | (1n << 12n);
const LOAD_CET = EXIT | (1n << 28n);
const LOAD_PKRS = EXIT | (1n << 29n);
const SECONDARY = EXIT | (1n << 31n);
const HOST_SIZE = 1n << 9n;
const ENTRY_32 = 0xc004n;
const NOT_CANONICAL = 1n << 60n;
/** Configured; of the 6 bits of key identifiers, 2 are for SEAM alone. */
const TME = (2n << 36n) | (6n << 32n) | 1n;
/** Canonical with 57 bits, not with 48. */
const WIDE = 1n << 50n;
const LINEAR_48 = { "CPUID.80000008.EAX": 0x302en };
const LINEAR_CONDITION = "violated if linear addresses have 48 bits";

/** A 32-bit host that enters a 32-bit guest from outside IA-32e mode. */
const HOST_32: Values = {
  PRIMARY_VM_EXIT_CONTROLS: 0n,
  VM_ENTRY_CONTROLS: ENTRY_32,
  IA32_EFER: 0n,
  HOST_IA32_EFER: 0n,
};
const CET_32 = { ...HOST_32, PRIMARY_VM_EXIT_CONTROLS: 1n << 28n };

function cet(changes: Values): Values {
  return { PRIMARY_VM_EXIT_CONTROLS: LOAD_CET, ...changes };
}

function fred(changes: Values): Values {
  return { PRIMARY_VM_EXIT_CONTROLS: SECONDARY, SECONDARY_VM_EXIT_CONTROLS: 2n, ...changes };
}

function specCtrl(changes: Values): Values {
  return { PRIMARY_VM_EXIT_CONTROLS: SECONDARY, SECONDARY_VM_EXIT_CONTROLS: 4n, ...changes };
}

function counters(value: bigint, more: Values = {}): Values {
  return { PRIMARY_VM_EXIT_CONTROLS: LOAD_COUNTERS, HOST_IA32_PERF_GLOBAL_CTRL: value, ...more };
}

await testRules([
  { slug: "host.cr0.fixed0", violated: { HOST_CR0: 0x8001_0011n }, holds: { HOST_CR0: 0x8001_0031n } },
  { slug: "host.cr0.fixed1", violated: { HOST_CR0: 0x1_8001_0031n }, holds: { HOST_CR0: 0xe001_0031n } },
  {
    slug: "host.cr0.fixed1",
    violated: { HOST_CR0: 0x8005_0031n, IA32_VMX_CR0_FIXED1: 0x8001_0031n },
    holds: { HOST_CR0: 0xe001_0031n, IA32_VMX_CR0_FIXED1: 0x8001_0031n },
  },
  { slug: "host.cr4.fixed0", violated: { HOST_CR4: 0x20n }, holds: { HOST_CR4: 0x2020n } },
  { slug: "host.cr4.fixed1", violated: { HOST_CR4: 0xa020n }, holds: { HOST_CR4: 0x6020n } },
  {
    slug: "host.cr4.cet",
    violated: { HOST_CR4: 0x80_2020n, HOST_CR0: 0x8000_0031n },
    holds: { HOST_CR4: 0x80_2020n, HOST_CR0: 0x8001_0031n },
  },
  {
    slug: "host.cr4.fred",
    violated: { ...HOST_32, HOST_CR4: 0x1_0000_2020n },
    holds: { HOST_CR4: 0x1_0000_2020n },
  },
  { slug: "host.cr3.maxphyaddr", violated: { HOST_CR3: 1n << 46n }, holds: { HOST_CR3: 1n << 45n } },
  {
    slug: "host.cr3.maxphyaddr",
    violated: { HOST_CR3: 1n << 44n, IA32_TME_ACTIVATE: TME },
    holds: { HOST_CR3: 1n << 43n, IA32_TME_ACTIVATE: TME },
  },
  {
    slug: "host.cr3.maxphyaddr",
    violated: { HOST_CR3: 1n << 44n, IA32_TME_ACTIVATE: TME },
    holds: { HOST_CR3: 1n << 44n, IA32_TME_ACTIVATE: TME, IN_SEAM: 1n },
  },
  {
    slug: "host.cr3.maxphyaddr",
    violated: { HOST_CR3: 1n << 44n, IA32_TME_ACTIVATE: TME },
    holds: { HOST_CR3: 1n << 44n, IA32_TME_ACTIVATE: TME & ~1n },
  },
  { slug: "host.cr3.maxphyaddr", violated: { HOST_CR3: 1n << 63n }, holds: { HOST_CR3: 3n << 61n } },
  {
    slug: "host.cr3.lam",
    violated: { HOST_CR3: 1n << 61n, "CPUID.7.1.EAX": 0n },
    holds: { HOST_CR3: 1n << 61n },
  },
  ...["ESP", "EIP"].map((name) => ({
    slug: `host.sysenter-${name.toLowerCase()}.canonical`,
    violated: { [`HOST_IA32_SYSENTER_${name}`]: WIDE, ...LINEAR_48 },
    holds: { [`HOST_IA32_SYSENTER_${name}`]: WIDE },
  })),
  { slug: "host.perf-global-ctrl.reserved", violated: counters(1n << 8n), holds: counters(0xffn) },
  { slug: "host.perf-global-ctrl.reserved", violated: counters(1n << 36n), holds: counters(0xfn << 32n) },
  {
    slug: "host.perf-global-ctrl.reserved",
    violated: counters(1n << 35n, { "CPUID.A.EDX": 3n, "CPUID.A.ECX": 0n }),
    holds: counters(1n << 35n, { "CPUID.A.EDX": 3n, "CPUID.A.ECX": 8n }),
  },
  {
    slug: "host.perf-global-ctrl.reserved",
    violated: counters(1n << 48n, { IA32_PERF_CAPABILITIES: 0n }),
    holds: counters(1n << 48n),
  },
  { slug: "host.perf-global-ctrl.reserved", violated: counters(1n << 49n), holds: counters(0n) },
  ...[2n, 3n, 8n, 0x80n].map((type) => ({
    slug: "host.pat.memory-type",
    violated: { HOST_IA32_PAT: type << 56n },
    holds: { HOST_IA32_PAT: 0x0007_0605_0401_0406n },
  })),
  { slug: "host.efer.reserved", violated: { HOST_IA32_EFER: 0xd02n }, holds: { HOST_IA32_EFER: 0xd01n } },
  {
    slug: "host.efer.reserved",
    violated: { HOST_IA32_EFER: 0xd01n, "CPUID.80000001.EDX": 0x2000_0800n },
    holds: { HOST_IA32_EFER: 0x501n, "CPUID.80000001.EDX": 0x2000_0800n },
  },
  {
    slug: "host.efer.reserved",
    violated: { HOST_IA32_EFER: 0xd01n, "CPUID.80000001.EDX": 0x0010_0800n },
    // As a 32-bit program reads it: without SYSCALL, which the processor has in 64-bit mode.
    holds: { HOST_IA32_EFER: 0xd01n, "CPUID.80000001.EDX": 0x2810_0000n },
  },
  { slug: "host.efer.lma", violated: { HOST_IA32_EFER: 0x900n }, holds: { HOST_IA32_EFER: 0xd00n } },
  {
    slug: "host.efer.lma",
    violated: { PRIMARY_VM_EXIT_CONTROLS: EXIT & ~HOST_SIZE },
    holds: { PRIMARY_VM_EXIT_CONTROLS: EXIT & ~HOST_SIZE, HOST_IA32_EFER: 0x800n },
  },
  { slug: "host.efer.lme", violated: { HOST_IA32_EFER: 0xc00n }, holds: { HOST_IA32_EFER: 0xd00n } },
  {
    slug: "host.s-cet.reserved",
    violated: cet({ HOST_IA32_S_CET: 0x41n }),
    holds: cet({ HOST_IA32_S_CET: 0x3fn }),
  },
  {
    slug: "host.s-cet.reserved",
    violated: cet({ HOST_IA32_S_CET: 0x1n, "CPUID.7.0.ECX": 0n }),
    holds: cet({ HOST_IA32_S_CET: 0x4n, "CPUID.7.0.ECX": 0n }),
  },
  {
    slug: "host.s-cet.reserved",
    violated: cet({ HOST_IA32_S_CET: 0x4n, "CPUID.7.0.EDX": 0n }),
    holds: cet({ HOST_IA32_S_CET: 0x3n, "CPUID.7.0.EDX": 0n }),
  },
  {
    slug: "host.s-cet.suppress-tracker",
    violated: cet({ HOST_IA32_S_CET: 0xc04n }),
    holds: cet({ HOST_IA32_S_CET: 0x804n }),
  },
  {
    slug: "host.s-cet.canonical",
    violated: cet({ HOST_IA32_S_CET: WIDE, ...LINEAR_48 }),
    holds: cet({ HOST_IA32_S_CET: WIDE }),
  },
  { slug: "host.ssp.alignment", violated: cet({ HOST_SSP: 0x1002n }), holds: cet({ HOST_SSP: 0x1004n }) },
  {
    slug: "host.interrupt-ssp-table.canonical",
    violated: cet({ HOST_IA32_INTERRUPT_SSP_TABLE_ADDR: NOT_CANONICAL }),
    holds: cet({ HOST_IA32_INTERRUPT_SSP_TABLE_ADDR: WIDE }),
  },
  {
    slug: "host.pkrs.reserved",
    violated: { PRIMARY_VM_EXIT_CONTROLS: LOAD_PKRS, HOST_IA32_PKRS: 1n << 32n },
    holds: { PRIMARY_VM_EXIT_CONTROLS: LOAD_PKRS, HOST_IA32_PKRS: 0xffff_ffffn },
  },
  {
    slug: "host.spec-ctrl.reserved",
    violated: specCtrl({ HOST_IA32_SPEC_CTRL: 0x200n }),
    holds: specCtrl({ HOST_IA32_SPEC_CTRL: 0x5ffn }),
  },
  ...(
    [
      [0x1n, "CPUID.7.0.EDX"],
      [0x2n, "CPUID.7.0.EDX"],
      [0x4n, "CPUID.7.0.EDX"],
      [0x8n, "CPUID.7.2.EDX"],
      [0x20n, "CPUID.7.2.EDX"],
      [0x80n, "CPUID.7.2.EDX"],
      [0x100n, "CPUID.7.2.EDX"],
      [0x400n, "CPUID.7.2.EDX"],
    ] as const
  ).map(([bit, word]) => ({
    slug: "host.spec-ctrl.reserved",
    violated: specCtrl({ HOST_IA32_SPEC_CTRL: bit, [word]: 0n }),
    holds: specCtrl({ HOST_IA32_SPEC_CTRL: bit }),
  })),
  {
    slug: "host.fred-config.reserved",
    violated: fred({ HOST_IA32_FRED_CONFIG: 0x1004n }),
    holds: fred({ HOST_IA32_FRED_CONFIG: 0x17cbn }),
  },
  {
    slug: "host.fred-config.canonical",
    violated: fred({ HOST_IA32_FRED_CONFIG: NOT_CANONICAL }),
    holds: fred({ HOST_IA32_FRED_CONFIG: WIDE }),
  },
  ...["1", "2", "3"].flatMap((level) => [
    {
      slug: `host.fred-rsp${level}.alignment`,
      violated: fred({ [`HOST_IA32_FRED_RSP${level}`]: 0x1020n }),
      holds: fred({ [`HOST_IA32_FRED_RSP${level}`]: 0x1040n }),
    },
    {
      slug: `host.fred-rsp${level}.canonical`,
      violated: fred({ [`HOST_IA32_FRED_RSP${level}`]: NOT_CANONICAL }),
      holds: fred({ [`HOST_IA32_FRED_RSP${level}`]: WIDE }),
    },
    {
      slug: `host.fred-ssp${level}.alignment`,
      violated: fred({ [`HOST_IA32_FRED_SSP${level}`]: 0x1004n }),
      holds: fred({ [`HOST_IA32_FRED_SSP${level}`]: 0x1008n }),
    },
    {
      slug: `host.fred-ssp${level}.canonical`,
      violated: fred({ [`HOST_IA32_FRED_SSP${level}`]: NOT_CANONICAL }),
      holds: fred({ [`HOST_IA32_FRED_SSP${level}`]: WIDE }),
    },
  ]),
  ...["CS", "SS", "DS", "ES", "FS", "GS", "TR"].flatMap((register) =>
    [1n, 2n, 4n].map((bit) => ({
      slug: `host.${register.toLowerCase()}.selector.rpl-ti`,
      violated: { [`HOST_${register}_SELECTOR`]: 0x20n | bit },
      holds: { [`HOST_${register}_SELECTOR`]: 0x28n },
    })),
  ),
  { slug: "host.cs.selector.null", violated: { HOST_CS_SELECTOR: 0n }, holds: { HOST_CS_SELECTOR: 8n } },
  { slug: "host.tr.selector.null", violated: { HOST_TR_SELECTOR: 0n }, holds: { HOST_TR_SELECTOR: 8n } },
  {
    slug: "host.ss.selector.null",
    violated: { ...HOST_32, HOST_SS_SELECTOR: 0n },
    holds: { ...HOST_32, HOST_SS_SELECTOR: 8n },
  },
  { slug: "host.ss.selector.null", violated: { ...HOST_32, HOST_SS_SELECTOR: 0n }, holds: { HOST_SS_SELECTOR: 0n } },
  ...["FS", "GS", "GDTR", "IDTR", "TR"].map((register) => ({
    slug: `host.${register.toLowerCase()}.base.canonical`,
    violated: { [`HOST_${register}_BASE`]: WIDE, ...LINEAR_48 },
    holds: { [`HOST_${register}_BASE`]: WIDE },
  })),
  {
    slug: "host.address-space-size.outside-ia-32e-mode",
    violated: { ...HOST_32, PRIMARY_VM_EXIT_CONTROLS: HOST_SIZE },
    holds: HOST_32,
  },
  {
    slug: "host.ia-32e-mode-guest.outside-ia-32e-mode",
    violated: { ...HOST_32, VM_ENTRY_CONTROLS: ENTRY_32 | (1n << 9n) },
    holds: HOST_32,
  },
  {
    slug: "host.address-space-size.in-ia-32e-mode",
    violated: { PRIMARY_VM_EXIT_CONTROLS: EXIT & ~HOST_SIZE },
    holds: { PRIMARY_VM_EXIT_CONTROLS: EXIT },
  },
  {
    slug: "host.ia-32e-mode-guest.address-space-size",
    violated: { ...HOST_32, VM_ENTRY_CONTROLS: ENTRY_32 | (1n << 9n) },
    holds: HOST_32,
  },
  { slug: "host.cr4.pcide", violated: { ...HOST_32, HOST_CR4: 0x2_2020n }, holds: HOST_32 },
  {
    slug: "host.rip.high-half",
    violated: { ...HOST_32, HOST_RIP: 1n << 32n },
    holds: { ...HOST_32, HOST_RIP: 0xffff_ffffn },
  },
  {
    slug: "host.s-cet.high-half",
    violated: { ...CET_32, HOST_IA32_S_CET: 1n << 32n },
    holds: { ...CET_32, HOST_IA32_S_CET: 0x8000_0000n },
  },
  {
    slug: "host.ssp.high-half",
    violated: { ...CET_32, HOST_SSP: 1n << 32n },
    holds: { ...CET_32, HOST_SSP: 0x8000_0000n },
  },
  { slug: "host.cr4.pae", violated: { HOST_CR4: 0x2000n }, holds: { HOST_CR4: 0x2020n } },
  { slug: "host.rip.canonical", violated: { HOST_RIP: WIDE, ...LINEAR_48 }, holds: { HOST_RIP: WIDE } },
  {
    slug: "host.ssp.canonical",
    violated: cet({ HOST_SSP: WIDE, ...LINEAR_48 }),
    holds: cet({ HOST_SSP: WIDE }),
  },
]);

const doctor = await loadDoctor();

test("NW and CD of the host's CR0 are not looked at", () => {
  const zeros = { IA32_VMX_CR0_FIXED0: 0xe000_0021n };
  assert.equal(findingOf(doctor, "host.cr0.fixed0", zeros).outcome, "holds");
  const ones = { HOST_CR0: 0xe001_0031n, IA32_VMX_CR0_FIXED1: 0x8001_0031n };
  assert.equal(findingOf(doctor, "host.cr0.fixed1", ones).outcome, "holds");
});

test("host MSRs that VM exits do not load are not judged", () => {
  const changes = {
    PRIMARY_VM_EXIT_CONTROLS: HOST_SIZE,
    ...Object.fromEntries(
      ["PERF_GLOBAL_CTRL", "PAT", "EFER", "S_CET", "PKRS", "SPEC_CTRL", "FRED_CONFIG", "FRED_RSP1", "FRED_SSP1"].map(
        (name) => [`HOST_IA32_${name}`, 0xfff2n | NOT_CANONICAL],
      ),
    ),
    HOST_SSP: NOT_CANONICAL | 1n,
    HOST_IA32_INTERRUPT_SSP_TABLE_ADDR: NOT_CANONICAL,
  };
  const loaded = /^host\.(perf|pat|efer|s-cet|ssp|interrupt|pkrs|spec|fred)/;
  for (const { slug } of doctor.rules.filter((rule) => loaded.test(rule.slug))) {
    assert.equal(findingOf(doctor, slug, changes).outcome, "holds", slug);
  }
});

test("conditions are named where a capability that the host's state depends on is not known", () => {
  const condition = (slug: string, changes: Values) => {
    const finding = findingOf(doctor, slug, changes);
    assert.equal(finding.outcome, "undecidable", slug);
    return finding.condition;
  };
  assert.equal(
    condition("host.cr4.fixed1", { HOST_CR4: 0x10_2020n, IA32_VMX_CR4_FIXED1: null }),
    "violated if IA32_VMX_CR4_FIXED1[20] = 0",
  );
  assert.equal(condition("host.rip.canonical", { HOST_RIP: WIDE, "CPUID.80000008.EAX": null }), LINEAR_CONDITION);
  assert.equal(
    condition("host.cr3.maxphyaddr", { HOST_CR3: 1n << 38n, "CPUID.80000008.EAX": null }),
    "violated if MAXPHYADDR < 39",
  );
  assert.equal(
    condition("host.perf-global-ctrl.reserved", counters(0xfn, { "CPUID.A.EAX": null })),
    "violated if CPUID.A.EAX allows fewer than 4",
  );
  assert.equal(
    condition("host.cr3.lam", { HOST_CR3: 1n << 61n, "CPUID.7.1.EAX": null }),
    "violated if CPUID.7.1.EAX[26] = 0",
  );
});

test("the processor's mode is missed where it is not known", () => {
  const finding = findingOf(doctor, "host.address-space-size.in-ia-32e-mode", {
    IA32_EFER: null,
    PRIMARY_VM_EXIT_CONTROLS: 0n,
  });
  assert.equal(finding.outcome, "undecidable");
  assert.deepEqual(
    finding.missing.map(({ name }) => name),
    ["IA32_EFER"],
  );
});
