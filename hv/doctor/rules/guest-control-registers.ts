// Rules of VM entry on the guest's CR0, CR3, CR4 and DR7 (SDM 3C 27.3.1.1).

import {
  CR0_CD,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR3_LAM_U48,
  CR3_LAM_U57,
  CR4_CET,
  CR4_FRED,
  CR4_PAE,
  CR4_PCIDE,
} from "../../x86/control-registers";
import {
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_DR7,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_CONTROLS,
} from "../../x86/vmcs-fields";
import { ENTRY_LOAD_DEBUG_CONTROLS, SECONDARY_ENABLE_EPT } from "../../x86/vmx-controls";
import { CR0_FIXED, CR4_FIXED, mustSetFixed, mustSetNoUnsupported } from "../fixed-bits";
import { isUnrestricted, willBeIa32eMode } from "../guest-conditions";
import {
  CAP_CPUID_7_1_EAX,
  CAP_CPUID_80000008_EAX,
  CAP_CR0_FIXED0,
  CAP_CR0_FIXED1,
  CAP_CR4_FIXED0,
  CAP_CR4_FIXED1,
} from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, implies, NO, not, Tri, YES } from "../tri";

const ALL: u64 = 0xffffffffffffffff;
/** VM entry does not change CD and NW, so never looks at them. */
const CR0_CHECKED: u64 = ALL & ~(CR0_CD | CR0_NW | CR0_PE | CR0_PG);
const BITS_63_32: u64 = 0xffffffff00000000;
const LAM: u64 = CR3_LAM_U48 | CR3_LAM_U57;
/** CPUID.(EAX=07H,ECX=1):EAX[26]: linear-address masking. */
const CPUID_7_1_LAM: u64 = 0x4000000;

const CR0_FIXED0_INPUTS: StaticArray<u32> = [
  GUEST_CR0,
  CAP_CR0_FIXED0,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const CR0_FIXED1_INPUTS: StaticArray<u32> = [
  GUEST_CR0,
  CAP_CR0_FIXED1,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const CR0_ONLY: StaticArray<u32> = [GUEST_CR0];
const CR0_MODE: StaticArray<u32> = [GUEST_CR0, VM_ENTRY_CONTROLS];
const CR4_FIXED0_INPUTS: StaticArray<u32> = [GUEST_CR4, CAP_CR4_FIXED0];
const CR4_FIXED1_INPUTS: StaticArray<u32> = [GUEST_CR4, CAP_CR4_FIXED1];
const CR4_CR0: StaticArray<u32> = [GUEST_CR4, GUEST_CR0];
const CR4_MODE: StaticArray<u32> = [GUEST_CR4, VM_ENTRY_CONTROLS];
const CR3_WIDTH: StaticArray<u32> = [GUEST_CR3, CAP_CPUID_80000008_EAX];
const CR3_MASKING: StaticArray<u32> = [GUEST_CR3, CAP_CPUID_7_1_EAX];
const DR7_INPUTS: StaticArray<u32> = [GUEST_DR7, VM_ENTRY_CONTROLS];

/** Adds the rows. */
export function addGuestControlRegisterRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.1");
  addCr0(rules);
  addCr4(rules);
  addModes(rules);
  addCr3AndDr7(rules);
}

function addCr0(rules: Rules): void {
  rules.add(
    "guest.cr0.fixed0",
    CR0_FIXED0_INPUTS,
    (s: Subject): Tri => cr0SetsFixed(s),
    'Every bit that is 1 in IA32_VMX_CR0_FIXED0 must be 1 in CR0, but for CD and NW; with "unrestricted guest" also but for PE and PG.',
    'CR0.NE must be 1 for any guest; a guest in real mode or without paging needs "unrestricted guest".',
  );
  rules.add(
    "guest.cr0.fixed1",
    CR0_FIXED1_INPUTS,
    (s: Subject): Tri => cr0SetsNoUnsupported(s),
    'Every bit that is 0 in IA32_VMX_CR0_FIXED1 must be 0 in CR0, but for CD and NW; with "unrestricted guest" also but for PE and PG.',
  );
  rules.add(
    "guest.cr0.pg.pe",
    CR0_ONLY,
    (s: Subject): Tri => implies(s.isSet(GUEST_CR0, CR0_PG), s.mustBeOne(GUEST_CR0, CR0_PE)),
    "If CR0.PG is 1, CR0.PE must be 1.",
  );
}

function cr0SetsFixed(s: Subject): Tri {
  const others = mustSetFixed(s, GUEST_CR0, CAP_CR0_FIXED0, CR0_CHECKED, CR0_FIXED);
  const isRestricted = not(isUnrestricted(s));
  if (isRestricted == NO || others == NO) return others;
  return both(others, implies(isRestricted, mustSetFixed(s, GUEST_CR0, CAP_CR0_FIXED0, CR0_PE | CR0_PG, CR0_FIXED)));
}

function cr0SetsNoUnsupported(s: Subject): Tri {
  const others = mustSetNoUnsupported(s, GUEST_CR0, CAP_CR0_FIXED1, CR0_CHECKED);
  const isRestricted = not(isUnrestricted(s));
  if (isRestricted == NO || others == NO) return others;
  return both(others, implies(isRestricted, mustSetNoUnsupported(s, GUEST_CR0, CAP_CR0_FIXED1, CR0_PE | CR0_PG)));
}

function addCr4(rules: Rules): void {
  rules.add(
    "guest.cr4.fixed0",
    CR4_FIXED0_INPUTS,
    (s: Subject): Tri => mustSetFixed(s, GUEST_CR4, CAP_CR4_FIXED0, ALL, CR4_FIXED),
    "Every bit that is 1 in IA32_VMX_CR4_FIXED0 must be 1 in CR4.",
    "CR4.VMXE must be 1 in the guest's CR4 field even if the guest sees 0: hide it with guest/host mask and read shadow.",
  );
  rules.add(
    "guest.cr4.fixed1",
    CR4_FIXED1_INPUTS,
    (s: Subject): Tri => mustSetNoUnsupported(s, GUEST_CR4, CAP_CR4_FIXED1, ALL),
    "Every bit that is 0 in IA32_VMX_CR4_FIXED1 must be 0 in CR4.",
  );
  rules.add(
    "guest.cr4.cet",
    CR4_CR0,
    (s: Subject): Tri => implies(s.isSet(GUEST_CR4, CR4_CET), s.blame(GUEST_CR4, CR4_CET, s.isSet(GUEST_CR0, CR0_WP))),
    "If CR4.CET is 1, CR0.WP must be 1.",
  );
}

function addModes(rules: Rules): void {
  rules.add(
    "guest.cr0.pg.ia-32e",
    CR0_MODE,
    (s: Subject): Tri => implies(willBeIa32eMode(s), s.mustBeOne(GUEST_CR0, CR0_PG)),
    'With "IA-32e mode guest", CR0.PG must be 1.',
    'A guest that starts in real or protected mode is entered without "IA-32e mode guest".',
  );
  rules.add(
    "guest.cr4.pae.ia-32e",
    CR4_MODE,
    (s: Subject): Tri => implies(willBeIa32eMode(s), s.mustBeOne(GUEST_CR4, CR4_PAE)),
    'With "IA-32e mode guest", CR4.PAE must be 1.',
  );
  rules.add(
    "guest.cr4.pcide",
    CR4_MODE,
    (s: Subject): Tri => implies(not(willBeIa32eMode(s)), s.mustBeZero(GUEST_CR4, CR4_PCIDE)),
    'Without "IA-32e mode guest", CR4.PCIDE must be 0.',
  );
  rules.at(STAGE_GUEST, "FRED 346446");
  rules.add(
    "guest.cr4.fred",
    CR4_MODE,
    (s: Subject): Tri => implies(not(willBeIa32eMode(s)), s.mustBeZero(GUEST_CR4, CR4_FRED)),
    'Without "IA-32e mode guest", CR4.FRED must be 0.',
  );
}

function addCr3AndDr7(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.1");
  rules.add(
    "guest.cr3.maxphyaddr",
    CR3_WIDTH,
    (s: Subject): Tri => cr3IsWithinMaxphyaddr(s),
    "Bits 63:N of CR3 must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]); bits 62 and 61 have a rule of their own.",
    "Bit 63, which MOV to CR3 takes to keep the TLB, is no part of the register.",
  );
  rules.at(STAGE_GUEST, "ISE 319433");
  rules.add(
    "guest.cr3.lam",
    CR3_MASKING,
    (s: Subject): Tri => s.mustBeSupported(GUEST_CR3, LAM, CAP_CPUID_7_1_EAX, CPUID_7_1_LAM),
    "Bits 62 (LAM_U48) and 61 (LAM_U57) of CR3 must be 0 on a processor without linear-address masking (CPUID.7.1.EAX[26] = 0).",
  );
  rules.at(STAGE_GUEST, "27.3.1.1");
  rules.add(
    "guest.dr7.upper",
    DR7_INPUTS,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_DEBUG_CONTROLS), s.mustBeZero(GUEST_DR7, BITS_63_32)),
    'With "load debug controls", bits 63:32 of DR7 must be 0.',
  );
}

/** With EPT, CR3 is a guest-physical address, which may have the bits that only SEAM may use of a physical one. */
function cr3IsWithinMaxphyaddr(s: Subject): Tri {
  const isWithin = s.mustBeWithinEnumeratedWidth(GUEST_CR3, ~LAM);
  if (isWithin != YES || s.maxphyaddr == s.enumeratedWidth) return isWithin;
  const isPhysical = not(s.secondary(SECONDARY_ENABLE_EPT));
  return isPhysical == NO ? YES : implies(isPhysical, s.mustBeWithinMaxphyaddr(GUEST_CR3, ~LAM));
}
