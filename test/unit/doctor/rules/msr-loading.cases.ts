// The rules on the entries of the VM-entry MSR-load area.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encoding,
  findingOf,
  loadDoctor,
  subjectWith,
  type MsrEntries,
  type RuleCase,
  type Values,
} from "../support.ts";
import { testRules } from "./rule-cases.ts";

const TSC = 0x10n;
const EFER = 0xc000_0080n;
const LSTAR = 0xc000_0082n;
const NOT_CANONICAL = 1n << 60n;
const HARMLESS = [TSC, 0n] as const;

/** A case of one entry after a harmless one; what breaks the rule is the entry, or what differs from `holds`. */
function entryCase(
  slug: string,
  violated: readonly [bigint, bigint],
  holds: readonly [bigint, bigint],
  violatedChanges: Values = {},
  holdsChanges: Values = {},
): RuleCase {
  return {
    slug,
    violated: { VM_ENTRY_MSR_LOAD_COUNT: 2n, VM_ENTRY_MSR_LOAD_ADDRESS: 0x1000n, ...violatedChanges },
    violatedEntries: [HARMLESS, violated],
    holds: { VM_ENTRY_MSR_LOAD_COUNT: 2n, VM_ENTRY_MSR_LOAD_ADDRESS: 0x1000n, ...holdsChanges },
    holdsEntries: [HARMLESS, holds],
  };
}

/** A capability that brings an MSR, without which naming it fails. */
const BROUGHT_BY = [
  [0x3bn, "CPUID.7.0.EBX"],
  [0x48n, "CPUID.7.0.EDX"],
  [0x49n, "CPUID.7.0.EDX"],
  [0x10bn, "CPUID.7.0.EDX"],
  [0x277n, "CPUID.1.EDX"],
  [0x38fn, "CPUID.A.EAX"],
  [0x6a4n, "CPUID.7.0.ECX"],
  [0x6e0n, "CPUID.1.ECX"],
  [0x6e1n, "CPUID.7.0.ECX"],
  [0xd90n, "CPUID.7.0.EBX"],
  [EFER, "CPUID.80000001.EDX"],
  [LSTAR, "CPUID.80000001.EDX"],
] as const;

const ADDRESSES = [
  ["sysenter-esp", 0x175n],
  ["sysenter-eip", 0x176n],
  ["u-cet", 0x6a0n],
  ["s-cet", 0x6a2n],
  ["pl0-ssp", 0x6a4n],
  ["pl1-ssp", 0x6a5n],
  ["pl2-ssp", 0x6a6n],
  ["pl3-ssp", 0x6a7n],
  ["interrupt-ssp-table", 0x6a8n],
  ["bndcfgs", 0xd90n],
  ["lstar", LSTAR],
  ["cstar", 0xc000_0083n],
  ["kernel-gs-base", 0xc000_0102n],
] as const;

/** The rule, the MSR, a value that WRMSR refuses and one that it takes. */
const VALUES = [
  ["pred-cmd.reserved", 0x49n, 2n, 1n],
  ["flush-cmd.reserved", 0x10bn, 2n, 1n],
  ["pl0-ssp.alignment", 0x6a4n, 2n, 4n],
  ["pl1-ssp.alignment", 0x6a5n, 1n, 4n],
  ["pl2-ssp.alignment", 0x6a6n, 2n, 4n],
  ["pl3-ssp.alignment", 0x6a7n, 1n, 4n],
  ["bndcfgs.reserved", 0xd90n, 4n, 0x1003n],
  ["tsc-aux.reserved", 0xc000_0103n, 1n << 32n, 0xffff_ffffn],
  ["debugctl.reserved", 0x1d9n, 1n << 3n, 0xffc7n],
  ["debugctl.reserved", 0x1d9n, 1n << 16n, 1n << 14n],
  ["pat.memory-type", 0x277n, 0x0302n, 0x0007_0406_0007_0406n],
  ["perf-global-ctrl.reserved", 0x38fn, 1n << 8n, 0xf_0000_00ffn],
  ["spec-ctrl.reserved", 0x48n, 1n << 9n, 7n],
  ["pkrs.reserved", 0x6e1n, 1n << 32n, 0xffff_ffffn],
  ["u-cet.reserved", 0x6a0n, 1n << 6n, 0x3fn],
  ["s-cet.reserved", 0x6a2n, 1n << 9n, 0x3fn],
  ["u-cet.suppress-tracker", 0x6a0n, 0xc04n, 0x404n],
  ["s-cet.suppress-tracker", 0x6a2n, 0xc04n, 0x804n],
  ["efer.reserved", EFER, 0xd03n, 0xd01n],
  ["efer.lme", EFER, 0xc01n, 0xd01n],
] as const;

await testRules([
  entryCase("msr.index.reserved", [TSC | (1n << 32n), 0n], [TSC, 0n]),
  entryCase("msr.fs-base", [0xc000_0100n, 0n], [0xc000_0102n, 0n]),
  entryCase("msr.gs-base", [0xc000_0101n, 0n], [0xc000_0102n, 0n]),
  entryCase("msr.x2apic", [0x800n, 0n], [0x277n, 6n]),
  entryCase("msr.x2apic", [0x8ffn, 0n], [0x900n, 0n]),
  entryCase("msr.smm-monitor-ctl", [0x9bn, 0n], [0x9bn, 0n], {}, { IN_SMM: 1n }),
  ...[0x9en, 0xfen, 0x10an, 0x345n, 0x480n, 0x493n].map((msr) => entryCase("msr.read-only", [msr, 0n], [0x494n, 0n])),
  ...BROUGHT_BY.map(([msr, word]) => entryCase("msr.unsupported", [msr, 0n], [msr, 0n], { [word]: 0n })),
  entryCase(
    "msr.unsupported",
    [0xc000_0103n, 0n],
    [0xc000_0103n, 0n],
    { "CPUID.80000001.EDX": 0n, "CPUID.7.0.ECX": 0n },
    { "CPUID.80000001.EDX": 0n },
  ),
  entryCase("msr.feature-control.locked", [0x3an, 5n], [0x3an, 5n], {}, { IA32_FEATURE_CONTROL: 0n }),
  ...ADDRESSES.map(([name, msr]) => entryCase(`msr.${name}.canonical`, [msr, NOT_CANONICAL], [msr, 1n << 50n])),
  ...VALUES.map(([rule, msr, refused, taken]) => entryCase(`msr.${rule}`, [msr, refused], [msr, taken])),
  entryCase("msr.debugctl.reserved", [0x1d9n, 0x8000n], [0x1d9n, 0x8000n], { "CPUID.7.0.EBX": 0n }),
]);

const doctor = await loadDoctor();
const loading = doctor.rules.filter(({ stage }) => stage === "msr-loading").map(({ slug }) => slug);

function outcomes(changes: Values, entries?: MsrEntries): Set<string> {
  return new Set(loading.map((slug) => findingOf(doctor, slug, changes, entries).outcome));
}

test("an entry of an MSR whose values depend on the model is undecidable, that of a known one holds", () => {
  const changes = { VM_ENTRY_MSR_LOAD_COUNT: 1n };
  const MTRR_DEF_TYPE = 0x2ffn;
  assert.equal(findingOf(doctor, "msr.model-specific", changes, [[MTRR_DEF_TYPE, 0n]]).outcome, "undecidable");
  assert.equal(findingOf(doctor, "msr.model-specific", changes, [HARMLESS]).outcome, "holds");
});

test("an empty MSR-load area breaks no rule", () => {
  assert.deepEqual(outcomes({}), new Set(["holds"]));
});

test("entries beyond the count are not looked at", () => {
  const entries = [HARMLESS, [0xc000_0100n, 0n]] as const;
  assert.deepEqual(outcomes({ VM_ENTRY_MSR_LOAD_COUNT: 1n }, entries), new Set(["holds"]));
});

test("an area whose entries are not known is undecidable, and the entries are missed", () => {
  const { msrEntries, ...unknown } = subjectWith(doctor, { VM_ENTRY_MSR_LOAD_COUNT: 1n });
  assert.deepEqual(msrEntries, []);
  const findings = doctor.examine(unknown).findings.filter(({ rule }) => rule.stage === "msr-loading");
  for (const { rule, outcome, missing } of findings) {
    assert.equal(outcome, "undecidable", rule.slug);
    assert.deepEqual(
      missing.map(({ name }) => name),
      ["ENTRY_MSR_INDEX"],
    );
  }
});

test("a violation among the entries that are known is found though others are missing", () => {
  const changes = { VM_ENTRY_MSR_LOAD_COUNT: 3n };
  const entries = [[0xc000_0100n, 0n]] as const;
  assert.equal(findingOf(doctor, "msr.fs-base", changes, entries).outcome, "violated");
  assert.equal(findingOf(doctor, "msr.gs-base", changes, entries).outcome, "undecidable");
});

test("a witness names the entry as the exit qualification would", () => {
  const entries = [HARMLESS, HARMLESS, [LSTAR, NOT_CANONICAL]] as const;
  const subject = subjectWith(doctor, { VM_ENTRY_MSR_LOAD_COUNT: 3n }, entries);
  const { findings, report } = doctor.examine(subject);
  const violated = findings.filter(({ rule, outcome }) => rule.stage !== "advice" && outcome === "violated");
  assert.deepEqual(
    violated.map(({ rule, witnesses }) => [rule.slug, witnesses[0]?.entry, witnesses[0]?.found]),
    [["msr.lstar.canonical", 3, NOT_CANONICAL]],
  );
  assert.match(
    report.replaceAll(/\n +/g, " "),
    /found entry 3 of the VM-entry MSR-load area: index 0xc0000082, value 0x1000000000000000; bits 63:56 must be alike/,
  );
  assert.match(
    report,
    new RegExp(`VM-entry MSR-load count \\(0x${encoding("VM_ENTRY_MSR_LOAD_COUNT").toString(16)}\\)`),
  );
});

test("an MSR that the doctor does not know is undecidable with its index", () => {
  for (const msr of [0x79n, 0x8bn, 0x1234n]) {
    const changes = { VM_ENTRY_MSR_LOAD_COUNT: 1n };
    const finding = findingOf(doctor, "msr.model-specific", changes, [[msr, 0n]]);
    assert.equal(finding.outcome, "undecidable");
    assert.equal(finding.condition, `violated if the processor refuses to load MSR 0x${msr.toString(16)}`);
  }
  const mask = (value: bigint) =>
    findingOf(doctor, "msr.model-specific", { VM_ENTRY_MSR_LOAD_COUNT: 1n }, [[0xc000_0084n, value]]).outcome;
  assert.equal(mask(0x4_7700n), "holds");
  assert.equal(mask(1n << 32n), "undecidable");
  const known = findingOf(doctor, "msr.model-specific", { VM_ENTRY_MSR_LOAD_COUNT: 1n }, [HARMLESS]);
  assert.equal(known.outcome, "holds");
});

test("IA32_EFER.LME may differ where the guest does not use paging", () => {
  const changes = { VM_ENTRY_MSR_LOAD_COUNT: 1n, GUEST_CR0: 0x31n };
  assert.equal(findingOf(doctor, "msr.efer.lme", changes, [[EFER, 0n]]).outcome, "holds");
});

test("an MSR that a feature brings is undecidable where CPUID is not known", () => {
  const changes = { VM_ENTRY_MSR_LOAD_COUNT: 1n, "CPUID.7.0.ECX": null };
  const finding = findingOf(doctor, "msr.unsupported", changes, [[0x6e1n, 0n]]);
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if CPUID.7.0.ECX[31] = 0");
});
