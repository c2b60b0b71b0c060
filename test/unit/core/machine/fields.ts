// Which VMCS fields a CPU has, and how wide they are (SDM 3C 25.11.2, SDM 3D appendix B with its footnotes).
import type { Capabilities } from "./capabilities.ts";
import { has } from "./bits.ts";
import { allFields, control } from "./tables.ts";

type Requirement = (capabilities: Capabilities) => boolean;

const primary =
  (name: string): Requirement =>
  (c) =>
    has(c.primary.ones, control(`PRIMARY_${name}`));
const secondary =
  (name: string): Requirement =>
  (c) =>
    has(c.primary.ones, control("PRIMARY_ACTIVATE_SECONDARY_CONTROLS")) &&
    has(c.secondary.ones, control(`SECONDARY_${name}`));
const pin =
  (name: string): Requirement =>
  (c) =>
    has(c.pin.ones, control(`PIN_${name}`));
const entry =
  (name: string): Requirement =>
  (c) =>
    has(c.entry.ones, control(`ENTRY_${name}`));
const exit =
  (name: string): Requirement =>
  (c) =>
    has(c.exit.ones, control(`EXIT_${name}`));
const either =
  (...requirements: Requirement[]): Requirement =>
  (c) =>
    requirements.some((requirement) => requirement(c));
const never: Requirement = () => false;
const tertiary = primary("ACTIVATE_TERTIARY_CONTROLS");
const cr3Targets =
  (count: bigint): Requirement =>
  (c) =>
    ((c.misc >> 16n) & 0x1ffn) >= count;

// A field that no row matches exists on every CPU with VMX; of several rows the first counts.
const CONDITIONAL: readonly (readonly [RegExp, Requirement])[] = [
  [/FRED|^ORIGINAL_EVENT_DATA$|^INJECTED_EVENT_DATA$/, entry("LOAD_FRED")],
  [/^VIRTUAL_PROCESSOR_IDENTIFIER$/, secondary("ENABLE_VPID")],
  [/^POSTED_INTERRUPT_/, pin("PROCESS_POSTED_INTERRUPTS")],
  [/^EPTP_INDEX$|^VIRTUALIZATION_EXCEPTION_/, secondary("EPT_VIOLATION_VE")],
  [/^EPTP_LIST_ADDRESS$/, (c) => secondary("ENABLE_VM_FUNCTIONS")(c) && has(c.value("IA32_VMX_VMFUNC"), 1n)],
  [/^HLAT_|_PID_POINTER_|^PID_POINTER_|VIRTUAL_TIMER|DEADLINE|^TERTIARY_|^MSR_DATA$/, tertiary],
  [/^GUEST_INTERRUPT_STATUS$|^EOI_EXIT_BITMAP_/, secondary("VIRTUAL_INTERRUPT_DELIVERY")],
  [/^PML_/, secondary("ENABLE_PML")],
  [/_UINV$/, entry("LOAD_UINV")],
  [/^MSR_BITMAPS_ADDRESS$/, primary("USE_MSR_BITMAPS")],
  [/^VIRTUAL_APIC_ADDRESS$|^TPR_THRESHOLD$/, primary("USE_TPR_SHADOW")],
  [/^APIC_ACCESS_ADDRESS$/, secondary("VIRTUALIZE_APIC_ACCESSES")],
  [/^VM_FUNCTION_CONTROLS$/, secondary("ENABLE_VM_FUNCTIONS")],
  [/^EPT_POINTER$|^GUEST_PHYSICAL_ADDRESS$|^GUEST_PDPTE\d$/, secondary("ENABLE_EPT")],
  [/^VM(READ|WRITE)_BITMAP_ADDRESS$/, secondary("VMCS_SHADOWING")],
  [/^XSS_EXITING_BITMAP$/, secondary("ENABLE_XSAVES_XRSTORS")],
  [/^ENCLS_/, secondary("ENABLE_ENCLS_EXITING")],
  [/^ENCLV_/, secondary("ENABLE_ENCLV_EXITING")],
  [/^PCONFIG_/, secondary("ENABLE_PCONFIG")],
  [/PASID/, secondary("PASID_TRANSLATION")],
  [/^SUB_PAGE_/, secondary("SUB_PAGE_WRITE_PERMISSIONS_FOR_EPT")],
  [/^TSC_MULTIPLIER$/, secondary("USE_TSC_SCALING")],
  [/^INSTRUCTION_TIMEOUT_CONTROL$/, secondary("INSTRUCTION_TIMEOUT")],
  [/^SEAM_/, never],
  [/SPEC_CTRL/, entry("LOAD_IA32_SPEC_CTRL")],
  [/^SECONDARY_VM_EXIT_CONTROLS$/, exit("ACTIVATE_SECONDARY_CONTROLS")],
  [/^GUEST_IA32_PAT$/, either(entry("LOAD_IA32_PAT"), exit("SAVE_IA32_PAT"))],
  [/^HOST_IA32_PAT$/, exit("LOAD_IA32_PAT")],
  [/^GUEST_IA32_EFER$/, either(entry("LOAD_IA32_EFER"), exit("SAVE_IA32_EFER"))],
  [/^HOST_IA32_EFER$/, exit("LOAD_IA32_EFER")],
  [/^GUEST_IA32_PERF_GLOBAL_CTRL$/, entry("LOAD_IA32_PERF_GLOBAL_CTRL")],
  [/^HOST_IA32_PERF_GLOBAL_CTRL$/, exit("LOAD_IA32_PERF_GLOBAL_CTRL")],
  [/BNDCFGS/, either(entry("LOAD_IA32_BNDCFGS"), exit("CLEAR_IA32_BNDCFGS"))],
  [/RTIT_CTL/, either(entry("LOAD_IA32_RTIT_CTL"), exit("CLEAR_IA32_RTIT_CTL"))],
  [/LBR_CTL/, entry("LOAD_GUEST_IA32_LBR_CTL")],
  [/^GUEST_IA32_PKRS$/, entry("LOAD_PKRS")],
  [/^HOST_IA32_PKRS$/, exit("LOAD_PKRS")],
  [/^GUEST_(IA32_S_CET|SSP|IA32_INTERRUPT_SSP)/, entry("LOAD_CET_STATE")],
  [/^HOST_(IA32_S_CET|SSP|IA32_INTERRUPT_SSP)/, exit("LOAD_CET_STATE")],
  [/^SECONDARY_PROCESSOR_BASED/, primary("ACTIVATE_SECONDARY_CONTROLS")],
  [/^PLE_/, secondary("PAUSE_LOOP_EXITING")],
  [/^VMX_PREEMPTION_TIMER_VALUE$/, pin("ACTIVATE_VMX_PREEMPTION_TIMER")],
  [/^CR3_TARGET_VALUE_0$/, cr3Targets(1n)],
  [/^CR3_TARGET_VALUE_1$/, cr3Targets(2n)],
  [/^CR3_TARGET_VALUE_2$/, cr3Targets(3n)],
  [/^CR3_TARGET_VALUE_3$/, cr3Targets(4n)],
];

/** The encodings of the fields that the CPU has, without the high halves. */
export function supportedFields(capabilities: Capabilities): ReadonlySet<number> {
  const isSupported = ([name]: readonly [string, number]): boolean =>
    CONDITIONAL.find(([pattern]) => pattern.test(name))?.[1](capabilities) ?? true;
  return new Set(allFields.filter(isSupported).map(([, encoding]) => encoding));
}

const WIDTH_BITS = [16n, 64n, 32n, 64n] as const;
const WIDTH_64 = 1;
const READ_ONLY_DATA = 1;

/** 16, 32 or 64 bits; natural width is 64. */
export function widthOf(encoding: number): bigint {
  return WIDTH_BITS[(encoding >> 13) & 3] ?? 64n;
}

export function isReadOnly(encoding: number): boolean {
  return ((encoding >> 10) & 3) === READ_ONLY_DATA;
}

/** The encoding names the high half of a 64-bit field. */
export function isHighHalf(encoding: number): boolean {
  return (encoding & 1) === 1 && ((encoding >> 13) & 3) === WIDTH_64;
}
