// Cases of the advice: "violated" is where there is reason for it.
import { NEVER_WRITTEN, type RuleCase, type Values } from "../support.ts";
import { controls as controlWords } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const EPTP = 0x10_001en;
const NO_SECONDARY = 0x80n;
const SELECTORS = ["ES", "CS", "SS", "DS", "FS", "GS"];

const eptPointer: RuleCase[] = [
  {
    slug: "advice.eptp.shifted-twice",
    violated: { EPT_POINTER: 0x350_0200_005en, "CPUID.80000008.EAX": 0x3024n },
    holds: { EPT_POINTER: 0x350_0200_005en, "CPUID.80000008.EAX": 0x302en },
  },
  {
    slug: "advice.eptp.shifted-twice",
    violated: { EPT_POINTER: 0x350_0200_005en, "CPUID.80000008.EAX": null },
    holds: { EPT_POINTER: 0x350_0200_105en, "CPUID.80000008.EAX": null },
  },
  {
    slug: "advice.eptp.shifted-twice",
    violated: { EPT_POINTER: 0x350_0200_005en, "CPUID.80000008.EAX": null },
    holds: { EPT_POINTER: 0x3500_205en, "CPUID.80000008.EAX": null },
  },
  {
    slug: "advice.eptp.page-number",
    violated: { EPT_POINTER: 0x3_5f1en },
    holds: { EPT_POINTER: 0x3_501en },
  },
  { slug: "advice.eptp.zero", violated: { EPT_POINTER: 0x1en }, holds: { EPT_POINTER: 0x101en } },
  { slug: "advice.eptp.memory-type-uc", violated: { EPT_POINTER: 0x10_0018n }, holds: { EPT_POINTER: EPTP } },
];

const secondaryExit = (primary: bigint): Values => ({
  PRIMARY_VM_EXIT_CONTROLS: primary,
  SECONDARY_VM_EXIT_CONTROLS: 8n,
});

/** Structures of one page, each with the controls that use it. */
const STRUCTURES: { name: string; controls: Values }[] = [
  { name: "MSR_BITMAPS_ADDRESS", controls: { PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x9000_0080n } },
  { name: "VIRTUAL_APIC_ADDRESS", controls: { PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8020_0080n } },
  { name: "APIC_ACCESS_ADDRESS", controls: { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0xa3n } },
  { name: "PML_ADDRESS", controls: { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x2_00a2n } },
];

/** Each keeps a guest from halting for good. */
const REMEDIES: Values[] = [
  { GUEST_RFLAGS: 0x202n },
  { PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8000_0080n },
  { PIN_BASED_VM_EXECUTION_CONTROLS: 1n },
  { PIN_BASED_VM_EXECUTION_CONTROLS: 0x40n },
];

const controls: RuleCase[] = [
  {
    slug: "advice.controls.secondary-inactive",
    violated: { PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: NO_SECONDARY },
    holds: { PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8000_0080n },
  },
  {
    slug: "advice.controls.tertiary-inactive",
    violated: { TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 1n },
    holds: {
      PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8002_0080n,
      TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 1n,
    },
  },
  {
    slug: "advice.controls.secondary-exit-inactive",
    violated: secondaryExit(0x38_0200n),
    holds: secondaryExit(0x8038_0200n),
  },
  ...["IO_BITMAP_A_ADDRESS", "IO_BITMAP_B_ADDRESS"].map((name) => ({
    slug: "advice.controls.zero-addresses",
    violated: {
      PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8200_0080n,
      IO_BITMAP_A_ADDRESS: 0x8000n,
      IO_BITMAP_B_ADDRESS: 0x9000n,
      [name]: 0n,
    },
    holds: {
      PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8200_0080n,
      IO_BITMAP_A_ADDRESS: 0x8000n,
      IO_BITMAP_B_ADDRESS: 0x9000n,
    },
  })),
  ...STRUCTURES.map(({ name, controls }) => ({
    slug: "advice.controls.zero-addresses",
    violated: { ...controls, [name]: 0n },
    holds: { ...controls, [name]: 0x8000n },
  })),
  ...REMEDIES.map((remedy) => {
    const halted = { PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8000_0000n, PIN_BASED_VM_EXECUTION_CONTROLS: 0n };
    return { slug: "advice.controls.halts-for-good", violated: halted, holds: { ...halted, ...remedy } };
  }),
];

// The VM-entry control and the VM-exit control that goes with it.
const PAIRS: [name: string, entry: bigint, exit: bigint][] = [
  ["perf-global-ctrl", 13n, 12n],
  ["pat", 14n, 19n],
  ["efer", 15n, 21n],
  ["bndcfgs", 16n, 23n],
  ["rtit-ctl", 18n, 25n],
  ["cet", 20n, 28n],
  ["pkrs", 22n, 29n],
];

const host: RuleCase[] = [
  { slug: "advice.host.rsp-alignment", violated: { HOST_RSP: 0x20_0008n }, holds: { HOST_RSP: 0x20_0010n } },
  { slug: "advice.host.tr-base-zero", violated: { HOST_TR_BASE: 0n }, holds: { HOST_TR_BASE: 0x7000n } },
  {
    slug: "advice.host.rip-is-guest-rip",
    violated: { HOST_RIP: 0x10_0000n, GUEST_RIP: 0x10_0000n },
    holds: { HOST_RIP: 0x10_0000n, GUEST_RIP: 0x10_0001n },
  },
  ...["GUEST", "HOST"].flatMap((side) => [
    {
      slug: `advice.${side.toLowerCase()}.sysenter-cs-is-efer`,
      violated: { [`${side}_IA32_SYSENTER_CS`]: 0xd01n, [`${side}_IA32_EFER`]: 0xd01n },
      holds: { [`${side}_IA32_SYSENTER_CS`]: 0x10n, [`${side}_IA32_EFER`]: 0xd01n },
    },
    {
      slug: `advice.${side.toLowerCase()}.sysenter-cs-is-efer`,
      violated: { [`${side}_IA32_SYSENTER_CS`]: 0xd01n, [`${side}_IA32_EFER`]: 0xd01n },
      holds: { [`${side}_IA32_SYSENTER_CS`]: 0n, [`${side}_IA32_EFER`]: 0n },
    },
    {
      slug: `advice.${side.toLowerCase()}.pat-zero`,
      violated: { [`${side}_IA32_PAT`]: 0n },
      holds: { [`${side}_IA32_PAT`]: 6n },
    },
  ]),
  ...PAIRS.flatMap(([name, entry, exit]) => {
    const loads = { VM_ENTRY_CONTROLS: 0x204n | (1n << entry), PRIMARY_VM_EXIT_CONTROLS: 0x200n };
    return [
      {
        slug: `advice.pair.${name}`,
        violated: loads,
        holds: { ...loads, PRIMARY_VM_EXIT_CONTROLS: 0x200n | (1n << exit) },
      },
      { slug: `advice.pair.${name}`, violated: loads, holds: { ...loads, VM_EXIT_MSR_LOAD_COUNT: 1n } },
    ];
  }),
];

const guest: RuleCase[] = [
  ...SELECTORS.map((name) => ({
    slug: "advice.guest.null-selectors",
    violated: { [`GUEST_${name}_SELECTOR`]: 3n },
    holds: { [`GUEST_${name}_SELECTOR`]: 0n, [`GUEST_${name}_ACCESS_RIGHTS`]: 0x1_0000n },
  })),
  {
    slug: "advice.guest.null-selectors",
    violated: { GUEST_CS_SELECTOR: 0n },
    holds: { GUEST_CS_SELECTOR: 0n, GUEST_CR0: 0x30n },
  },
  ...[...SELECTORS, "LDTR"].map((name) => ({
    slug: "advice.guest.unusable-selectors",
    violated: { [`GUEST_${name}_SELECTOR`]: 0x28n, [`GUEST_${name}_ACCESS_RIGHTS`]: 0x1_0000n },
    holds: { [`GUEST_${name}_SELECTOR`]: 3n, [`GUEST_${name}_ACCESS_RIGHTS`]: 0x1_0000n },
  })),
  { slug: "advice.guest.cs-rpl", violated: { GUEST_CS_SELECTOR: 0xbn }, holds: { GUEST_CS_SELECTOR: 8n } },
  {
    slug: "advice.guest.cs-rpl",
    violated: { GUEST_CS_SELECTOR: 8n, GUEST_CS_ACCESS_RIGHTS: 0xa0fbn },
    holds: { GUEST_CS_SELECTOR: 0xbn, GUEST_CS_ACCESS_RIGHTS: 0xa0fbn },
  },
  { slug: "advice.guest.rip-unmapped", violated: { EPT_MAPS_RIP: 0n }, holds: { EPT_MAPS_RIP: 1n } },
  {
    slug: "advice.guest.idtr-limit-zero",
    violated: { GUEST_IDTR_LIMIT: 0n, EXCEPTION_BITMAP: 0n },
    holds: { GUEST_IDTR_LIMIT: 0xfffn, EXCEPTION_BITMAP: 0n },
  },
  {
    slug: "advice.guest.idtr-limit-zero",
    violated: { GUEST_IDTR_LIMIT: 0n, EXCEPTION_BITMAP: 0n },
    holds: { GUEST_IDTR_LIMIT: 0n, EXCEPTION_BITMAP: 0x4000n },
  },
  {
    slug: "advice.guest.vmxe-shown",
    violated: { CR4_GUEST_HOST_MASK: 0x2000n, CR4_READ_SHADOW: 0x2000n },
    holds: { CR4_GUEST_HOST_MASK: 0x2000n, CR4_READ_SHADOW: 0x20n },
  },
  {
    slug: "advice.guest.vmxe-shown",
    violated: { CR4_GUEST_HOST_MASK: 0n, CR4_READ_SHADOW: 0n },
    holds: { CR4_GUEST_HOST_MASK: 0x2000n, CR4_READ_SHADOW: 0n },
  },
];

const neverWritten: RuleCase[] = [
  { slug: "advice.never-written", violated: { GUEST_RSP: NEVER_WRITTEN }, holds: { GUEST_RSP: 0n } },
  {
    slug: "advice.never-written",
    violated: { EPT_POINTER: NEVER_WRITTEN },
    holds: { EPT_POINTER: NEVER_WRITTEN, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x20n },
  },
];

const area = (virtualize: bigint): Values => ({
  ...controlWords({ tertiary: virtualize | 1n }),
  VM_ENTRY_MSR_LOAD_COUNT: 1n,
  VM_ENTRY_MSR_LOAD_ADDRESS: 0x1000n,
});

const msrLoading: RuleCase[] = [
  {
    slug: "advice.msr.spec-ctrl-virtualized",
    violated: area(1n << 7n),
    violatedEntries: [[0x48n, 0n]],
    holds: area(0n),
    holdsEntries: [[0x48n, 0n]],
  },
  {
    slug: "advice.msr.spec-ctrl-virtualized",
    violated: area(1n << 7n),
    violatedEntries: [[0x48n, 0n]],
    holds: area(1n << 7n),
    holdsEntries: [[0x10n, 0n]],
  },
];

await testRules([...eptPointer, ...controls, ...host, ...guest, ...neverWritten, ...msrLoading]);
