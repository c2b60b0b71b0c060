// Rules of VM entry on the VM-exit controls (SDM 3C 27.2.1.2).

import {
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_VM_EXIT_CONTROLS,
  VM_ENTRY_CONTROLS,
  VM_EXIT_MSR_LOAD_ADDRESS,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_STORE_ADDRESS,
  VM_EXIT_MSR_STORE_COUNT,
} from "../../x86/vmcs-fields";
import {
  EXIT_ACTIVATE_SECONDARY_CONTROLS,
  EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE,
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
} from "../../x86/vmx-controls";
import { allowedOnes, allowedOnes64, allowedZeros } from "../allowed-settings";
import { CAP_BASIC, CAP_EXIT_CTLS, CAP_EXIT_CTLS2, CAP_TRUE_EXIT_CTLS, STATE_IN_SMM } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { both, implies, not, Tri } from "../tri";
import { addMsrAreaRules } from "./msr-areas";
import { returnsFromSmm } from "./return-from-smm";

const EXIT: StaticArray<u32> = [PRIMARY_VM_EXIT_CONTROLS, CAP_EXIT_CTLS, CAP_TRUE_EXIT_CTLS, CAP_BASIC];
const SECONDARY_EXIT: StaticArray<u32> = [SECONDARY_VM_EXIT_CONTROLS, PRIMARY_VM_EXIT_CONTROLS, CAP_EXIT_CTLS2];
const SAVE_TIMER: StaticArray<u32> = [
  PRIMARY_VM_EXIT_CONTROLS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  STATE_IN_SMM,
  VM_ENTRY_CONTROLS,
];

/** Adds the rows. */
export function addExitControlRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.2");
  rules.add(
    "control.exit.allowed-0",
    EXIT,
    (s: Subject): Tri => allowedZeros(s, PRIMARY_VM_EXIT_CONTROLS, CAP_EXIT_CTLS, CAP_TRUE_EXIT_CTLS),
    "Each primary VM-exit control must be 1 that IA32_VMX_EXIT_CTLS[31:0] has as 1 (IA32_VMX_TRUE_EXIT_CTLS where IA32_VMX_BASIC[55] = 1).",
    "Reserved bits are not all 0: OR bits 31:0 of the capability MSR into the wanted controls.",
  );
  rules.add(
    "control.exit.allowed-1",
    EXIT,
    (s: Subject): Tri => allowedOnes(s, PRIMARY_VM_EXIT_CONTROLS, CAP_EXIT_CTLS, CAP_TRUE_EXIT_CTLS),
    "Each primary VM-exit control must be 0 that IA32_VMX_EXIT_CTLS[63:32] has as 0 (IA32_VMX_TRUE_EXIT_CTLS where IA32_VMX_BASIC[55] = 1).",
    "This processor lacks the control: drop it, and with it the VM-entry control that is its pair.",
  );
  rules.add(
    "control.secondary-exit.allowed-1",
    SECONDARY_EXIT,
    (s: Subject): Tri =>
      implies(s.exit(EXIT_ACTIVATE_SECONDARY_CONTROLS), allowedOnes64(s, SECONDARY_VM_EXIT_CONTROLS, CAP_EXIT_CTLS2)),
    "With secondary VM-exit controls, each must be 0 that IA32_VMX_EXIT_CTLS2 has as 0.",
    "IA32_VMX_EXIT_CTLS2 is a mask of 64 controls that may be 1, not a pair of 32-bit halves.",
  );
  rules.add(
    "control.exit.save-preemption-timer",
    SAVE_TIMER,
    (s: Subject): Tri =>
      implies(
        both(not(s.pin(PIN_ACTIVATE_VMX_PREEMPTION_TIMER)), not(returnsFromSmm(s))),
        s.mustBeZero(PRIMARY_VM_EXIT_CONTROLS, EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE),
      ),
    'With "activate VMX-preemption timer" = 0, "save VMX-preemption timer value" must be 0, but at a VM entry that returns from SMM.',
    "Activate the timer as well, or clear bit 22 of the primary VM-exit controls.",
  );
  addMsrAreaRules(rules, "exit-msr-store", "VM-exit MSR-store", VM_EXIT_MSR_STORE_ADDRESS, VM_EXIT_MSR_STORE_COUNT);
  addMsrAreaRules(rules, "exit-msr-load", "VM-exit MSR-load", VM_EXIT_MSR_LOAD_ADDRESS, VM_EXIT_MSR_LOAD_COUNT);
}
