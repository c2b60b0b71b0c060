// The rules on VM-exit controls, and on where MSR areas lie.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type RuleCase } from "../support.ts";
import { testRules } from "./rule-cases.ts";

const ALLOWED_1 = 32n;
const EXIT = 0x38_0200n;
const ENTRY = 0xc204n;
const SECONDARY = 1n << 31n;
const SAVE_TIMER = 1n << 22n;
/** IA32_VMX_BASIC with a 1 in bit 48. */
const LIMITED = 0x05db_0400_0000_0011n;
const UNLIMITED = 0x05da_0400_0000_0011n;

const AREAS = [
  { name: "exit-msr-store", address: "VM_EXIT_MSR_STORE_ADDRESS", count: "VM_EXIT_MSR_STORE_COUNT" },
  { name: "exit-msr-load", address: "VM_EXIT_MSR_LOAD_ADDRESS", count: "VM_EXIT_MSR_LOAD_COUNT" },
] as const;

/** The cases of one area, by the names of its fields. */
function areaCases(name: string, address: string, count: string): RuleCase[] {
  return [
    {
      slug: `control.${name}.alignment`,
      violated: { [address]: 0x1008n, [count]: 1n },
      holds: { [address]: 0x1010n, [count]: 1n },
    },
    {
      slug: `control.${name}.maxphyaddr`,
      violated: { [address]: 1n << 46n, [count]: 1n },
      holds: { [address]: 1n << 45n, [count]: 1n },
    },
    {
      slug: `control.${name}.last-byte`,
      violated: { [address]: (1n << 46n) - 0x20n, [count]: 3n },
      holds: { [address]: (1n << 46n) - 0x20n, [count]: 2n },
    },
    {
      slug: `control.${name}.last-byte`,
      violated: { [address]: (1n << 46n) - 0x20n, [count]: 0x1000_0000n },
      holds: { [address]: (1n << 46n) - (1n << 32n), [count]: 0x1000_0000n },
    },
    {
      slug: `control.${name}.32-bit`,
      violated: { [address]: 0xffff_fff0n, [count]: 2n, IA32_VMX_BASIC: LIMITED },
      holds: { [address]: 0xffff_fff0n, [count]: 1n, IA32_VMX_BASIC: LIMITED },
    },
    {
      slug: `control.${name}.32-bit`,
      violated: { [address]: 1n << 32n, [count]: 1n, IA32_VMX_BASIC: LIMITED },
      holds: { [address]: 1n << 32n, [count]: 1n, IA32_VMX_BASIC: UNLIMITED },
    },
  ];
}

await testRules([
  {
    slug: "control.exit.allowed-0",
    violated: { IA32_VMX_TRUE_EXIT_CTLS: (0xffff_ffffn << ALLOWED_1) | 0x3_6dfbn },
    holds: {
      IA32_VMX_TRUE_EXIT_CTLS: (0xffff_ffffn << ALLOWED_1) | 0x3_6dfbn,
      PRIMARY_VM_EXIT_CONTROLS: EXIT | 0x3_6dfbn,
    },
  },
  {
    slug: "control.exit.allowed-1",
    violated: { IA32_VMX_TRUE_EXIT_CTLS: (EXIT & ~(1n << 21n)) << ALLOWED_1 },
    holds: { IA32_VMX_TRUE_EXIT_CTLS: EXIT << ALLOWED_1 },
  },
  {
    slug: "control.secondary-exit.allowed-1",
    violated: {
      PRIMARY_VM_EXIT_CONTROLS: EXIT | SECONDARY,
      SECONDARY_VM_EXIT_CONTROLS: 1n << 40n,
      IA32_VMX_EXIT_CTLS2: 0xfn,
    },
    holds: {
      PRIMARY_VM_EXIT_CONTROLS: EXIT | SECONDARY,
      SECONDARY_VM_EXIT_CONTROLS: 0xfn,
      IA32_VMX_EXIT_CTLS2: 0xfn,
    },
  },
  {
    slug: "control.exit.save-preemption-timer",
    violated: { PRIMARY_VM_EXIT_CONTROLS: EXIT | SAVE_TIMER, PIN_BASED_VM_EXECUTION_CONTROLS: 0x29n },
    holds: { PRIMARY_VM_EXIT_CONTROLS: EXIT, PIN_BASED_VM_EXECUTION_CONTROLS: 0x29n },
  },
  ...AREAS.flatMap(({ name, address, count }) => areaCases(name, address, count)),
  {
    slug: "control.entry.allowed-0",
    violated: { IA32_VMX_TRUE_ENTRY_CTLS: (0xffff_ffffn << ALLOWED_1) | 0x11fbn },
    holds: {
      IA32_VMX_TRUE_ENTRY_CTLS: (0xffff_ffffn << ALLOWED_1) | 0x11fbn,
      VM_ENTRY_CONTROLS: ENTRY | 0x11fbn,
    },
  },
  {
    slug: "control.entry.allowed-1",
    violated: { IA32_VMX_TRUE_ENTRY_CTLS: (ENTRY & ~(1n << 15n)) << ALLOWED_1 },
    holds: { IA32_VMX_TRUE_ENTRY_CTLS: ENTRY << ALLOWED_1 },
  },
  ...areaCases("entry-msr-load", "VM_ENTRY_MSR_LOAD_ADDRESS", "VM_ENTRY_MSR_LOAD_COUNT"),
  {
    slug: "control.entry.entry-to-smm",
    violated: { VM_ENTRY_CONTROLS: ENTRY | (1n << 10n) },
    holds: { VM_ENTRY_CONTROLS: ENTRY | (1n << 10n), IN_SMM: 1n },
  },
  {
    slug: "control.entry.deactivate-dual-monitor",
    violated: { VM_ENTRY_CONTROLS: ENTRY | (1n << 11n) },
    holds: { VM_ENTRY_CONTROLS: ENTRY | (1n << 11n), IN_SMM: 1n },
  },
  {
    slug: "control.entry.smm-controls",
    violated: { VM_ENTRY_CONTROLS: ENTRY | (3n << 10n), IN_SMM: 1n },
    holds: { VM_ENTRY_CONTROLS: ENTRY | (1n << 10n), IN_SMM: 1n },
  },
]);

const doctor = await loadDoctor();

test("an MSR area without entries may lie anywhere", () => {
  for (const { name, address } of AREAS) {
    for (const rule of ["alignment", "maxphyaddr", "last-byte", "32-bit"]) {
      const changes = { [address]: (1n << 64n) - 1n, IA32_VMX_BASIC: LIMITED };
      assert.equal(findingOf(doctor, `control.${name}.${rule}`, changes).outcome, "holds");
    }
  }
});

test("secondary exit controls that are not activated are not judged", () => {
  const changes = { SECONDARY_VM_EXIT_CONTROLS: 1n, IA32_VMX_EXIT_CTLS2: 0n };
  assert.equal(findingOf(doctor, "control.secondary-exit.allowed-1", changes).outcome, "holds");
});

test("the end of an MSR area is undecidable where MAXPHYADDR is not known and might be below it", () => {
  const changes = { VM_EXIT_MSR_LOAD_ADDRESS: (1n << 40n) - 16n, VM_EXIT_MSR_LOAD_COUNT: 2n };
  const finding = findingOf(doctor, "control.exit-msr-load.last-byte", { ...changes, "CPUID.80000008.EAX": null });
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if MAXPHYADDR < 41");
});

test("an area above 4 GiB is undecidable where IA32_VMX_BASIC is not known", () => {
  const changes = { VM_EXIT_MSR_STORE_ADDRESS: 1n << 32n, VM_EXIT_MSR_STORE_COUNT: 1n, IA32_VMX_BASIC: null };
  const finding = findingOf(doctor, "control.exit-msr-store.32-bit", changes);
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if IA32_VMX_BASIC[48] = 1");
});
