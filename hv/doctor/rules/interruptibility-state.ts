// Rules of VM entry on the guest's interruptibility state (SDM 3C 27.3.1.5).

import { CR4_FRED, RFLAGS_IF } from "../../x86/control-registers";
import { CPUID_7_EBX_SGX } from "../../x86/cpuid";
import {
  GUEST_CR4,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_RFLAGS,
  GUEST_SS_ACCESS_RIGHTS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
} from "../../x86/vmcs-fields";
import { ENTRY_ENTRY_TO_SMM, PIN_VIRTUAL_NMIS } from "../../x86/vmx-controls";
import { CAP_CPUID_7_EBX, STATE_IN_SMM } from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, implies, Tri, not } from "../tri";
import { injects, TYPE_EXTERNAL_INTERRUPT, TYPE_NMI } from "./injected-event";

const BY_STI: u64 = 1 << 0;
const BY_MOV_SS: u64 = 1 << 1;
const BY_SMI: u64 = 1 << 2;
const BY_NMI: u64 = 1 << 3;
const ENCLAVE_INTERRUPTION: u64 = 1 << 4;
const RESERVED: u64 = 0xffffffe0;
const SS_DPL_3: u64 = 3 << 5;

const FIELD: u32 = GUEST_INTERRUPTIBILITY_STATE;
const STATE: StaticArray<u32> = [FIELD];
const STATE_AND_RFLAGS: StaticArray<u32> = [FIELD, GUEST_RFLAGS];
const STATE_AND_EVENT: StaticArray<u32> = [FIELD, VM_ENTRY_INTERRUPTION_INFORMATION];
const STATE_EVENT_AND_PIN: StaticArray<u32> = [
  FIELD,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  PIN_BASED_VM_EXECUTION_CONTROLS,
];
const STATE_AND_SMM: StaticArray<u32> = [FIELD, STATE_IN_SMM];
const STATE_AND_ENTRY: StaticArray<u32> = [FIELD, VM_ENTRY_CONTROLS];
const STATE_AND_SGX: StaticArray<u32> = [FIELD, CAP_CPUID_7_EBX];
const STATE_FRED: StaticArray<u32> = [FIELD, GUEST_CR4, GUEST_SS_ACCESS_RIGHTS];

/** Adds the rows. */
export function addInterruptibilityStateRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.5");
  rules.add(
    "guest.interruptibility.reserved",
    STATE,
    (s: Subject): Tri => s.mustBeZero(FIELD, RESERVED),
    "Bits 31:5 of the interruptibility state must be 0.",
  );
  rules.add(
    "guest.interruptibility.sti-and-mov-ss",
    STATE,
    (s: Subject): Tri => implies(s.isSet(FIELD, BY_STI), s.mustBeZero(FIELD, BY_MOV_SS)),
    "The interruptibility state must not indicate both blocking by STI and blocking by MOV SS.",
  );
  rules.add(
    "guest.interruptibility.sti-without-if",
    STATE_AND_RFLAGS,
    (s: Subject): Tri => implies(s.isClear(GUEST_RFLAGS, RFLAGS_IF), s.mustBeZero(FIELD, BY_STI)),
    "With RFLAGS.IF = 0, blocking by STI (bit 0) must be 0.",
    "Clear bit 0 of the interruptibility state when clearing IF on the guest's behalf.",
  );
  rules.add(
    "guest.interruptibility.external-interrupt",
    STATE_AND_EVENT,
    (s: Subject): Tri => implies(injects(s, TYPE_EXTERNAL_INTERRUPT), s.mustBeZero(FIELD, BY_STI | BY_MOV_SS)),
    "With an external interrupt to inject, blocking by STI (bit 0) and blocking by MOV SS (bit 1) must be 0.",
    'Wait for an interrupt window ("interrupt-window exiting") instead of injecting while the guest is blocked.',
  );
  rules.add(
    "guest.interruptibility.mov-ss-nmi",
    STATE_AND_EVENT,
    (s: Subject): Tri => implies(injects(s, TYPE_NMI), s.mustBeZero(FIELD, BY_MOV_SS)),
    "With an NMI to inject, blocking by MOV SS (bit 1) must be 0.",
    'Wait for an NMI window ("NMI-window exiting") instead of injecting while the guest is blocked.',
  );
  rules.add(
    "guest.interruptibility.smi-outside-smm",
    STATE_AND_SMM,
    (s: Subject): Tri => implies(not(s.isRarely(STATE_IN_SMM)), s.mustBeZero(FIELD, BY_SMI)),
    "Outside SMM, blocking by SMI (bit 2) must be 0.",
  );
  rules.add(
    "guest.interruptibility.smi-entry-to-smm",
    STATE_AND_ENTRY,
    (s: Subject): Tri => implies(s.entry(ENTRY_ENTRY_TO_SMM), s.mustBeOne(FIELD, BY_SMI)),
    'With "entry to SMM", blocking by SMI (bit 2) must be 1.',
  );
  rules.add(
    "guest.interruptibility.sti-nmi",
    STATE_AND_EVENT,
    (s: Subject): Tri => implies(injects(s, TYPE_NMI), s.mustBeZero(FIELD, BY_STI)),
    "With an NMI to inject, blocking by STI (bit 0) must be 0; older editions leave it to the processor whether it requires that.",
    "Clear bit 0 of the interruptibility state: the NMI's handler starts with IF = 0 anyway.",
  );
  rules.add(
    "guest.interruptibility.nmi-virtual-nmis",
    STATE_EVENT_AND_PIN,
    (s: Subject): Tri => implies(both(s.pin(PIN_VIRTUAL_NMIS), injects(s, TYPE_NMI)), s.mustBeZero(FIELD, BY_NMI)),
    'With "virtual NMIs" and an NMI to inject, blocking by NMI (bit 3) must be 0.',
    'Wait for the guest\'s IRET with "NMI-window exiting" before injecting a second NMI.',
  );
  rules.add(
    "guest.interruptibility.enclave-mov-ss",
    STATE,
    (s: Subject): Tri => implies(s.isSet(FIELD, ENCLAVE_INTERRUPTION), s.mustBeZero(FIELD, BY_MOV_SS)),
    "With an enclave interruption (bit 4), blocking by MOV SS (bit 1) must be 0.",
  );
  rules.add(
    "guest.interruptibility.enclave-sgx",
    STATE_AND_SGX,
    (s: Subject): Tri =>
      implies(
        s.isSet(FIELD, ENCLAVE_INTERRUPTION),
        s.blame(FIELD, ENCLAVE_INTERRUPTION, s.supports(CAP_CPUID_7_EBX, CPUID_7_EBX_SGX)),
      ),
    "Enclave interruption (bit 4) must be 0 on a processor without SGX (CPUID.7.0:EBX[2] = 0).",
  );
  rules.at(STAGE_GUEST, "FRED 346446");
  rules.add(
    "guest.interruptibility.sti-fred-user",
    STATE_FRED,
    (s: Subject): Tri =>
      implies(
        both(s.isSet(GUEST_CR4, CR4_FRED), s.isSet(GUEST_SS_ACCESS_RIGHTS, SS_DPL_3)),
        s.mustBeZero(FIELD, BY_STI),
      ),
    "With CR4.FRED and an SS of DPL 3, blocking by STI (bit 0) must be 0.",
  );
}
