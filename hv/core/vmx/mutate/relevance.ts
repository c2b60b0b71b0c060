// Which slots are mutated in which base: those that decide about what it is for.

import { STATE_LINK_REVISION, STATE_MEMORY_PDPTE0, STATE_VTPR } from "../../../doctor/inputs";
import {
  APIC_ACCESS_ADDRESS,
  CONTROL,
  EPT_POINTER,
  FIELD_TYPE_MASK,
  FIELD_TYPE_SHIFT,
  GUEST_ACTIVITY_STATE,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_ES_BASE,
  GUEST_ES_LIMIT,
  GUEST_ES_SELECTOR,
  GUEST_IA32_EFER,
  GUEST_IDTR_BASE,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_PDPTE0,
  GUEST_PDPTE3,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_TR_ACCESS_RIGHTS,
  GUEST_TR_SELECTOR,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TPR_THRESHOLD,
  VIRTUAL_APIC_ADDRESS,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_EXCEPTION_ERROR_CODE,
  VM_ENTRY_INSTRUCTION_LENGTH,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_EXIT_MSR_LOAD_ADDRESS,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_STORE_ADDRESS,
  VM_EXIT_MSR_STORE_COUNT,
  VMCS_LINK_POINTER,
} from "../../../x86/vmcs-fields";
import {
  BASE_64_BIT,
  BASE_FEATURES,
  BASE_INTERRUPT,
  BASE_LINKED,
  BASE_MSR_AREAS,
  BASE_PAE,
  BASE_PAE_IN_MEMORY,
  BASE_SHADOW,
  BASE_TPR,
  BASE_X2APIC,
} from "./base-names";
import { ENTRY_MSR_WORDS, FIRST_CELL } from "./slots";

/** What decides whether an event can be injected, or the guest can wait. */
const OF_EVENTS: StaticArray<u32> = [
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_ENTRY_EXCEPTION_ERROR_CODE,
  VM_ENTRY_INSTRUCTION_LENGTH,
  VM_ENTRY_CONTROLS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_ACTIVITY_STATE,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_CR0,
  GUEST_SS_ACCESS_RIGHTS,
];
const OF_LINKS: StaticArray<u32> = [
  VMCS_LINK_POINTER,
  STATE_LINK_REVISION,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
];
/** With every field of a segment or of a descriptor table. */
const OF_MODES: StaticArray<u32> = [
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VM_ENTRY_CONTROLS,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_IA32_EFER,
];
const OF_PAE: StaticArray<u32> = [GUEST_CS_ACCESS_RIGHTS, GUEST_SS_ACCESS_RIGHTS, GUEST_TR_ACCESS_RIGHTS];
const OF_APIC: StaticArray<u32> = [
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  TPR_THRESHOLD,
  VIRTUAL_APIC_ADDRESS,
  APIC_ACCESS_ADDRESS,
  STATE_VTPR,
];
const OF_AREAS: StaticArray<u32> = [
  VM_EXIT_MSR_STORE_COUNT,
  VM_EXIT_MSR_STORE_ADDRESS,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_ENTRY_MSR_LOAD_ADDRESS,
];

/** Whether the slot named `name` is mutated in `base`. */
export function belongs(base: u32, name: u32): bool {
  if (base == BASE_MSR_AREAS) return name >= ENTRY_MSR_WORDS || contains(OF_AREAS, name);
  if (base == BASE_X2APIC || base == BASE_TPR) return contains(OF_APIC, name);
  if (base == BASE_LINKED || base == BASE_SHADOW) return contains(OF_LINKS, name);
  if (base >= BASE_INTERRUPT) return contains(OF_EVENTS, name);
  if (name >= FIRST_CELL) return base == BASE_PAE_IN_MEMORY && name >= STATE_MEMORY_PDPTE0 && name < ENTRY_MSR_WORDS;
  if (base == BASE_64_BIT) return true;
  if (base == BASE_FEATURES) return typeOf(name) == CONTROL;
  if (base == BASE_PAE || base == BASE_PAE_IN_MEMORY) {
    return (name >= GUEST_PDPTE0 && name <= GUEST_PDPTE3) || contains(OF_MODES, name) || contains(OF_PAE, name);
  }
  return isOfSegment(name) || contains(OF_MODES, name);
}

/** Whether every bit of the slot is flipped: in the first base, but for long control fields that it does not use. */
export function isWhole(base: u32, name: u32, width: u32): bool {
  if (base == BASE_MSR_AREAS) return name < FIRST_CELL;
  return base == BASE_64_BIT && (width <= 32 || typeOf(name) != CONTROL || name == EPT_POINTER);
}

function typeOf(name: u32): u32 {
  return ((name >> FIELD_TYPE_SHIFT) & FIELD_TYPE_MASK) << FIELD_TYPE_SHIFT;
}

function isOfSegment(name: u32): bool {
  return (
    (name >= GUEST_ES_SELECTOR && name <= GUEST_TR_SELECTOR) ||
    (name >= GUEST_ES_BASE && name <= GUEST_IDTR_BASE) ||
    (name >= GUEST_ES_LIMIT && name <= GUEST_TR_ACCESS_RIGHTS)
  );
}

function contains(names: StaticArray<u32>, name: u32): bool {
  for (let i = 0; i < names.length; i++) {
    if (names[i] == name) return true;
  }
  return false;
}
