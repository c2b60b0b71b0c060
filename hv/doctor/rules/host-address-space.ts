// Rules of VM entry on the host's address-space size (SDM 3C 27.2.4).

import { CR4_FRED, CR4_PAE, CR4_PCIDE } from "../../x86/control-registers";
import { EFER_LMA } from "../../x86/msr";
import {
  HOST_CR4,
  HOST_IA32_S_CET,
  HOST_RIP,
  HOST_SSP,
  PRIMARY_VM_EXIT_CONTROLS,
  VM_ENTRY_CONTROLS,
} from "../../x86/vmcs-fields";
import { ENTRY_IA32E_MODE_GUEST, EXIT_HOST_ADDRESS_SPACE_SIZE, EXIT_LOAD_CET_STATE } from "../../x86/vmx-controls";
import { CAP_CPUID_80000008_EAX, STATE_EFER } from "../inputs";
import { Rules, STAGE_HOST } from "../rule";
import { Subject } from "../subject";
import { both, implies, not, Tri } from "../tri";

const EXIT_AND_MODE: StaticArray<u32> = [PRIMARY_VM_EXIT_CONTROLS, STATE_EFER];
const ENTRY_AND_MODE: StaticArray<u32> = [VM_ENTRY_CONTROLS, STATE_EFER];
const ENTRY_AND_EXIT: StaticArray<u32> = [VM_ENTRY_CONTROLS, PRIMARY_VM_EXIT_CONTROLS];
const CR4: StaticArray<u32> = [HOST_CR4, PRIMARY_VM_EXIT_CONTROLS];
const RIP: StaticArray<u32> = [HOST_RIP, PRIMARY_VM_EXIT_CONTROLS];
const RIP_WIDTH: StaticArray<u32> = [HOST_RIP, PRIMARY_VM_EXIT_CONTROLS, CAP_CPUID_80000008_EAX];
const S_CET: StaticArray<u32> = [HOST_IA32_S_CET, PRIMARY_VM_EXIT_CONTROLS];
const SSP: StaticArray<u32> = [HOST_SSP, PRIMARY_VM_EXIT_CONTROLS];
const SSP_WIDTH: StaticArray<u32> = [HOST_SSP, PRIMARY_VM_EXIT_CONTROLS, CAP_CPUID_80000008_EAX];

const HIGH_HALF: u64 = 0xffffffff00000000;

/** Adds the rows. */
export function addHostAddressSpaceRules(rules: Rules): void {
  rules.at(STAGE_HOST, "27.2.4");
  rules.add(
    "host.address-space-size.outside-ia-32e-mode",
    EXIT_AND_MODE,
    (s: Subject): Tri =>
      implies(s.isClear(STATE_EFER, EFER_LMA), s.mustBeZero(PRIMARY_VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE)),
    'Outside IA-32e mode (IA32_EFER.LMA = 0 at VM entry), "host address-space size" must be 0.',
  );
  rules.add(
    "host.ia-32e-mode-guest.outside-ia-32e-mode",
    ENTRY_AND_MODE,
    (s: Subject): Tri =>
      implies(s.isClear(STATE_EFER, EFER_LMA), s.mustBeZero(VM_ENTRY_CONTROLS, ENTRY_IA32E_MODE_GUEST)),
    'Outside IA-32e mode (IA32_EFER.LMA = 0 at VM entry), "IA-32e mode guest" must be 0.',
    "Only a host in IA-32e mode can enter a guest in IA-32e mode.",
  );
  rules.add(
    "host.address-space-size.in-ia-32e-mode",
    EXIT_AND_MODE,
    (s: Subject): Tri =>
      implies(s.isSet(STATE_EFER, EFER_LMA), s.mustBeOne(PRIMARY_VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE)),
    'In IA-32e mode (IA32_EFER.LMA = 1 at VM entry), "host address-space size" must be 1.',
    "A 64-bit hypervisor sets bit 9 of the primary VM-exit controls, whatever the guest is.",
  );
  rules.add(
    "host.ia-32e-mode-guest.address-space-size",
    ENTRY_AND_EXIT,
    (s: Subject): Tri => implies(isNot64Bit(s), s.mustBeZero(VM_ENTRY_CONTROLS, ENTRY_IA32E_MODE_GUEST)),
    'With "host address-space size" = 0, "IA-32e mode guest" must be 0.',
  );
  rules.add(
    "host.cr4.pcide",
    CR4,
    (s: Subject): Tri => implies(isNot64Bit(s), s.mustBeZero(HOST_CR4, CR4_PCIDE)),
    'With "host address-space size" = 0, the host\'s CR4.PCIDE must be 0.',
  );
  rules.add(
    "host.rip.high-half",
    RIP,
    (s: Subject): Tri => implies(isNot64Bit(s), s.mustBeZero(HOST_RIP, HIGH_HALF)),
    'With "host address-space size" = 0, bits 63:32 of the host\'s RIP must be 0.',
  );
  rules.add(
    "host.s-cet.high-half",
    S_CET,
    (s: Subject): Tri =>
      implies(both(isNot64Bit(s), s.exit(EXIT_LOAD_CET_STATE)), s.mustBeZero(HOST_IA32_S_CET, HIGH_HALF)),
    'With "host address-space size" = 0 and "load CET state" = 1, bits 63:32 of the host\'s IA32_S_CET must be 0.',
  );
  rules.add(
    "host.ssp.high-half",
    SSP,
    (s: Subject): Tri => implies(both(isNot64Bit(s), s.exit(EXIT_LOAD_CET_STATE)), s.mustBeZero(HOST_SSP, HIGH_HALF)),
    'With "host address-space size" = 0 and "load CET state" = 1, bits 63:32 of the host\'s SSP must be 0.',
  );
  rules.add(
    "host.cr4.pae",
    CR4,
    (s: Subject): Tri => implies(s.exit(EXIT_HOST_ADDRESS_SPACE_SIZE), s.mustBeOne(HOST_CR4, CR4_PAE)),
    'With "host address-space size" = 1, the host\'s CR4.PAE must be 1.',
  );
  rules.add(
    "host.rip.canonical",
    RIP_WIDTH,
    (s: Subject): Tri => implies(s.exit(EXIT_HOST_ADDRESS_SPACE_SIZE), s.mustBeCanonical(HOST_RIP)),
    'With "host address-space size" = 1, the host\'s RIP must be canonical.',
  );
  rules.add(
    "host.ssp.canonical",
    SSP_WIDTH,
    (s: Subject): Tri =>
      implies(both(s.exit(EXIT_HOST_ADDRESS_SPACE_SIZE), s.exit(EXIT_LOAD_CET_STATE)), s.mustBeCanonical(HOST_SSP)),
    'With "host address-space size" = 1 and "load CET state" = 1, the host\'s SSP must be canonical.',
  );
  rules.at(STAGE_HOST, "29.2.4 of 326019-092US");
  rules.add(
    "host.cr4.fred",
    CR4,
    (s: Subject): Tri => implies(isNot64Bit(s), s.mustBeZero(HOST_CR4, CR4_FRED)),
    'With "host address-space size" = 0, the host\'s CR4.FRED must be 0.',
    "FRED transitions exist in IA-32e mode only.",
  );
}

function isNot64Bit(s: Subject): Tri {
  return not(s.exit(EXIT_HOST_ADDRESS_SPACE_SIZE));
}
