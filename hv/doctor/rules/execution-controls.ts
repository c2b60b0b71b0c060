// Rules of VM entry on the reserved bits of the VM-execution control words (SDM 3C 27.2.1.1).

import {
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
} from "../../x86/vmcs-fields";
import { PRIMARY_ACTIVATE_SECONDARY_CONTROLS, PRIMARY_ACTIVATE_TERTIARY_CONTROLS } from "../../x86/vmx-controls";
import { allowedOnes, allowedOnes64, allowedZeros } from "../allowed-settings";
import {
  CAP_BASIC,
  CAP_PINBASED_CTLS,
  CAP_PROCBASED_CTLS,
  CAP_PROCBASED_CTLS2,
  CAP_PROCBASED_CTLS3,
  CAP_TRUE_PINBASED_CTLS,
  CAP_TRUE_PROCBASED_CTLS,
} from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const PIN: StaticArray<u32> = [PIN_BASED_VM_EXECUTION_CONTROLS, CAP_PINBASED_CTLS, CAP_TRUE_PINBASED_CTLS, CAP_BASIC];
const PRIMARY: StaticArray<u32> = [
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  CAP_PROCBASED_CTLS,
  CAP_TRUE_PROCBASED_CTLS,
  CAP_BASIC,
];
const SECONDARY: StaticArray<u32> = [
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  CAP_PROCBASED_CTLS2,
];
const TERTIARY: StaticArray<u32> = [
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  CAP_PROCBASED_CTLS3,
];

const HINT_ALLOWED_0: string =
  "Reserved bits are not all 0: OR bits 31:0 of the capability MSR into the wanted controls.";
const HINT_ALLOWED_1: string =
  "This processor lacks the control: AND the wanted controls with bits 63:32 of the capability MSR, and do without what falls away.";

/** Adds the rows. */
export function addExecutionControlRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.pin.allowed-0",
    PIN,
    (s: Subject): Tri => allowedZeros(s, PIN_BASED_VM_EXECUTION_CONTROLS, CAP_PINBASED_CTLS, CAP_TRUE_PINBASED_CTLS),
    "Each pin-based control must be 1 that IA32_VMX_PINBASED_CTLS[31:0] has as 1 (IA32_VMX_TRUE_PINBASED_CTLS where IA32_VMX_BASIC[55] = 1).",
    HINT_ALLOWED_0,
  );
  rules.add(
    "control.pin.allowed-1",
    PIN,
    (s: Subject): Tri => allowedOnes(s, PIN_BASED_VM_EXECUTION_CONTROLS, CAP_PINBASED_CTLS, CAP_TRUE_PINBASED_CTLS),
    "Each pin-based control must be 0 that IA32_VMX_PINBASED_CTLS[63:32] has as 0 (IA32_VMX_TRUE_PINBASED_CTLS where IA32_VMX_BASIC[55] = 1).",
    HINT_ALLOWED_1,
  );
  rules.add(
    "control.primary.allowed-0",
    PRIMARY,
    (s: Subject): Tri =>
      allowedZeros(s, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, CAP_PROCBASED_CTLS, CAP_TRUE_PROCBASED_CTLS),
    "Each primary processor-based control must be 1 that IA32_VMX_PROCBASED_CTLS[31:0] has as 1 (IA32_VMX_TRUE_PROCBASED_CTLS where IA32_VMX_BASIC[55] = 1).",
    HINT_ALLOWED_0,
  );
  rules.add(
    "control.primary.allowed-1",
    PRIMARY,
    (s: Subject): Tri =>
      allowedOnes(s, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, CAP_PROCBASED_CTLS, CAP_TRUE_PROCBASED_CTLS),
    "Each primary processor-based control must be 0 that IA32_VMX_PROCBASED_CTLS[63:32] has as 0 (IA32_VMX_TRUE_PROCBASED_CTLS where IA32_VMX_BASIC[55] = 1).",
    HINT_ALLOWED_1,
  );
  rules.add(
    "control.secondary.allowed-0",
    SECONDARY,
    (s: Subject): Tri =>
      implies(
        s.primary(PRIMARY_ACTIVATE_SECONDARY_CONTROLS),
        allowedZeros(s, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, CAP_PROCBASED_CTLS2, 0),
      ),
    "With activated secondary controls, each secondary processor-based control must be 1 that IA32_VMX_PROCBASED_CTLS2[31:0] has as 1.",
    HINT_ALLOWED_0,
  );
  rules.add(
    "control.secondary.allowed-1",
    SECONDARY,
    (s: Subject): Tri =>
      implies(
        s.primary(PRIMARY_ACTIVATE_SECONDARY_CONTROLS),
        allowedOnes(s, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, CAP_PROCBASED_CTLS2, 0),
      ),
    "With activated secondary controls, each secondary processor-based control must be 0 that IA32_VMX_PROCBASED_CTLS2[63:32] has as 0.",
    HINT_ALLOWED_1,
  );
  rules.add(
    "control.tertiary.allowed-1",
    TERTIARY,
    (s: Subject): Tri =>
      implies(
        s.primary(PRIMARY_ACTIVATE_TERTIARY_CONTROLS),
        allowedOnes64(s, TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, CAP_PROCBASED_CTLS3),
      ),
    "With activated tertiary controls, each tertiary processor-based control must be 0 that IA32_VMX_PROCBASED_CTLS3 has as 0.",
    "This processor lacks the control: AND the wanted controls with IA32_VMX_PROCBASED_CTLS3, all 64 bits of which are allowed-1 settings.",
  );
}
