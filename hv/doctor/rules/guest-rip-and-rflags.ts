// Rules of VM entry on the guest's RIP, RFLAGS and SSP (SDM 3C 27.3.1.4).

import { CR0_PE, RFLAGS_ALWAYS_ONE, RFLAGS_IF, RFLAGS_VM } from "../../x86/control-registers";
import {
  GUEST_CR0,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_SSP,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
} from "../../x86/vmcs-fields";
import { ENTRY_LOAD_CET_STATE } from "../../x86/vmx-controls";
import { willBe64BitMode, willBeIa32eMode } from "../guest-conditions";
import { CAP_CPUID_80000008_EAX } from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, either, implies, not, tri, Tri, UNKNOWN } from "../tri";

const BITS_63_32: u64 = 0xffffffff00000000;
/** Bits 63:22, 15, 5 and 3. */
const RFLAGS_RESERVED: u64 = 0xffffffffffc08028;
/** Valid (bit 31) and type (bits 10:8) of the VM-entry interruption-information field; type 0 is an external interrupt. */
const INJECTION_VALID_AND_TYPE: u64 = 0x80000700;
const INJECTION_OF_EXTERNAL_INTERRUPT: u64 = 0x80000000;

const RIP_INPUTS: StaticArray<u32> = [GUEST_RIP, VM_ENTRY_CONTROLS, GUEST_CS_ACCESS_RIGHTS];
const RIP_WIDTH: StaticArray<u32> = [GUEST_RIP, VM_ENTRY_CONTROLS, GUEST_CS_ACCESS_RIGHTS, CAP_CPUID_80000008_EAX];
const RFLAGS_ONLY: StaticArray<u32> = [GUEST_RFLAGS];
const RFLAGS_VM_INPUTS: StaticArray<u32> = [GUEST_RFLAGS, VM_ENTRY_CONTROLS, GUEST_CR0];
const RFLAGS_IF_INPUTS: StaticArray<u32> = [GUEST_RFLAGS, VM_ENTRY_INTERRUPTION_INFORMATION];
const SSP_UPPER: StaticArray<u32> = [GUEST_SSP, VM_ENTRY_CONTROLS, GUEST_CS_ACCESS_RIGHTS];
const SSP_INPUTS: StaticArray<u32> = [GUEST_SSP, VM_ENTRY_CONTROLS];
const SSP_WIDTH: StaticArray<u32> = [GUEST_SSP, VM_ENTRY_CONTROLS, CAP_CPUID_80000008_EAX];

/** Adds the rows. */
export function addGuestRipAndRflagsRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.4");
  addRip(rules);
  addRflags(rules);
  addSsp(rules);
}

function addRip(rules: Rules): void {
  rules.add(
    "guest.rip.upper",
    RIP_INPUTS,
    (s: Subject): Tri => implies(not(willBe64BitMode(s)), s.mustBeZero(GUEST_RIP, BITS_63_32)),
    'Unless "IA-32e mode guest" and the L bit (bit 13) of the access rights of CS are both 1, bits 63:32 of RIP must be 0.',
    "A 64-bit guest needs the VM-entry control and CS access rights such as 0xa09b.",
  );
  rules.add(
    "guest.rip.width",
    RIP_WIDTH,
    (s: Subject): Tri => implies(willBe64BitMode(s), s.mustBeSignExtended(GUEST_RIP)),
    "In 64-bit mode, bits 63:N of RIP must be alike, where N is the width of linear addresses (CPUID.80000008H:EAX[15:8]).",
  );
}

function addRflags(rules: Rules): void {
  rules.add(
    "guest.rflags.reserved",
    RFLAGS_ONLY,
    (s: Subject): Tri => s.mustBeZero(GUEST_RFLAGS, RFLAGS_RESERVED),
    "Bits 63:22, 15, 5 and 3 of RFLAGS must be 0.",
  );
  rules.add(
    "guest.rflags.bit-1",
    RFLAGS_ONLY,
    (s: Subject): Tri => s.mustBeOne(GUEST_RFLAGS, RFLAGS_ALWAYS_ONE),
    "Bit 1 of RFLAGS must be 1.",
    "RFLAGS after reset is 2, not 0.",
  );
  rules.add(
    "guest.rflags.vm",
    RFLAGS_VM_INPUTS,
    (s: Subject): Tri =>
      implies(either(willBeIa32eMode(s), s.isClear(GUEST_CR0, CR0_PE)), s.mustBeZero(GUEST_RFLAGS, RFLAGS_VM)),
    'The VM flag (bit 17) of RFLAGS must be 0 with "IA-32e mode guest", and where CR0.PE is 0.',
    "A real-mode guest has CR0.PE = 0 and RFLAGS.VM = 0; virtual-8086 mode is a mode of a protected-mode guest.",
  );
  rules.add(
    "guest.rflags.if",
    RFLAGS_IF_INPUTS,
    (s: Subject): Tri => implies(injectsExternalInterrupt(s), s.mustBeOne(GUEST_RFLAGS, RFLAGS_IF)),
    "If an external interrupt is injected, the IF flag (bit 9) of RFLAGS must be 1.",
    "Use interrupt-window exiting, and inject when the guest can take the interrupt.",
  );
}

function injectsExternalInterrupt(s: Subject): Tri {
  if (!s.needs(VM_ENTRY_INTERRUPTION_INFORMATION)) return UNKNOWN;
  const information = s.get(VM_ENTRY_INTERRUPTION_INFORMATION) & INJECTION_VALID_AND_TYPE;
  return tri(information == INJECTION_OF_EXTERNAL_INTERRUPT);
}

function addSsp(rules: Rules): void {
  rules.add(
    "guest.ssp.alignment",
    SSP_INPUTS,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_CET_STATE), s.mustBeZero(GUEST_SSP, 3)),
    'With "load CET state", bits 1:0 of SSP must be 0.',
  );
  rules.add(
    "guest.ssp.width",
    SSP_WIDTH,
    (s: Subject): Tri => implies(s.entry(ENTRY_LOAD_CET_STATE), s.mustBeSignExtended(GUEST_SSP)),
    'With "load CET state", bits 63:N of SSP must be alike, where N is the width of linear addresses (CPUID.80000008H:EAX[15:8]).',
  );
  rules.at(STAGE_GUEST, "27.3.2.3");
  rules.add(
    "guest.ssp.upper",
    SSP_UPPER,
    (s: Subject): Tri =>
      implies(both(s.entry(ENTRY_LOAD_CET_STATE), not(willBe64BitMode(s))), s.mustBeZero(GUEST_SSP, BITS_63_32)),
    'With "load CET state", bits 63:32 of SSP must be 0 unless "IA-32e mode guest" and the L bit (bit 13) of the access rights of CS are both 1.',
  );
}
