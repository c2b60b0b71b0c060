// Rules of VM entry on the guest's activity state (SDM 3C 27.3.1.5).

import {
  VMX_MISC_ACTIVITY_HLT,
  VMX_MISC_ACTIVITY_SHUTDOWN,
  VMX_MISC_ACTIVITY_WAIT_FOR_SIPI,
} from "../../x86/vmx-capabilities";
import {
  GUEST_ACTIVITY_STATE,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_SS_ACCESS_RIGHTS,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
} from "../../x86/vmcs-fields";
import { ENTRY_ENTRY_TO_SMM } from "../../x86/vmx-controls";
import { CAP_MISC } from "../inputs";
import { Rules, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, implies, not, Tri, UNKNOWN, YES } from "../tri";
import {
  injectedType,
  injectedVector,
  injectsAnEvent,
  TYPE_EXTERNAL_INTERRUPT,
  TYPE_HARDWARE_EXCEPTION,
  TYPE_NMI,
  TYPE_OTHER_EVENT,
} from "./injected-event";

const ACTIVE: u64 = 0;
const HLT: u64 = 1;
const SHUTDOWN: u64 = 2;
export const WAIT_FOR_SIPI: u64 = 3;

const SS_DPL: u64 = 3 << 5;
const BLOCKING_BY_STI_OR_MOV_SS: u64 = 3;
const VECTOR_DEBUG: u64 = 1;
const VECTOR_MACHINE_CHECK: u64 = 18;
const VECTOR_PENDING_MTF: u64 = 0;

const STATE: StaticArray<u32> = [GUEST_ACTIVITY_STATE];
const STATE_AND_MISC: StaticArray<u32> = [GUEST_ACTIVITY_STATE, CAP_MISC];
const STATE_AND_SS: StaticArray<u32> = [GUEST_ACTIVITY_STATE, GUEST_SS_ACCESS_RIGHTS];
const STATE_AND_BLOCKING: StaticArray<u32> = [GUEST_ACTIVITY_STATE, GUEST_INTERRUPTIBILITY_STATE];
const EVENT_AND_STATE: StaticArray<u32> = [VM_ENTRY_INTERRUPTION_INFORMATION, GUEST_ACTIVITY_STATE];
const STATE_AND_ENTRY: StaticArray<u32> = [GUEST_ACTIVITY_STATE, VM_ENTRY_CONTROLS];

const INJECTION_HINT: string =
  "Set the activity state to 0 (active) when an event that wakes the guest is to be injected.";

/** Adds the rows. */
export function addActivityStateRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "27.3.1.5");
  rules.add(
    "guest.activity-state.range",
    STATE,
    (s: Subject): Tri => s.mustBeAtMost(GUEST_ACTIVITY_STATE, WAIT_FOR_SIPI),
    "The activity state must be 0 (active), 1 (HLT), 2 (shutdown) or 3 (wait-for-SIPI).",
    "Write 0, unless the guest is to start halted or waiting for a startup IPI.",
  );
  rules.add(
    "guest.activity-state.supported",
    STATE_AND_MISC,
    stateIsSupported,
    "An activity state other than active must be one that IA32_VMX_MISC[6] (HLT), [7] (shutdown) or [8] (wait-for-SIPI) reports.",
  );
  rules.add(
    "guest.activity-state.hlt-ss-dpl",
    STATE_AND_SS,
    (s: Subject): Tri => implies(s.is(GUEST_ACTIVITY_STATE, HLT), s.mustBeZero(GUEST_SS_ACCESS_RIGHTS, SS_DPL)),
    "With the activity state HLT, the DPL of SS must be 0.",
    "Only CPL 0 can execute HLT, and the DPL of SS is the CPL.",
  );
  rules.add(
    "guest.activity-state.blocking",
    STATE_AND_BLOCKING,
    (s: Subject): Tri =>
      implies(
        not(s.isClear(GUEST_INTERRUPTIBILITY_STATE, BLOCKING_BY_STI_OR_MOV_SS)),
        s.mustEqual(GUEST_ACTIVITY_STATE, ACTIVE),
      ),
    "With blocking by STI or by MOV SS, the activity state must be active.",
    "A guest that exits on the HLT after an STI is still blocked by STI: clear bit 0 of the interruptibility state before making the guest HLT.",
  );
  rules.add(
    "guest.activity-state.hlt-injection",
    EVENT_AND_STATE,
    (s: Subject): Tri =>
      implies(
        both(s.is(GUEST_ACTIVITY_STATE, HLT), injectsAnEvent(s)),
        s.must(VM_ENTRY_INTERRUPTION_INFORMATION, wakesFromHlt(s)),
      ),
    "With the activity state HLT, only an external interrupt, an NMI, #DB, #MC or a pending MTF VM exit may be injected.",
    INJECTION_HINT,
  );
  rules.add(
    "guest.activity-state.shutdown-injection",
    EVENT_AND_STATE,
    (s: Subject): Tri =>
      implies(
        both(s.is(GUEST_ACTIVITY_STATE, SHUTDOWN), injectsAnEvent(s)),
        s.must(VM_ENTRY_INTERRUPTION_INFORMATION, wakesFromShutdown(s)),
      ),
    "With the activity state shutdown, only an NMI or #MC may be injected.",
    INJECTION_HINT,
  );
  rules.add(
    "guest.activity-state.wait-for-sipi-injection",
    EVENT_AND_STATE,
    (s: Subject): Tri =>
      implies(
        s.is(GUEST_ACTIVITY_STATE, WAIT_FOR_SIPI),
        s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000000, not(injectsAnEvent(s))),
      ),
    "With the activity state wait-for-SIPI, no event may be injected.",
  );
  rules.add(
    "guest.activity-state.entry-to-smm",
    STATE_AND_ENTRY,
    (s: Subject): Tri => implies(s.entry(ENTRY_ENTRY_TO_SMM), s.mustNotEqual(GUEST_ACTIVITY_STATE, WAIT_FOR_SIPI)),
    'With "entry to SMM", the activity state must not be wait-for-SIPI.',
  );
}

function stateIsSupported(s: Subject): Tri {
  if (!s.needs(GUEST_ACTIVITY_STATE)) return UNKNOWN;
  const state = s.get(GUEST_ACTIVITY_STATE);
  if (state == HLT) return s.blame(GUEST_ACTIVITY_STATE, 0, s.supports(CAP_MISC, VMX_MISC_ACTIVITY_HLT));
  if (state == SHUTDOWN) return s.blame(GUEST_ACTIVITY_STATE, 0, s.supports(CAP_MISC, VMX_MISC_ACTIVITY_SHUTDOWN));
  if (state != WAIT_FOR_SIPI) return YES;
  return s.blame(GUEST_ACTIVITY_STATE, 0, s.supports(CAP_MISC, VMX_MISC_ACTIVITY_WAIT_FOR_SIPI));
}

function wakesFromHlt(s: Subject): bool {
  const type = injectedType(s);
  const vector = injectedVector(s);
  if (type == TYPE_EXTERNAL_INTERRUPT || type == TYPE_NMI) return true;
  if (type == TYPE_HARDWARE_EXCEPTION) return vector == VECTOR_DEBUG || vector == VECTOR_MACHINE_CHECK;
  return type == TYPE_OTHER_EVENT && vector == VECTOR_PENDING_MTF;
}

function wakesFromShutdown(s: Subject): bool {
  const type = injectedType(s);
  return type == TYPE_NMI || (type == TYPE_HARDWARE_EXCEPTION && injectedVector(s) == VECTOR_MACHINE_CHECK);
}
