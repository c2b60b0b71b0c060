// Rules of VM entry on the controls of Intel Processor Trace (SDM 3C 27.2.1.1).

import {
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_CONTROLS,
} from "../../x86/vmcs-fields";
import {
  ENTRY_LOAD_IA32_RTIT_CTL,
  EXIT_CLEAR_IA32_RTIT_CTL,
  SECONDARY_INTEL_PT_USES_GUEST_PHYSICAL_ADDRESSES,
} from "../../x86/vmx-controls";
import { STATE_RTIT_CTL } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const LOAD: StaticArray<u32> = [
  VM_ENTRY_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const CLEAR: StaticArray<u32> = [
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
const TRACING: StaticArray<u32> = [VM_ENTRY_CONTROLS, STATE_RTIT_CTL];

const TRACE_EN: u64 = 1 << 0;

/** Adds the rows. */
export function addIntelPtRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.intel-pt.enabled",
    TRACING,
    (s: Subject): Tri =>
      implies(s.isSet(STATE_RTIT_CTL, TRACE_EN), s.mustBeZero(VM_ENTRY_CONTROLS, ENTRY_LOAD_IA32_RTIT_CTL)),
    'The VM-entry control "load IA32_RTIT_CTL" must be 0 where Intel PT is enabled at the VM entry (IA32_RTIT_CTL.TraceEn = 1).',
    "Stop the host's trace before the VM entry, or do not load the guest's.",
  );
  rules.add(
    "control.intel-pt-guest-physical-addresses.needs-load-rtit-ctl",
    LOAD,
    (s: Subject): Tri =>
      implies(
        s.secondary(SECONDARY_INTEL_PT_USES_GUEST_PHYSICAL_ADDRESSES),
        s.mustBeOne(VM_ENTRY_CONTROLS, ENTRY_LOAD_IA32_RTIT_CTL),
      ),
    'The VM-entry control "load IA32_RTIT_CTL" must be 1 where "Intel PT uses guest physical addresses" is 1.',
  );
  rules.add(
    "control.intel-pt-guest-physical-addresses.needs-clear-rtit-ctl",
    CLEAR,
    (s: Subject): Tri =>
      implies(
        s.secondary(SECONDARY_INTEL_PT_USES_GUEST_PHYSICAL_ADDRESSES),
        s.mustBeOne(PRIMARY_VM_EXIT_CONTROLS, EXIT_CLEAR_IA32_RTIT_CTL),
      ),
    'The VM-exit control "clear IA32_RTIT_CTL" must be 1 where "Intel PT uses guest physical addresses" is 1.',
    "The host must not go on writing its trace to the guest's addresses.",
  );
}
