// Rules of VM entry on CR3 targets, NMIs, the VPID and the TSC multiplier (SDM 3C 27.2.1.1).

import {
  CR3_TARGET_COUNT,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TSC_MULTIPLIER,
  VIRTUAL_PROCESSOR_IDENTIFIER,
} from "../../x86/vmcs-fields";
import { VMX_MISC_CR3_TARGET_COUNT_MASK, VMX_MISC_CR3_TARGET_COUNT_SHIFT } from "../../x86/vmx-capabilities";
import {
  PIN_NMI_EXITING,
  PIN_VIRTUAL_NMIS,
  PRIMARY_NMI_WINDOW_EXITING,
  SECONDARY_ENABLE_VPID,
  SECONDARY_USE_TSC_SCALING,
} from "../../x86/vmx-controls";
import { CAP_MISC } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { DOUBT_AT_MOST } from "../evidence";
import { Subject } from "../subject";
import { implies, Tri, UNKNOWN, YES } from "../tri";

const TARGETS: StaticArray<u32> = [CR3_TARGET_COUNT, CAP_MISC];
const PIN: StaticArray<u32> = [PIN_BASED_VM_EXECUTION_CONTROLS];
const WINDOW: StaticArray<u32> = [PIN_BASED_VM_EXECUTION_CONTROLS, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS];
const VPID: StaticArray<u32> = [VIRTUAL_PROCESSOR_IDENTIFIER, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS];
const SCALING: StaticArray<u32> = [TSC_MULTIPLIER, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS];

/** Adds the row that comes before those on addresses. */
export function addCr3TargetRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.cr3-target-count",
    TARGETS,
    (s: Subject): Tri => cr3TargetsAreSupported(s),
    "The CR3-target count must not be greater than the number of CR3-target values, IA32_VMX_MISC[24:16].",
    "Every processor so far has 4 CR3-target values; 0 is the count for who does not use them.",
  );
}

/** Adds the rows. */
export function addNmiRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.virtual-nmis.needs-nmi-exiting",
    PIN,
    (s: Subject): Tri =>
      implies(s.pin(PIN_VIRTUAL_NMIS), s.mustBeOne(PIN_BASED_VM_EXECUTION_CONTROLS, PIN_NMI_EXITING)),
    '"NMI exiting" must be 1 where "virtual NMIs" is 1.',
    "Virtual NMIs give the guest an NMI blocking of its own, which makes sense only if physical NMIs exit.",
  );
  rules.add(
    "control.nmi-window-exiting.needs-virtual-nmis",
    WINDOW,
    (s: Subject): Tri =>
      implies(s.primary(PRIMARY_NMI_WINDOW_EXITING), s.mustBeOne(PIN_BASED_VM_EXECUTION_CONTROLS, PIN_VIRTUAL_NMIS)),
    '"Virtual NMIs" must be 1 where "NMI-window exiting" is 1.',
    "The NMI window is the end of virtual-NMI blocking: set both controls, or neither.",
  );
}

/** Adds the row. */
export function addVpidRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.vpid.zero",
    VPID,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_ENABLE_VPID), s.mustNotEqual(VIRTUAL_PROCESSOR_IDENTIFIER, 0)),
    'With "enable VPID", the VPID must not be 0000H.',
    "VPID 0 is the host's: number virtual processors from 1.",
  );
}

/** Adds the row. */
export function addTscMultiplierRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.tsc-multiplier.zero",
    SCALING,
    (s: Subject): Tri => implies(s.secondary(SECONDARY_USE_TSC_SCALING), s.mustNotEqual(TSC_MULTIPLIER, 0)),
    'With "use TSC scaling", the TSC multiplier must not be 0.',
    "The multiplier has 48 bits of fraction: 1 << 48 leaves the rate as it is.",
  );
}

function cr3TargetsAreSupported(s: Subject): Tri {
  if (!s.needs(CR3_TARGET_COUNT)) return UNKNOWN;
  const count = s.get(CR3_TARGET_COUNT);
  if (count == 0) return YES;
  if (!s.has(CAP_MISC)) return s.doubt(CAP_MISC, DOUBT_AT_MOST, count);
  return s.mustBeAtMost(
    CR3_TARGET_COUNT,
    (s.get(CAP_MISC) >> VMX_MISC_CR3_TARGET_COUNT_SHIFT) & VMX_MISC_CR3_TARGET_COUNT_MASK,
  );
}
