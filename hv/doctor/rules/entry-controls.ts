// Rules of VM entry on the VM-entry controls, but for event injection (SDM 3C 27.2.1.3).

import { VM_ENTRY_CONTROLS, VM_ENTRY_MSR_LOAD_ADDRESS, VM_ENTRY_MSR_LOAD_COUNT } from "../../x86/vmcs-fields";
import { ENTRY_DEACTIVATE_DUAL_MONITOR_TREATMENT, ENTRY_ENTRY_TO_SMM } from "../../x86/vmx-controls";
import { allowedOnes, allowedZeros } from "../allowed-settings";
import { CAP_BASIC, CAP_ENTRY_CTLS, CAP_TRUE_ENTRY_CTLS, STATE_IN_SMM } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { implies, Tri, not } from "../tri";
import { addMsrAreaRules } from "./msr-areas";

const ENTRY: StaticArray<u32> = [VM_ENTRY_CONTROLS, CAP_ENTRY_CTLS, CAP_TRUE_ENTRY_CTLS, CAP_BASIC];
const SMM: StaticArray<u32> = [VM_ENTRY_CONTROLS, STATE_IN_SMM];
const CONTROLS: StaticArray<u32> = [VM_ENTRY_CONTROLS];

/** Adds the rows of the control word and of the MSR-load area. */
export function addEntryControlRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.3");
  rules.add(
    "control.entry.allowed-0",
    ENTRY,
    (s: Subject): Tri => allowedZeros(s, VM_ENTRY_CONTROLS, CAP_ENTRY_CTLS, CAP_TRUE_ENTRY_CTLS),
    "Each VM-entry control must be 1 that IA32_VMX_ENTRY_CTLS[31:0] has as 1 (IA32_VMX_TRUE_ENTRY_CTLS where IA32_VMX_BASIC[55] = 1).",
    "Reserved bits are not all 0: OR bits 31:0 of the capability MSR into the wanted controls.",
  );
  rules.add(
    "control.entry.allowed-1",
    ENTRY,
    (s: Subject): Tri => allowedOnes(s, VM_ENTRY_CONTROLS, CAP_ENTRY_CTLS, CAP_TRUE_ENTRY_CTLS),
    "Each VM-entry control must be 0 that IA32_VMX_ENTRY_CTLS[63:32] has as 0 (IA32_VMX_TRUE_ENTRY_CTLS where IA32_VMX_BASIC[55] = 1).",
    "This processor lacks the control: drop it, and with it the VM-exit control that is its pair.",
  );
  addMsrAreaRules(rules, "entry-msr-load", "VM-entry MSR-load", VM_ENTRY_MSR_LOAD_ADDRESS, VM_ENTRY_MSR_LOAD_COUNT);
  rules.add(
    "control.entry.entry-to-smm",
    SMM,
    (s: Subject): Tri => implies(not(s.isRarely(STATE_IN_SMM)), s.mustBeZero(VM_ENTRY_CONTROLS, ENTRY_ENTRY_TO_SMM)),
    'Outside SMM, "entry to SMM" must be 0.',
    "Only an SMM-transfer monitor ever sets bit 10.",
  );
  rules.add(
    "control.entry.deactivate-dual-monitor",
    SMM,
    (s: Subject): Tri =>
      implies(not(s.isRarely(STATE_IN_SMM)), s.mustBeZero(VM_ENTRY_CONTROLS, ENTRY_DEACTIVATE_DUAL_MONITOR_TREATMENT)),
    'Outside SMM, "deactivate dual-monitor treatment" must be 0.',
    "Only an SMM-transfer monitor ever sets bit 11.",
  );
  rules.add(
    "control.entry.smm-controls",
    CONTROLS,
    (s: Subject): Tri =>
      implies(s.entry(ENTRY_ENTRY_TO_SMM), s.mustBeZero(VM_ENTRY_CONTROLS, ENTRY_DEACTIVATE_DUAL_MONITOR_TREATMENT)),
    '"Entry to SMM" and "deactivate dual-monitor treatment" must not both be 1.',
  );
}
