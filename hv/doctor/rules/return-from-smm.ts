// Rules of VM entries that return from SMM, on the executive-VMCS pointer (SDM 3C 32.15.4.1).

import { EXECUTIVE_VMCS_POINTER, VM_ENTRY_CONTROLS } from "../../x86/vmcs-fields";
import { ENTRY_DEACTIVATE_DUAL_MONITOR_TREATMENT, ENTRY_ENTRY_TO_SMM } from "../../x86/vmx-controls";
import { CAP_BASIC, CAP_CPUID_80000008_EAX, STATE_IN_SMM, STATE_VMXON_POINTER } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { both, implies, not, Tri, UNKNOWN } from "../tri";

const POINTER: StaticArray<u32> = [EXECUTIVE_VMCS_POINTER, STATE_IN_SMM, VM_ENTRY_CONTROLS];
const POINTER_WIDTH: StaticArray<u32> = [
  EXECUTIVE_VMCS_POINTER,
  STATE_IN_SMM,
  VM_ENTRY_CONTROLS,
  CAP_CPUID_80000008_EAX,
  CAP_BASIC,
];
const POINTERS: StaticArray<u32> = [EXECUTIVE_VMCS_POINTER, STATE_VMXON_POINTER, STATE_IN_SMM, VM_ENTRY_CONTROLS];

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
}

function returnsFromSmm(s: Subject): Tri {
  return both(s.isRarely(STATE_IN_SMM), not(s.entry(ENTRY_ENTRY_TO_SMM)));
}

function isVmxonPointer(s: Subject): Tri {
  if (!s.needs(STATE_VMXON_POINTER)) return UNKNOWN;
  return s.mustEqual(EXECUTIVE_VMCS_POINTER, s.get(STATE_VMXON_POINTER));
}
