// Whether this machine lives on if a VM entry gets as far as loading the guest's state, or the host's after it.

import {
  CR0_CD,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR4_DE,
  CR4_MCE,
  CR4_PCE,
  CR4_TSD,
} from "../../../x86/control-registers";
import {
  EFER_NXE,
  EFER_SCE,
  IA32_CSTAR,
  IA32_FMASK,
  IA32_FS_BASE,
  IA32_GS_BASE,
  IA32_KERNEL_GS_BASE,
  IA32_LSTAR,
  IA32_SMBASE,
  IA32_SMM_MONITOR_CTL,
  IA32_STAR,
  X2APIC_MSR_FIRST,
  X2APIC_MSR_LAST,
} from "../../../x86/msr";
import {
  EPT_POINTER,
  GUEST_ACTIVITY_STATE,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_IA32_EFER,
  GUEST_IA32_PAT,
  HOST_CR0,
  HOST_CR3,
  HOST_CR4,
  HOST_IA32_EFER,
  HOST_IA32_PAT,
  HOST_RIP,
  HOST_RSP,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  VIRTUAL_APIC_ADDRESS,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_EXIT_MSR_LOAD_ADDRESS,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_STORE_ADDRESS,
  VM_EXIT_MSR_STORE_COUNT,
  VMX_PREEMPTION_TIMER_VALUE,
} from "../../../x86/vmcs-fields";
import {
  ENTRY_LOAD_IA32_EFER,
  EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT,
  EXIT_HOST_ADDRESS_SPACE_SIZE,
  EXIT_LOAD_IA32_EFER,
  EXIT_LOAD_IA32_PAT,
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
  PIN_EXTERNAL_INTERRUPT_EXITING,
  PIN_PROCESS_POSTED_INTERRUPTS,
  PRIMARY_ACTIVATE_SECONDARY_CONTROLS,
  PRIMARY_MONITOR_TRAP_FLAG,
  PRIMARY_USE_TPR_SHADOW,
  SECONDARY_ENABLE_EPT,
} from "../../../x86/vmx-controls";
import { ENTRY_MSR_WORDS } from "./slots";
import { AREA_ENTRIES } from "./surroundings";
import { VmcsImage } from "./vmcs-image";

const ADDRESS: u64 = 0x000ffffffffff000;
// Of an event to inject (SDM 3C 25.8.3).
const EVENT_VALID: u64 = 0x80000000;
const EVENT_TYPE_7: u64 = 7 << 8;
const ACTIVE: u64 = 0;
const WAIT_FOR_SIPI: u64 = 3;
// What core's code does not depend on, in the moment until the next VM exit loads the right values again.
const FREE_CR0: u64 = ~(CR0_PE | CR0_PG | CR0_NE | CR0_NW | CR0_CD);
const FREE_CR4: u64 = CR4_TSD | CR4_DE | CR4_MCE | CR4_PCE;

/** Whether `image`, a mutation of the valid `base`, can be executed whatever its checks come to. */
export function survives(image: VmcsImage, base: VmcsImage): bool {
  return hostSurvives(image, base) && areasAreOurs(image, base) && guestExits(image, base);
}

/** An event of type 7 though the processor has no monitor trap flag: it is to be refused, and Bochs panics instead. */
export function injectsUnknownEvent(image: VmcsImage, primaryAllowed: u32): bool {
  if (primaryAllowed & PRIMARY_MONITOR_TRAP_FLAG) return false;
  return image.isSet(VM_ENTRY_INTERRUPTION_INFORMATION, EVENT_VALID | EVENT_TYPE_7);
}

function differsOnly(image: VmcsImage, base: VmcsImage, field: u32, free: u64): bool {
  return ((image.get(field) ^ base.get(field)) & ~free) == 0;
}

function hostSurvives(image: VmcsImage, base: VmcsImage): bool {
  if (!image.isSet(PRIMARY_VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE)) return false;
  if (!differsOnly(image, base, HOST_CR0, FREE_CR0) || !differsOnly(image, base, HOST_CR4, FREE_CR4)) return false;
  if (!differsOnly(image, base, HOST_CR3, 0) || !differsOnly(image, base, HOST_RSP, 0)) return false;
  if (!differsOnly(image, base, HOST_RIP, 0) || !differsOnly(image, base, HOST_IA32_PAT, 0)) return false;
  if (!differsOnly(image, base, HOST_IA32_EFER, EFER_SCE)) return false;
  const exit = PRIMARY_VM_EXIT_CONTROLS;
  // What no exit loads stays the guest's.
  const loadsEfer = image.isSet(exit, EXIT_LOAD_IA32_EFER) || !image.isSet(VM_ENTRY_CONTROLS, ENTRY_LOAD_IA32_EFER);
  if (!loadsEfer && !image.isSet(GUEST_IA32_EFER, EFER_NXE)) return false;
  return image.isSet(exit, EXIT_LOAD_IA32_PAT) || differsOnly(image, base, GUEST_IA32_PAT, 0);
}

/** Nothing is read or written but the pages that are there for it, and no MSR is changed that matters. */
function areasAreOurs(image: VmcsImage, base: VmcsImage): bool {
  if (!isArea(image, base, VM_EXIT_MSR_STORE_COUNT, VM_EXIT_MSR_STORE_ADDRESS)) return false;
  if (!isArea(image, base, VM_EXIT_MSR_LOAD_COUNT, VM_EXIT_MSR_LOAD_ADDRESS)) return false;
  if (!isArea(image, base, VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_ADDRESS)) return false;
  for (let n: u32 = 0; n < <u32>image.get(VM_ENTRY_MSR_LOAD_COUNT); n++) {
    if (!isHarmless(image.get(ENTRY_MSR_WORDS + 2 * n))) return false;
  }
  if (image.isSet(PIN_BASED_VM_EXECUTION_CONTROLS, PIN_PROCESS_POSTED_INTERRUPTS)) return false;
  const hasTpr = image.isSet(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, PRIMARY_USE_TPR_SHADOW);
  return !hasTpr || differsOnly(image, base, VIRTUAL_APIC_ADDRESS, 0);
}

function isArea(image: VmcsImage, base: VmcsImage, count: u32, address: u32): bool {
  if (image.get(count) == 0) return true;
  return image.get(count) <= AREA_ENTRIES && differsOnly(image, base, address, 0);
}

/** MSRs of SYSCALL, which core does not use; and those that no area may load (SDM 3C 27.4). */
function isHarmless(word: u64): bool {
  if (word >> 32 != 0) return true;
  const index = <u32>word;
  if (index == IA32_FS_BASE || index == IA32_GS_BASE) return true;
  if (index == IA32_KERNEL_GS_BASE || index == IA32_STAR || index == IA32_FMASK) return true;
  if (index == IA32_LSTAR || index == IA32_CSTAR) return true;
  if (index == IA32_SMM_MONITOR_CTL || index == IA32_SMBASE) return true;
  return index >= X2APIC_MSR_FIRST && index <= X2APIC_MSR_LAST;
}

/** The guest exits before it can do anything, in whatever state it is entered. */
function guestExits(image: VmcsImage, base: VmcsImage): bool {
  const pin = PIN_BASED_VM_EXECUTION_CONTROLS;
  const hasTimer = image.isSet(pin, PIN_ACTIVATE_VMX_PREEMPTION_TIMER) && image.get(VMX_PREEMPTION_TIMER_VALUE) == 0;
  // Without the timer an interrupt may come first: it must exit, and stay with the local APIC for core to take.
  const interruptsExit =
    image.isSet(pin, PIN_EXTERNAL_INTERRUPT_EXITING) &&
    !image.isSet(PRIMARY_VM_EXIT_CONTROLS, EXIT_ACKNOWLEDGE_INTERRUPT_ON_EXIT);
  const activity = image.get(GUEST_ACTIVITY_STATE);
  if (!hasTimer && (activity != ACTIVE || !interruptsExit)) return false;
  if (activity == WAIT_FOR_SIPI) return false;
  if (!hasEpt(image)) return image.isSet(GUEST_CR0, CR0_PE | CR0_PG) && differsOnly(image, base, GUEST_CR3, ~ADDRESS);
  return differsOnly(image, base, EPT_POINTER, ~ADDRESS);
}

function hasEpt(image: VmcsImage): bool {
  return (
    image.isSet(PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, PRIMARY_ACTIVATE_SECONDARY_CONTROLS) &&
    image.isSet(SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS, SECONDARY_ENABLE_EPT)
  );
}
