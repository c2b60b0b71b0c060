// A VMCS that breaks no rule, on a processor that has everything, and changes to it: what the tests of the rules share.
import { readFileSync } from "node:fs";
import { Doctor, type Finding, type Subject } from "../../../tools/doctor/doctor.ts";
import { builtDoctor } from "../../../tools/paths.ts";
import { loadTable, numbersOf } from "../x86/load-table.ts";

const encodings = new Map(numbersOf(await loadTable("vmcs-fields"), () => true));

/** The encoding of a field by its name in hv/x86/vmcs-fields.ts, for example GUEST_CR0. */
export function encoding(name: string): number {
  const found = encodings.get(name);
  if (found === undefined) throw new Error(`found no VMCS field ${name}, expected a name of hv/x86/vmcs-fields.ts`);
  return found;
}

export async function loadDoctor(): Promise<Doctor> {
  return Doctor.load(readFileSync(builtDoctor));
}

/** A field that reads 0 as nothing has ever written it. */
export const NEVER_WRITTEN = "never written";

/** Values by name: a field's (GUEST_CR0), a capability's (IA32_VMX_BASIC) or a state's (IS_LAUNCHED); null: not known. */
export type Values = Readonly<Record<string, bigint | null | typeof NEVER_WRITTEN>>;

const ALL_32 = 0xffffffffn;
/** Any bit may be 0 or 1. */
const ANYTHING = ALL_32 << 32n;

/** A processor with every feature and control, MAXPHYADDR 46 and 57 bits of linear addresses. */
export const EVERYTHING: Values = {
  IA32_VMX_BASIC: 0x05da_0400_0000_0011n,
  IA32_VMX_PINBASED_CTLS: ANYTHING,
  IA32_VMX_PROCBASED_CTLS: ANYTHING,
  IA32_VMX_EXIT_CTLS: ANYTHING,
  IA32_VMX_ENTRY_CTLS: ANYTHING,
  IA32_VMX_MISC: 0x7004_c1e7n,
  IA32_VMX_CR0_FIXED0: 0x8000_0021n,
  IA32_VMX_CR0_FIXED1: ALL_32,
  IA32_VMX_CR4_FIXED0: 0x2000n,
  IA32_VMX_CR4_FIXED1: 0x1_1bff_7fffn,
  IA32_VMX_VMCS_ENUM: 0x54n,
  IA32_VMX_PROCBASED_CTLS2: ANYTHING,
  IA32_VMX_EPT_VPID_CAP: 0x0f01_06f3_41c1n | (1n << 23n),
  IA32_VMX_TRUE_PINBASED_CTLS: ANYTHING,
  IA32_VMX_TRUE_PROCBASED_CTLS: ANYTHING,
  IA32_VMX_TRUE_EXIT_CTLS: ANYTHING,
  IA32_VMX_TRUE_ENTRY_CTLS: ANYTHING,
  IA32_VMX_VMFUNC: 1n,
  IA32_VMX_PROCBASED_CTLS3: (1n << 64n) - 1n,
  IA32_VMX_EXIT_CTLS2: (1n << 64n) - 1n,
  "CPUID.1.ECX": ALL_32,
  "CPUID.1.EDX": ALL_32,
  "CPUID.7.0.EBX": ALL_32,
  "CPUID.7.0.ECX": ALL_32,
  "CPUID.7.0.EDX": ALL_32,
  "CPUID.7.1.EAX": ALL_32,
  "CPUID.7.1.EDX": ALL_32,
  // Architectural performance monitoring 5: 8 counters and 4 fixed ones.
  "CPUID.A.EAX": 0x0830_0805n,
  "CPUID.A.ECX": 0xfn,
  "CPUID.A.EDX": 0x604n,
  "CPUID.D.1.EAX": 0xfn,
  "CPUID.14.0.EBX": ALL_32,
  "CPUID.1C.0.EAX": ALL_32,
  "CPUID.80000001.ECX": ALL_32,
  "CPUID.80000001.EDX": ALL_32,
  "CPUID.80000008.EAX": 0x392en,
  "CPUID.7.2.EDX": ALL_32,
  "CPUID.14.0.ECX": ALL_32,
  "CPUID.1C.0.EBX": ALL_32,
  IA32_PERF_CAPABILITIES: ALL_32,
};

const CODE = 0xa09bn;
const DATA = 0xc093n;
const PAT = 0x0007_0406_0007_0406n;

/** A 64-bit guest with EPT, VPID and unrestricted guest below a 64-bit host; every other field of the VMCS is 0. */
const VALID: Values = {
  PIN_BASED_VM_EXECUTION_CONTROLS: 0x69n,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8000_0080n,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0xa2n,
  PRIMARY_VM_EXIT_CONTROLS: 0x38_0200n,
  VM_ENTRY_CONTROLS: 0xc204n,
  VIRTUAL_PROCESSOR_IDENTIFIER: 1n,
  EPT_POINTER: 0x10_0000n | 0x1en,
  VMCS_LINK_POINTER: (1n << 64n) - 1n,
  GUEST_CR0: 0x8001_0031n,
  GUEST_CR3: 0x20_0000n,
  GUEST_CR4: 0x2020n,
  GUEST_DR7: 0x400n,
  GUEST_RFLAGS: 2n,
  GUEST_RIP: 0x30_0000n,
  GUEST_RSP: 0x40_0000n,
  GUEST_IA32_EFER: 0xd01n,
  GUEST_IA32_PAT: PAT,
  GUEST_CS_SELECTOR: 8n,
  GUEST_CS_ACCESS_RIGHTS: CODE,
  GUEST_CS_LIMIT: ALL_32,
  ...Object.fromEntries(
    ["SS", "DS", "ES", "FS", "GS"].flatMap((name) => [
      [`GUEST_${name}_SELECTOR`, 0x10n],
      [`GUEST_${name}_ACCESS_RIGHTS`, DATA],
      [`GUEST_${name}_LIMIT`, ALL_32],
    ]),
  ),
  GUEST_LDTR_ACCESS_RIGHTS: 0x1_0000n,
  GUEST_TR_SELECTOR: 0x18n,
  GUEST_TR_ACCESS_RIGHTS: 0x8bn,
  GUEST_TR_LIMIT: 0x67n,
  GUEST_TR_BASE: 0x5000n,
  HOST_CR0: 0x8001_0031n,
  HOST_CR3: 0x60_0000n,
  HOST_CR4: 0x2020n,
  HOST_CS_SELECTOR: 8n,
  HOST_SS_SELECTOR: 0x10n,
  HOST_TR_SELECTOR: 0x18n,
  HOST_TR_BASE: 0x7000n,
  HOST_RIP: 0x10_0000n,
  HOST_RSP: 0x20_0000n,
  HOST_IA32_EFER: 0xd00n,
  HOST_IA32_PAT: PAT,
};

/** The processor that executes VMLAUNCH with that VMCS, after a VMXON, VMCLEAR and VMPTRLD that were right. */
const READY: Values = {
  CR0: 0x8001_0031n,
  CR4: 0x2020n,
  IA32_EFER: 0xd01n,
  RFLAGS: 2n,
  CPL: 0n,
  IA32_FEATURE_CONTROL: 5n,
  IN_VMX_OPERATION: 1n,
  IN_SMM: 0n,
  BLOCKING_BY_MOV_SS: 0n,
  A20M: 0n,
  VMXON_POINTER: 0x1000n,
  VMXON_REVISION: 0x11n,
  VMCLEAR_POINTER: 0x2000n,
  VMPTRLD_POINTER: 0x2000n,
  VMPTRLD_REVISION: 0x11n,
  CURRENT_VMCS_POINTER: 0x2000n,
  CURRENT_VMCS_REVISION: 0x11n,
  IS_LAUNCHED: 0n,
  IS_VMRESUME: 0n,
  LINK_REVISION: 0n,
  VTPR: 0n,
  MEMORY_PDPTE0: 0n,
  MEMORY_PDPTE1: 0n,
  MEMORY_PDPTE2: 0n,
  MEMORY_PDPTE3: 0n,
  EPT_MAPS_RIP: 1n,
  CS_L: 1n,
  IN_SMX_OPERATION: 0n,
  IN_SEAM: 0n,
  IA32_RTIT_CTL: 0n,
};

export type MsrEntries = readonly (readonly [low: bigint, high: bigint])[];

/** The valid subject with changes; `msrEntries` is what the VM-entry MSR-load area holds. */
export function subjectWith(doctor: Doctor, changes: Values = {}, msrEntries: MsrEntries = []): Subject {
  const zeroes = [...doctorFields()].map((field): [number, bigint] => [field, 0n]);
  const fields = new Map<number, bigint>(zeroes);
  const capabilities = new Map<string, bigint>();
  const state = new Map<string, bigint>();
  const neverWritten = new Set<number>();
  for (const [name, value] of Object.entries({ ...EVERYTHING, ...VALID, ...READY, ...changes })) {
    if (value === NEVER_WRITTEN) {
      fields.delete(encoding(name));
      neverWritten.add(encoding(name));
    } else if (doctor.capabilities.has(name)) change(capabilities, name, value);
    else if (doctor.state.has(name)) change(state, name, value);
    else change(fields, encoding(name), value);
  }
  return { fields, neverWritten, capabilities, state, msrEntries };
}

function change<Key>(values: Map<Key, bigint>, key: Key, value: bigint | null): void {
  if (value === null) values.delete(key);
  else values.set(key, value);
}

/** Every VMCS field's encoding. */
export function doctorFields(): ReadonlySet<number> {
  const parts = /^(ACCESS_|FIELD_|WIDTH_|NATURAL_WIDTH$|CONTROL$|READ_ONLY_DATA$|GUEST_STATE$|HOST_STATE$)/;
  return new Set([...encodings].filter(([name]) => !parts.test(name)).map(([, value]) => value));
}

/** What the rule `slug` says of the valid subject with changes. */
export function findingOf(doctor: Doctor, slug: string, changes: Values, msrEntries?: MsrEntries): Finding {
  const rule = doctor.rules.find((row) => row.slug === slug);
  if (!rule) throw new Error(`found no rule ${slug}, expected one of that slug in hv/doctor/rules`);
  return doctor.judge(subjectWith(doctor, changes, msrEntries), rule);
}

/** One row of the tables of tests: `violated` are changes that break the rule, `holds` ones, close by, that do not. */
export interface RuleCase {
  readonly slug: string;
  readonly violated: Values;
  readonly holds: Values;
  readonly violatedEntries?: MsrEntries;
  readonly holdsEntries?: MsrEntries;
}
