// Rules of VM entry on posted interrupts and on the virtualization of IPIs (SDM 3C 27.2.1.1).

import {
  LAST_PID_POINTER_INDEX,
  PID_POINTER_TABLE_ADDRESS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  POSTED_INTERRUPT_DESCRIPTOR_ADDRESS,
  POSTED_INTERRUPT_NOTIFICATION_VECTOR,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
} from "../../x86/vmcs-fields";
import {
  EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT,
  PIN_PROCESS_POSTED_INTERRUPTS,
  SECONDARY_VIRTUAL_INTERRUPT_DELIVERY,
  TERTIARY_IPI_VIRTUALIZATION,
} from "../../x86/vmx-controls";
import { CAP_BASIC, CAP_CPUID_80000008_EAX } from "../inputs";
import { areaMustLieInPhysicalAddresses } from "../physical-areas";
import { Rules, STAGE_CONTROLS } from "../rule";
import { Subject } from "../subject";
import { implies, Tri, UNKNOWN } from "../tri";

const PIN: u32 = PIN_BASED_VM_EXECUTION_CONTROLS;
const DELIVERY: StaticArray<u32> = [
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PIN,
];
const ACKNOWLEDGE: StaticArray<u32> = [PRIMARY_VM_EXIT_CONTROLS, PIN];
const VECTOR: StaticArray<u32> = [POSTED_INTERRUPT_NOTIFICATION_VECTOR, PIN];
const DESCRIPTOR: StaticArray<u32> = [POSTED_INTERRUPT_DESCRIPTOR_ADDRESS, PIN];
const DESCRIPTOR_WIDTH: StaticArray<u32> = [
  POSTED_INTERRUPT_DESCRIPTOR_ADDRESS,
  PIN,
  CAP_CPUID_80000008_EAX,
  CAP_BASIC,
];
const TABLE: StaticArray<u32> = [PID_POINTER_TABLE_ADDRESS, TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS];
const TABLE_WIDTH: StaticArray<u32> = [
  PID_POINTER_TABLE_ADDRESS,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  CAP_CPUID_80000008_EAX,
  CAP_BASIC,
];
const LAST_ENTRY: StaticArray<u32> = [
  PID_POINTER_TABLE_ADDRESS,
  LAST_PID_POINTER_INDEX,
  TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  CAP_CPUID_80000008_EAX,
  CAP_BASIC,
];

const ABOVE_VECTOR: u64 = 0xff00;
const WITHIN_DESCRIPTOR: u64 = 0x3f;
const WITHIN_ENTRY: u64 = 7;
const ENTRY_SIZE: u64 = 8;

/** Adds the rows. */
export function addPostedInterruptRules(rules: Rules): void {
  rules.at(STAGE_CONTROLS, "27.2.1.1");
  rules.add(
    "control.posted-interrupts.needs-virtual-interrupt-delivery",
    DELIVERY,
    (s: Subject): Tri =>
      implies(s.pin(PIN_PROCESS_POSTED_INTERRUPTS), s.mustHaveSecondary(SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)),
    '"Virtual-interrupt delivery" must be 1 where "process posted interrupts" is 1.',
  );
  rules.add(
    "control.posted-interrupts.needs-acknowledge-interrupt-on-exit",
    ACKNOWLEDGE,
    (s: Subject): Tri =>
      implies(
        s.pin(PIN_PROCESS_POSTED_INTERRUPTS),
        s.mustBeOne(PRIMARY_VM_EXIT_CONTROLS, EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT),
      ),
    'The VM-exit control "acknowledge interrupt on exit" must be 1 where "process posted interrupts" is 1.',
    "The processor must take the vector from the APIC to compare it with the notification vector.",
  );
  rules.add(
    "control.posted-interrupts.notification-vector",
    VECTOR,
    (s: Subject): Tri =>
      implies(s.pin(PIN_PROCESS_POSTED_INTERRUPTS), s.mustBeZero(POSTED_INTERRUPT_NOTIFICATION_VECTOR, ABOVE_VECTOR)),
    'With "process posted interrupts", the posted-interrupt notification vector must be 0 to 255: bits 15:8 must be 0.',
  );
  rules.add(
    "control.posted-interrupts.descriptor.alignment",
    DESCRIPTOR,
    (s: Subject): Tri =>
      implies(
        s.pin(PIN_PROCESS_POSTED_INTERRUPTS),
        s.mustBeZero(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS, WITHIN_DESCRIPTOR),
      ),
    'With "process posted interrupts", bits 5:0 of the posted-interrupt descriptor address must be 0.',
    "The descriptor has 64 bytes, and begins on a boundary of 64 bytes.",
  );
  rules.add(
    "control.posted-interrupts.descriptor.maxphyaddr",
    DESCRIPTOR_WIDTH,
    (s: Subject): Tri =>
      implies(s.pin(PIN_PROCESS_POSTED_INTERRUPTS), s.mustBePhysicalAddress(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS)),
    'With "process posted interrupts", bits 63:N of the posted-interrupt descriptor address must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1.',
    "The usual mistake is a virtual address: translate it to the physical one.",
  );
  rules.add(
    "control.pid-pointer-table.alignment",
    TABLE,
    (s: Subject): Tri =>
      implies(s.tertiary(TERTIARY_IPI_VIRTUALIZATION), s.mustBeZero(PID_POINTER_TABLE_ADDRESS, WITHIN_ENTRY)),
    'With "IPI virtualization", bits 2:0 of the PID-pointer table address must be 0.',
    "The valid bit is in the table's entries, not in the table's address.",
  );
  rules.add(
    "control.pid-pointer-table.maxphyaddr",
    TABLE_WIDTH,
    (s: Subject): Tri =>
      implies(s.tertiary(TERTIARY_IPI_VIRTUALIZATION), s.mustBePhysicalAddress(PID_POINTER_TABLE_ADDRESS)),
    'With "IPI virtualization", bits 63:N of the PID-pointer table address must be 0, where N is MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1.',
    "The usual mistake is a virtual address: translate it to the physical one.",
  );
  rules.add(
    "control.pid-pointer-table.last-entry",
    LAST_ENTRY,
    (s: Subject): Tri => implies(s.tertiary(TERTIARY_IPI_VIRTUALIZATION), lastEntryIsWithinMaxphyaddr(s)),
    'With "IPI virtualization", the address of the last entry, the PID-pointer table address plus 8 times the last PID-pointer index, must have no bit at or above MAXPHYADDR (CPUID.80000008H:EAX[7:0]), or 32 where IA32_VMX_BASIC[48] = 1.',
  );
}

function lastEntryIsWithinMaxphyaddr(s: Subject): Tri {
  if (!s.needs(LAST_PID_POINTER_INDEX)) return UNKNOWN;
  const offset = s.get(LAST_PID_POINTER_INDEX) * ENTRY_SIZE;
  return areaMustLieInPhysicalAddresses(s, PID_POINTER_TABLE_ADDRESS, offset + 1);
}
