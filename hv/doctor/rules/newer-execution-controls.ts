// Rules of VM entry on VM-execution controls that edition 083 of the SDM lacks (SDM 3C 326019-092US, June 2026, 29.2.1.1).

import {
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SEAM_SHARED_EPT_POINTER,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VIRTUAL_TIMER_VECTOR,
} from "../../x86/vmcs-fields";
import {
  PRIMARY_RDTSC_EXITING,
  SECONDARY_ENABLE_EPT,
  SECONDARY_VIRTUAL_INTERRUPT_DELIVERY,
  TERTIARY_APIC_TIMER_VIRTUALIZATION,
} from "../../x86/vmx-controls";
import { CAP_CPUID_80000008_EAX, STATE_IN_SEAM } from "../inputs";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { implies, Tri } from "../tri";

const PRIMARY: u32 = PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const SECONDARY: u32 = SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
const TERTIARY: u32 = TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;

const DELIVERY: StaticArray<u32> = [SECONDARY, PRIMARY, TERTIARY];
const RDTSC: StaticArray<u32> = [PRIMARY, TERTIARY];
const VECTOR: StaticArray<u32> = [VIRTUAL_TIMER_VECTOR, TERTIARY];
const SEAM_EPT: StaticArray<u32> = [SECONDARY, PRIMARY, STATE_IN_SEAM];
const SHARED: StaticArray<u32> = [SEAM_SHARED_EPT_POINTER, STATE_IN_SEAM];
const SHARED_WIDTH: StaticArray<u32> = [SEAM_SHARED_EPT_POINTER, STATE_IN_SEAM, CAP_CPUID_80000008_EAX];

const ABOVE_VECTOR: u64 = 0xff00;
const SHARED_RESERVED: u64 = 0xfff;

/** Adds the rows. */
export function addNewerExecutionControlRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "29.2.1.1 of 326019-092US");
  rules.add(
    "control.seam.needs-ept",
    SEAM_EPT,
    (s: Subject): Tri => implies(s.isRarely(STATE_IN_SEAM), s.mustHaveSecondary(SECONDARY_ENABLE_EPT)),
    '"Enable EPT" must be 1 where the processor is in SEAM at the VM entry.',
  );
  rules.add(
    "control.seam-shared-eptp.reserved",
    SHARED,
    (s: Subject): Tri => implies(s.isRarely(STATE_IN_SEAM), s.mustBeZero(SEAM_SHARED_EPT_POINTER, SHARED_RESERVED)),
    "In SEAM, bits 11:0 of the SEAM shared EPT pointer must be 0.",
    "The pointer holds an address alone; memory type, walk length and accessed and dirty flags are those of the EPTP.",
  );
  rules.add(
    "control.seam-shared-eptp.maxphyaddr",
    SHARED_WIDTH,
    (s: Subject): Tri => implies(s.isRarely(STATE_IN_SEAM), s.mustBeWithinMaxphyaddr(SEAM_SHARED_EPT_POINTER)),
    "In SEAM, bits 63:N of the SEAM shared EPT pointer must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]).",
  );
  rules.add(
    "control.apic-timer-virtualization.needs-virtual-interrupt-delivery",
    DELIVERY,
    (s: Subject): Tri =>
      implies(
        s.tertiary(TERTIARY_APIC_TIMER_VIRTUALIZATION),
        s.mustHaveSecondary(SECONDARY_VIRTUAL_INTERRUPT_DELIVERY),
      ),
    '"Virtual-interrupt delivery" must be 1 where "APIC-timer virtualization" is 1.',
  );
  rules.add(
    "control.apic-timer-virtualization.without-rdtsc-exiting",
    RDTSC,
    (s: Subject): Tri =>
      implies(s.tertiary(TERTIARY_APIC_TIMER_VIRTUALIZATION), s.mustBeZero(PRIMARY, PRIMARY_RDTSC_EXITING)),
    '"RDTSC exiting" must be 0 where "APIC-timer virtualization" is 1.',
    "The guest's deadlines are told in its own time-stamp counter, which it must be able to read.",
  );
  rules.add(
    "control.apic-timer-virtualization.vector",
    VECTOR,
    (s: Subject): Tri =>
      implies(s.tertiary(TERTIARY_APIC_TIMER_VIRTUALIZATION), s.mustBeZero(VIRTUAL_TIMER_VECTOR, ABOVE_VECTOR)),
    'With "APIC-timer virtualization", the virtual timer vector must be 0 to 255: bits 15:8 must be 0.',
  );
}
