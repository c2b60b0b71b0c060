// Rules of VM entry on the host's MSRs and SSP, but for the MSRs of FRED (SDM 3C 27.2.2 and 27.2.4).

import { EFER_LMA, EFER_LME } from "../../x86/msr";
import {
  HOST_IA32_EFER,
  HOST_IA32_INTERRUPT_SSP_TABLE_ADDR,
  HOST_IA32_PAT,
  HOST_IA32_PERF_GLOBAL_CTRL,
  HOST_IA32_PKRS,
  HOST_IA32_SPEC_CTRL,
  HOST_IA32_SYSENTER_EIP,
  HOST_IA32_SYSENTER_ESP,
  HOST_IA32_S_CET,
  HOST_SSP,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_VM_EXIT_CONTROLS,
} from "../../x86/vmcs-fields";
import {
  EXIT_HOST_ADDRESS_SPACE_SIZE,
  EXIT_LOAD_CET_STATE,
  EXIT_LOAD_IA32_EFER,
  EXIT_LOAD_IA32_PAT,
  EXIT_LOAD_IA32_PERF_GLOBAL_CTRL,
  EXIT_LOAD_PKRS,
  SECONDARY_EXIT_LOAD_IA32_SPEC_CTRL,
} from "../../x86/vmx-controls";
import {
  CAP_CPUID_7_2_EDX,
  CAP_CPUID_7_ECX,
  CAP_CPUID_7_EDX,
  CAP_CPUID_80000001_EDX,
  CAP_CPUID_80000008_EAX,
  CAP_CPUID_A_EAX,
  CAP_CPUID_A_ECX,
  CAP_CPUID_A_EDX,
} from "../inputs";
import { hasNoReservedBits, MSR_PKRS, MSR_S_CET, MSR_SPEC_CTRL } from "../msr-bits";
import { mustBeValidCounters, mustBeValidEfer, mustHoldMemoryTypes, mustNotSuppressWhileTracking } from "../msr-values";
import { Rules, STAGE_HOST } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const SYSENTER_ESP: StaticArray<u32> = [HOST_IA32_SYSENTER_ESP, CAP_CPUID_80000008_EAX];
const SYSENTER_EIP: StaticArray<u32> = [HOST_IA32_SYSENTER_EIP, CAP_CPUID_80000008_EAX];
const COUNTERS: StaticArray<u32> = [
  HOST_IA32_PERF_GLOBAL_CTRL,
  PRIMARY_VM_EXIT_CONTROLS,
  CAP_CPUID_A_EAX,
  CAP_CPUID_A_ECX,
  CAP_CPUID_A_EDX,
];
const PAT: StaticArray<u32> = [HOST_IA32_PAT, PRIMARY_VM_EXIT_CONTROLS];
const EFER_BITS: StaticArray<u32> = [HOST_IA32_EFER, PRIMARY_VM_EXIT_CONTROLS, CAP_CPUID_80000001_EDX];
const EFER: StaticArray<u32> = [HOST_IA32_EFER, PRIMARY_VM_EXIT_CONTROLS];
const CET_BITS: StaticArray<u32> = [HOST_IA32_S_CET, PRIMARY_VM_EXIT_CONTROLS, CAP_CPUID_7_ECX, CAP_CPUID_7_EDX];
const CET: StaticArray<u32> = [HOST_IA32_S_CET, PRIMARY_VM_EXIT_CONTROLS];
const CET_WIDTH: StaticArray<u32> = [HOST_IA32_S_CET, PRIMARY_VM_EXIT_CONTROLS, CAP_CPUID_80000008_EAX];
const SSP: StaticArray<u32> = [HOST_SSP, PRIMARY_VM_EXIT_CONTROLS];
const SSP_TABLE: StaticArray<u32> = [
  HOST_IA32_INTERRUPT_SSP_TABLE_ADDR,
  PRIMARY_VM_EXIT_CONTROLS,
  CAP_CPUID_80000008_EAX,
];
const PKRS: StaticArray<u32> = [HOST_IA32_PKRS, PRIMARY_VM_EXIT_CONTROLS];
const SPEC_CTRL: StaticArray<u32> = [
  HOST_IA32_SPEC_CTRL,
  SECONDARY_VM_EXIT_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  CAP_CPUID_7_EDX,
  CAP_CPUID_7_2_EDX,
];

const SSP_ALIGNMENT: u64 = 3;

/** Adds the rows. */
export function addHostMsrRules(rules: Rules): void {
  rules.at(STAGE_HOST, "27.2.2");
  rules.add(
    "host.sysenter-esp.canonical",
    SYSENTER_ESP,
    (s: Subject): Tri => s.mustBeCanonical(HOST_IA32_SYSENTER_ESP),
    "The host's IA32_SYSENTER_ESP must be canonical.",
  );
  rules.add(
    "host.sysenter-eip.canonical",
    SYSENTER_EIP,
    (s: Subject): Tri => s.mustBeCanonical(HOST_IA32_SYSENTER_EIP),
    "The host's IA32_SYSENTER_EIP must be canonical.",
  );
  rules.add(
    "host.perf-global-ctrl.reserved",
    COUNTERS,
    (s: Subject): Tri =>
      implies(s.exit(EXIT_LOAD_IA32_PERF_GLOBAL_CTRL), mustBeValidCounters(s, HOST_IA32_PERF_GLOBAL_CTRL)),
    'With "load IA32_PERF_GLOBAL_CTRL" for VM exits, the host\'s value must enable only counters that CPUID.0AH reports.',
  );
  rules.add(
    "host.pat.memory-type",
    PAT,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_IA32_PAT), mustHoldMemoryTypes(s, HOST_IA32_PAT)),
    'With "load IA32_PAT" for VM exits, each byte of the host\'s IA32_PAT must be a memory type: 0, 1, 4, 5, 6 or 7.',
    "Store what RDMSR reads from IA32_PAT (277H) on the host.",
  );
  rules.add(
    "host.efer.reserved",
    EFER_BITS,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_IA32_EFER), mustBeValidEfer(s, HOST_IA32_EFER)),
    'With "load IA32_EFER" for VM exits, reserved bits of the host\'s IA32_EFER must be 0: all but SCE, LME, LMA and NXE.',
  );
  rules.add(
    "host.efer.lma",
    EFER,
    (s: Subject): Tri =>
      implies(s.exit(EXIT_LOAD_IA32_EFER), s.mustAgree(HOST_IA32_EFER, EFER_LMA, s.exit(EXIT_HOST_ADDRESS_SPACE_SIZE))),
    'With "load IA32_EFER" for VM exits, the host\'s IA32_EFER.LMA must equal "host address-space size".',
    "Store what RDMSR reads from IA32_EFER on the host; it has LMA.",
  );
  rules.add(
    "host.efer.lme",
    EFER,
    (s: Subject): Tri =>
      implies(s.exit(EXIT_LOAD_IA32_EFER), s.mustAgree(HOST_IA32_EFER, EFER_LME, s.exit(EXIT_HOST_ADDRESS_SPACE_SIZE))),
    'With "load IA32_EFER" for VM exits, the host\'s IA32_EFER.LME must equal "host address-space size".',
  );
  rules.add(
    "host.s-cet.reserved",
    CET_BITS,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_CET_STATE), hasNoReservedBits(s, HOST_IA32_S_CET, MSR_S_CET)),
    'With "load CET state" for VM exits, bits reserved in IA32_S_CET must be 0 in the host\'s value: 9:6, and what the processor lacks.',
  );
  rules.add(
    "host.s-cet.suppress-tracker",
    CET,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_CET_STATE), mustNotSuppressWhileTracking(s, HOST_IA32_S_CET)),
    'With "load CET state" for VM exits, SUPPRESS (bit 10) and TRACKER (bit 11) of the host\'s IA32_S_CET must not both be 1.',
  );
  rules.add(
    "host.pkrs.reserved",
    PKRS,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_PKRS), hasNoReservedBits(s, HOST_IA32_PKRS, MSR_PKRS)),
    'With "load PKRS" for VM exits, bits 63:32 of the host\'s IA32_PKRS must be 0.',
  );
  rules.add(
    "host.ssp.alignment",
    SSP,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_CET_STATE), s.mustBeZero(HOST_SSP, SSP_ALIGNMENT)),
    'With "load CET state" for VM exits, bits 1:0 of the host\'s SSP must be 0.',
  );
  rules.at(STAGE_HOST, "27.2.4");
  rules.add(
    "host.s-cet.canonical",
    CET_WIDTH,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_CET_STATE), s.mustBeCanonical(HOST_IA32_S_CET)),
    'With "load CET state" for VM exits, the host\'s IA32_S_CET must be canonical, as it holds the address of the legacy bitmap.',
  );
  rules.add(
    "host.interrupt-ssp-table.canonical",
    SSP_TABLE,
    (s: Subject): Tri => implies(s.exit(EXIT_LOAD_CET_STATE), s.mustBeCanonical(HOST_IA32_INTERRUPT_SSP_TABLE_ADDR)),
    'With "load CET state" for VM exits, the host\'s IA32_INTERRUPT_SSP_TABLE_ADDR must be canonical.',
  );
  rules.at(STAGE_HOST, "29.2.2 of 326019-092US");
  rules.add(
    "host.spec-ctrl.reserved",
    SPEC_CTRL,
    (s: Subject): Tri =>
      implies(
        s.secondaryExit(SECONDARY_EXIT_LOAD_IA32_SPEC_CTRL),
        hasNoReservedBits(s, HOST_IA32_SPEC_CTRL, MSR_SPEC_CTRL),
      ),
    'With "load IA32_SPEC_CTRL" for VM exits, bits of the host\'s IA32_SPEC_CTRL that the processor does not support must be 0.',
  );
}
