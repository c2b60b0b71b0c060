// Rules of VM entry on the controls of APIC virtualization (SDM 3C 27.2.1.1).

import {
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TPR_THRESHOLD,
} from "../../x86/vmcs-fields";
import {
  PIN_EXTERNAL_INTERRUPT_EXITING,
  PRIMARY_USE_TPR_SHADOW,
  SECONDARY_APIC_REGISTER_VIRTUALIZATION,
  SECONDARY_VIRTUAL_INTERRUPT_DELIVERY,
  SECONDARY_VIRTUALIZE_APIC_ACCESSES,
  SECONDARY_VIRTUALIZE_X2APIC_MODE,
  TERTIARY_IPI_VIRTUALIZATION,
} from "../../x86/vmx-controls";
import { STATE_VTPR } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { REQUIRED_AT_MOST } from "../evidence";
import { Subject } from "../subject";
import { both, implies, not, Tri, UNKNOWN, YES } from "../tri";

const PRIMARY: u32 = PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const SECONDARY: u32 = SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;

const THRESHOLD: StaticArray<u32> = [TPR_THRESHOLD, PRIMARY, SECONDARY];
const THRESHOLD_AND_VTPR: StaticArray<u32> = [TPR_THRESHOLD, STATE_VTPR, PRIMARY, SECONDARY];
const BOTH_WORDS: StaticArray<u32> = [PRIMARY, SECONDARY];
const ALL_WORDS: StaticArray<u32> = [PRIMARY, TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS];
const SECONDARY_ONLY: StaticArray<u32> = [SECONDARY, PRIMARY];
const DELIVERY: StaticArray<u32> = [PIN_BASED_VM_EXECUTION_CONTROLS, SECONDARY, PRIMARY];

const THRESHOLD_MASK: u64 = 0xf;
const THRESHOLD_RESERVED: u64 = 0xfffffff0;
const VTPR_CLASS_SHIFT: u64 = 4;

const HINT_TPR_SHADOW: string =
  'All of APIC virtualization builds on the virtual-APIC page: set "use TPR shadow" and the virtual-APIC address with it.';

/** Adds the rows. */
export function addApicVirtualizationRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.tpr-threshold.reserved",
    THRESHOLD,
    (s: Subject): Tri =>
      implies(
        both(s.primary(PRIMARY_USE_TPR_SHADOW), not(s.secondary(SECONDARY_VIRTUAL_INTERRUPT_DELIVERY))),
        s.mustBeZero(TPR_THRESHOLD, THRESHOLD_RESERVED),
      ),
    'With "use TPR shadow" and without "virtual-interrupt delivery", bits 31:4 of the TPR threshold must be 0.',
    "The threshold is a priority class of 0 to 15, not a whole TPR: shift the TPR right by 4.",
  );
  rules.add(
    "control.tpr-threshold.vtpr",
    THRESHOLD_AND_VTPR,
    (s: Subject): Tri =>
      implies(
        both(
          s.primary(PRIMARY_USE_TPR_SHADOW),
          both(
            not(s.secondary(SECONDARY_VIRTUALIZE_APIC_ACCESSES)),
            not(s.secondary(SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)),
          ),
        ),
        thresholdIsAtMostVtpr(s),
      ),
    'With "use TPR shadow" and without "virtualize APIC accesses" and "virtual-interrupt delivery", bits 3:0 of the TPR threshold must not be greater than bits 7:4 of VTPR, byte 80H of the virtual-APIC page.',
    "Lower the threshold to the priority class that the guest has in VTPR before the VM entry.",
  );
  rules.add(
    "control.x2apic-mode.needs-tpr-shadow",
    BOTH_WORDS,
    (s: Subject): Tri =>
      implies(s.secondary(SECONDARY_VIRTUALIZE_X2APIC_MODE), s.mustBeOne(PRIMARY, PRIMARY_USE_TPR_SHADOW)),
    '"Virtualize x2APIC mode" must be 0 where "use TPR shadow" is 0.',
    HINT_TPR_SHADOW,
  );
  rules.add(
    "control.apic-register-virtualization.needs-tpr-shadow",
    BOTH_WORDS,
    (s: Subject): Tri =>
      implies(s.secondary(SECONDARY_APIC_REGISTER_VIRTUALIZATION), s.mustBeOne(PRIMARY, PRIMARY_USE_TPR_SHADOW)),
    '"APIC-register virtualization" must be 0 where "use TPR shadow" is 0.',
    HINT_TPR_SHADOW,
  );
  rules.add(
    "control.virtual-interrupt-delivery.needs-tpr-shadow",
    BOTH_WORDS,
    (s: Subject): Tri =>
      implies(s.secondary(SECONDARY_VIRTUAL_INTERRUPT_DELIVERY), s.mustBeOne(PRIMARY, PRIMARY_USE_TPR_SHADOW)),
    '"Virtual-interrupt delivery" must be 0 where "use TPR shadow" is 0.',
    HINT_TPR_SHADOW,
  );
  rules.add(
    "control.ipi-virtualization.needs-tpr-shadow",
    ALL_WORDS,
    (s: Subject): Tri => implies(s.tertiary(TERTIARY_IPI_VIRTUALIZATION), s.mustBeOne(PRIMARY, PRIMARY_USE_TPR_SHADOW)),
    '"IPI virtualization" must be 0 where "use TPR shadow" is 0.',
    HINT_TPR_SHADOW,
  );
  rules.add(
    "control.x2apic-mode.without-apic-accesses",
    SECONDARY_ONLY,
    (s: Subject): Tri =>
      implies(
        s.secondary(SECONDARY_VIRTUALIZE_X2APIC_MODE),
        s.mustBeZero(SECONDARY, SECONDARY_VIRTUALIZE_APIC_ACCESSES),
      ),
    '"Virtualize APIC accesses" must be 0 where "virtualize x2APIC mode" is 1.',
    "A guest's APIC is in xAPIC or in x2APIC mode: swap the two controls when the guest writes IA32_APIC_BASE[10].",
  );
  rules.add(
    "control.virtual-interrupt-delivery.needs-external-interrupt-exiting",
    DELIVERY,
    (s: Subject): Tri =>
      implies(
        s.secondary(SECONDARY_VIRTUAL_INTERRUPT_DELIVERY),
        s.mustBeOne(PIN_BASED_VM_EXECUTION_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING),
      ),
    '"External-interrupt exiting" must be 1 where "virtual-interrupt delivery" is 1.',
    "With virtual-interrupt delivery RFLAGS.IF of the guest masks virtual interrupts only: physical ones must exit.",
  );
}

function thresholdIsAtMostVtpr(s: Subject): Tri {
  if (!s.needs(TPR_THRESHOLD)) return UNKNOWN;
  const threshold = s.get(TPR_THRESHOLD) & THRESHOLD_MASK;
  if (threshold == 0) return YES;
  if (!s.needs(STATE_VTPR)) return UNKNOWN;
  const priorityClass = (s.get(STATE_VTPR) >> VTPR_CLASS_SHIFT) & THRESHOLD_MASK;
  return threshold <= priorityClass ? YES : s.fails(TPR_THRESHOLD, REQUIRED_AT_MOST, 0, priorityClass);
}
