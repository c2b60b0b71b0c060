// The names of what a processor can do: the VMX capability MSRs (SDM 3D appendix A) and words of CPUID (SDM 2A).

/** The VMX capability MSRs; the first is MSR 0x480 and each next one is the MSR after it. */
const VMX_MSRS = [
  "IA32_VMX_BASIC",
  "IA32_VMX_PINBASED_CTLS",
  "IA32_VMX_PROCBASED_CTLS",
  "IA32_VMX_EXIT_CTLS",
  "IA32_VMX_ENTRY_CTLS",
  "IA32_VMX_MISC",
  "IA32_VMX_CR0_FIXED0",
  "IA32_VMX_CR0_FIXED1",
  "IA32_VMX_CR4_FIXED0",
  "IA32_VMX_CR4_FIXED1",
  "IA32_VMX_VMCS_ENUM",
  "IA32_VMX_PROCBASED_CTLS2",
  "IA32_VMX_EPT_VPID_CAP",
  "IA32_VMX_TRUE_PINBASED_CTLS",
  "IA32_VMX_TRUE_PROCBASED_CTLS",
  "IA32_VMX_TRUE_EXIT_CTLS",
  "IA32_VMX_TRUE_ENTRY_CTLS",
  "IA32_VMX_VMFUNC",
  "IA32_VMX_PROCBASED_CTLS3",
  "IA32_VMX_EXIT_CTLS2",
] as const;

const FIRST_VMX_MSR = 0x480;

/** Which counters IA32_PERF_GLOBAL_CTRL and IA32_DEBUGCTL may name (SDM 3B 21.8). */
const OTHER_MSRS = [[0x345, "IA32_PERF_CAPABILITIES"]] as const;

/** "CPUID.leaf.register" or "CPUID.leaf.subleaf.register", the numbers in hexadecimal. */
const CPUID_WORDS = [
  "CPUID.1.ECX",
  "CPUID.1.EDX",
  "CPUID.7.0.EBX",
  "CPUID.7.0.ECX",
  "CPUID.7.0.EDX",
  "CPUID.7.1.EAX",
  "CPUID.7.1.EDX",
  "CPUID.7.2.EDX",
  "CPUID.A.EAX",
  "CPUID.A.ECX",
  "CPUID.A.EDX",
  "CPUID.D.1.EAX",
  "CPUID.14.0.EBX",
  "CPUID.14.0.ECX",
  "CPUID.1C.0.EAX",
  "CPUID.1C.0.EBX",
  "CPUID.80000001.ECX",
  "CPUID.80000001.EDX",
  "CPUID.80000008.EAX",
  "CPUID.80000008.EBX",
  "CPUID.8000000A.EBX",
  "CPUID.8000000A.ECX",
  "CPUID.8000000A.EDX",
  "CPUID.80000021.EAX",
] as const;

export type MsrName = (typeof VMX_MSRS)[number] | (typeof OTHER_MSRS)[number][1];
export type CpuidName = (typeof CPUID_WORDS)[number];
export type CapabilityName = MsrName | CpuidName;

/** Every capability that the doctor knows: MSRs in the order of their indices, then CPUID by leaf. */
export const CAPABILITY_NAMES: readonly CapabilityName[] = [
  ...VMX_MSRS,
  ...OTHER_MSRS.map(([, name]) => name),
  ...CPUID_WORDS,
];

export const REGISTERS = ["EAX", "EBX", "ECX", "EDX"] as const;
export type Register = (typeof REGISTERS)[number];

/** One register that CPUID returns. A leaf without sub-leaves has sub-leaf 0. */
export interface CpuidWord {
  leaf: number;
  subleaf: number;
  register: Register;
}

/** The words of CPUID among the capabilities. */
export const CPUID_BY_NAME: ReadonlyMap<CpuidName, CpuidWord> = new Map(
  CPUID_WORDS.map((name) => {
    const parts = name.split(".");
    const register = parts.at(-1) as Register;
    return [name, { leaf: parseInt(parts[1]!, 16), subleaf: parts.length > 3 ? parseInt(parts[2]!, 16) : 0, register }];
  }),
);

const MSR_BY_INDEX: ReadonlyMap<number, MsrName> = new Map<number, MsrName>([
  ...VMX_MSRS.map((name, i) => [FIRST_VMX_MSR + i, name] as const),
  ...OTHER_MSRS,
]);
const INDEX_BY_MSR: ReadonlyMap<string, number> = new Map([...MSR_BY_INDEX].map(([index, name]) => [name, index]));

const CPUID_NAME_BY_KEY: ReadonlyMap<string, CpuidName> = new Map(
  [...CPUID_BY_NAME].map(([name, word]) => [keyOf(word), name]),
);

function keyOf(word: CpuidWord): string {
  return `${word.leaf.toString(16)}.${word.subleaf.toString(16)}.${word.register}`;
}

/** The capability MSR of an index, or null if no rule of VM entry reads that MSR. */
export function msrOfIndex(index: number): MsrName | null {
  return MSR_BY_INDEX.get(index) ?? null;
}

/** The index of a capability MSR. */
export function indexOfMsr(name: MsrName): number {
  return INDEX_BY_MSR.get(name)!;
}

/** Other spellings of what follows "VMX_" in an MSR's name, as tools print them. */
const OTHER_SPELLINGS: Readonly<Record<string, MsrName>> = {
  BASIC_INFO: "IA32_VMX_BASIC",
  MISC_CTLS: "IA32_VMX_MISC",
  SECONDARY_PROCBASED_CTLS: "IA32_VMX_PROCBASED_CTLS2",
  TERTIARY_PROCBASED_CTLS: "IA32_VMX_PROCBASED_CTLS3",
  SECONDARY_EXIT_CTLS: "IA32_VMX_EXIT_CTLS2",
  EPT_VPID_CAPS: "IA32_VMX_EPT_VPID_CAP",
  EPT_VPID_ENUM: "IA32_VMX_EPT_VPID_CAP",
  VMFUNC_CTRLS: "IA32_VMX_VMFUNC",
};

/** The MSR whose name ends in `rest` after "VMX_", in upper or lower case, or null. */
export function msrOfSuffix(rest: string): MsrName | null {
  const suffix = rest.toUpperCase();
  const name = `IA32_VMX_${suffix}`;
  if (INDEX_BY_MSR.has(name)) return name as MsrName;
  return Object.hasOwn(OTHER_SPELLINGS, suffix) ? OTHER_SPELLINGS[suffix]! : null;
}

/** The name of a word of CPUID, or null if no rule of VM entry needs it. */
export function cpuidName(word: CpuidWord): CpuidName | null {
  return CPUID_NAME_BY_KEY.get(keyOf(word)) ?? null;
}
