// A VMCB that breaks no rule, on a processor that has everything, and changes to it: what the tests of VMRUN's rules share.
import { readFileSync } from "node:fs";
import { Doctor, type Finding, type Subject } from "../../../../tools/doctor/doctor.ts";
import { VMCB_FIELDS, vmcbFieldNamed } from "../../../../tools/doctor/vmcb-fields.ts";
import { builtDoctor } from "../../../../tools/paths.ts";

export async function loadVmcbDoctor(): Promise<Doctor> {
  return Doctor.load(readFileSync(builtDoctor), "vmcb");
}

/** The doctor's number of a field by its name. */
export function numberOf(name: string): number {
  const field = vmcbFieldNamed(name);
  if (!field) throw new Error(`found no VMCB field ${name}, expected a name of hv/x86/vmcb-field-names.ts`);
  return field.encoding;
}

/** Values by name: a field's (CR0), a capability's (CPUID.1.ECX) or with "host " before it a state's; null: not known. */
export type Values = Readonly<Record<string, bigint | null>>;

const ALL_32 = 0xffffffffn;

/** A processor with every feature, MAXPHYADDR 48 and 32,768 ASIDs. */
export const EVERYTHING: Values = {
  "CPUID.1.ECX": ALL_32,
  "CPUID.7.0.EBX": ALL_32,
  "CPUID.7.0.ECX": ALL_32,
  "CPUID.80000001.ECX": ALL_32,
  "CPUID.80000001.EDX": ALL_32,
  "CPUID.80000008.EAX": 0x3030n,
  // Not bit 20: EFER.LMSLE exists.
  "CPUID.80000008.EBX": 0xffefffffn,
  "CPUID.8000000A.EBX": 0x8000n,
  "CPUID.8000000A.ECX": ALL_32,
  "CPUID.8000000A.EDX": ALL_32,
  "CPUID.80000021.EAX": ALL_32,
};

/** A 64-bit guest with nested paging; every other field is 0. */
export const VALID: Values = {
  INTERCEPTS_1: 0x8000_0000n,
  INTERCEPTS_2: 1n,
  IOPM_BASE_PA: 0x10_0000n,
  MSRPM_BASE_PA: 0x10_4000n,
  GUEST_ASID: 1n,
  NESTED_CONTROL: 1n,
  N_CR3: 0x20_0000n,
  "CS.SEL": 8n,
  "CS.ATTRIB": 0x29bn,
  "CS.LIMIT": ALL_32,
  "SS.SEL": 0x10n,
  "SS.ATTRIB": 0xc93n,
  "SS.LIMIT": ALL_32,
  EFER: 0x1d01n,
  CR0: 0x8001_0031n,
  CR3: 0x30_0000n,
  CR4: 0x20n,
  DR6: 0xffff_0ff0n,
  DR7: 0x400n,
  RFLAGS: 2n,
  RIP: 0x40_0000n,
  G_PAT: 0x0007_0406_0007_0406n,
};

/** The processor that executes VMRUN. */
const READY: Values = {
  CR0: 0x8001_0031n,
  CR4: 0x20n,
  IA32_EFER: 0x1d01n,
  RFLAGS: 2n,
  CPL: 0n,
  VMCB_POINTER: 0x50_0000n,
  IA32_U_CET: 0n,
  MEMORY_PDPTE0: 0n,
  MEMORY_PDPTE1: 0n,
  MEMORY_PDPTE2: 0n,
  MEMORY_PDPTE3: 0n,
};

const HOST = "host ";

/** The valid subject with changes. */
export function subjectWith(doctor: Doctor, changes: Values = {}): Subject {
  const fields = new Map(VMCB_FIELDS.map(({ encoding }) => [encoding, 0n]));
  const capabilities = new Map<string, bigint>();
  const state = new Map<string, bigint>();
  const host = Object.fromEntries(Object.entries(READY).map(([name, value]) => [`${HOST}${name}`, value]));
  for (const [name, value] of Object.entries({ ...EVERYTHING, ...VALID, ...host, ...changes })) {
    if (doctor.capabilities.has(name)) change(capabilities, name, value);
    else if (name.startsWith(HOST)) change(state, name.slice(HOST.length), value);
    else change(fields, numberOf(name), value);
  }
  return { fields, capabilities, state };
}

function change<Key>(values: Map<Key, bigint>, key: Key, value: bigint | null): void {
  if (value === null) values.delete(key);
  else values.set(key, value);
}

/** What the rule `slug` says of the valid subject with changes. */
export function findingOf(doctor: Doctor, slug: string, changes: Values): Finding {
  const rule = doctor.rules.find((row) => row.slug === slug);
  if (!rule) throw new Error(`found no rule ${slug}, expected one of that slug in hv/doctor/svm/rules`);
  return doctor.judge(subjectWith(doctor, changes), rule);
}

/** One row of the tables of tests: `violated` are changes that break the rule, `holds` ones, close by, that do not. */
export interface RuleCase {
  readonly slug: string;
  readonly violated: Values;
  readonly holds: Values;
}
