// Rules of VM entries that return from SMM, on the executive-VMCS pointer and what it decides (SDM 3C 32.15.4).

import {
  EXECUTIVE_VMCS_POINTER,
  GUEST_ACTIVITY_STATE,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
} from "../../x86/vmcs-fields";
import { ENTRY_DEACTIVATE_DUAL_MONITOR_TREATMENT, ENTRY_ENTRY_TO_SMM } from "../../x86/vmx-controls";
import { CAP_BASIC, CAP_CPUID_80000008_EAX, STATE_IN_SMM, STATE_VMXON_POINTER } from "../inputs";
import { Rules, STAGE_CONTROLS, STAGE_GUEST } from "../rule";
import { Subject } from "../subject";
import { both, implies, NO, not, Tri, tri, UNKNOWN } from "../tri";
import { WAIT_FOR_SIPI } from "./activity-state";
import { injectedVector, injects, TYPE_OTHER_EVENT } from "./injected-event";

const POINTER: StaticArray<u32> = [EXECUTIVE_VMCS_POINTER, STATE_IN_SMM, VM_ENTRY_CONTROLS];
const POINTER_WIDTH: StaticArray<u32> = [
  EXECUTIVE_VMCS_POINTER,
  STATE_IN_SMM,
  VM_ENTRY_CONTROLS,
  CAP_CPUID_80000008_EAX,
  CAP_BASIC,
];
const POINTERS: StaticArray<u32> = [EXECUTIVE_VMCS_POINTER, STATE_VMXON_POINTER, STATE_IN_SMM, VM_ENTRY_CONTROLS];

const EVENT: StaticArray<u32> = [
  VM_ENTRY_INTERRUPTION_INFORMATION,
  EXECUTIVE_VMCS_POINTER,
  STATE_VMXON_POINTER,
  STATE_IN_SMM,
  VM_ENTRY_CONTROLS,
];
const ACTIVITY: StaticArray<u32> = [
  GUEST_ACTIVITY_STATE,
  EXECUTIVE_VMCS_POINTER,
  STATE_VMXON_POINTER,
  STATE_IN_SMM,
  VM_ENTRY_CONTROLS,
];

const VECTOR_PENDING_MTF: u64 = 0;
const WITHIN_PAGE: u64 = 0xfff;

/** Adds the rows. */
export function addReturnFromSmmRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "32.15.4.1");
  rules.add(
    "control.executive-vmcs-pointer.alignment",
    POINTER,
    (s: Subject): Tri => implies(returnsFromSmm(s), s.mustBeZero(EXECUTIVE_VMCS_POINTER, WITHIN_PAGE)),
    "At a VM entry that returns from SMM, bits 11:0 of the executive-VMCS pointer must be 0, else VM-instruction error 16.",
  );
  rules.add(
    "control.executive-vmcs-pointer.maxphyaddr",
    POINTER_WIDTH,
    (s: Subject): Tri => implies(returnsFromSmm(s), s.mustBePhysicalAddress(EXECUTIVE_VMCS_POINTER)),
    "At a VM entry that returns from SMM, bits 63:N of the executive-VMCS pointer must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1; else VM-instruction error 16.",
  );
  rules.add(
    "control.executive-vmcs-pointer.vmxon",
    POINTERS,
    (s: Subject): Tri =>
      implies(both(returnsFromSmm(s), s.entry(ENTRY_DEACTIVATE_DUAL_MONITOR_TREATMENT)), isVmxonPointer(s)),
    'With "deactivate dual-monitor treatment" at a VM entry that returns from SMM, the executive-VMCS pointer must be the VMXON pointer, else VM-instruction error 18.',
    "The treatment can end only after an SMM VM exit from VMX root operation, which leaves the VMXON pointer in the field.",
  );
  rules.at(STAGE_CONTROLS, "32.15.4.3");
  rules.add(
    "control.injection.pending-mtf-in-root-operation",
    EVENT,
    (s: Subject): Tri =>
      implies(returnsToRootOperation(s), s.blame(VM_ENTRY_INTERRUPTION_INFORMATION, 0, not(injectsPendingMtf(s)))),
    "At a VM entry from SMM to VMX root operation (the executive-VMCS pointer is the VMXON pointer), no pending MTF VM exit (type 7, vector 0) may be injected.",
  );
}

/** Adds the row on the guest-state area. */
export function addReturnFromSmmGuestRules(rules: Rules): void {
  rules.at(STAGE_GUEST, "32.15.4.4");
  rules.add(
    "guest.activity-state.root-operation",
    ACTIVITY,
    (s: Subject): Tri => implies(returnsToRootOperation(s), s.mustNotEqual(GUEST_ACTIVITY_STATE, WAIT_FOR_SIPI)),
    "At a VM entry from SMM to VMX root operation (the executive-VMCS pointer is the VMXON pointer), the activity state must not be wait-for-SIPI.",
  );
}

/** The VM entry is in SMM and without "entry to SMM". */
export function returnsFromSmm(s: Subject): Tri {
  return both(s.isRarely(STATE_IN_SMM), not(s.entry(ENTRY_ENTRY_TO_SMM)));
}

/** The VM entry returns from SMM and stays in VMX root operation. */
function returnsToRootOperation(s: Subject): Tri {
  const isReturn = returnsFromSmm(s);
  if (isReturn == NO) return NO;
  if (!s.needs(STATE_VMXON_POINTER)) return UNKNOWN;
  return both(isReturn, s.is(EXECUTIVE_VMCS_POINTER, s.get(STATE_VMXON_POINTER)));
}

function injectsPendingMtf(s: Subject): Tri {
  const isOther = injects(s, TYPE_OTHER_EVENT);
  return isOther == NO ? NO : both(isOther, tri(injectedVector(s) == VECTOR_PENDING_MTF));
}

function isVmxonPointer(s: Subject): Tri {
  if (!s.needs(STATE_VMXON_POINTER)) return UNKNOWN;
  return s.mustEqual(EXECUTIVE_VMCS_POINTER, s.get(STATE_VMXON_POINTER));
}
