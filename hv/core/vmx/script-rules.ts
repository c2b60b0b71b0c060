// Broken VMCSs for the boot option vmx-script: each line breaks one rule of VM entry (SDM 3C 27.2 and 27.3).

import {
  CR3_TARGET_COUNT,
  EPT_POINTER,
  GUEST_ACTIVITY_STATE,
  GUEST_CR0,
  GUEST_CR3,
  GUEST_CR4,
  GUEST_CS_ACCESS_RIGHTS,
  GUEST_CS_BASE,
  GUEST_CS_LIMIT,
  GUEST_DS_ACCESS_RIGHTS,
  GUEST_DS_SELECTOR,
  GUEST_ES_BASE,
  GUEST_FS_BASE,
  GUEST_GDTR_BASE,
  GUEST_GDTR_LIMIT,
  GUEST_GS_ACCESS_RIGHTS,
  GUEST_IA32_EFER,
  GUEST_IA32_PAT,
  GUEST_IA32_SYSENTER_CS,
  GUEST_IA32_SYSENTER_EIP,
  GUEST_IDTR_LIMIT,
  GUEST_INTERRUPTIBILITY_STATE,
  GUEST_LDTR_ACCESS_RIGHTS,
  GUEST_PENDING_DEBUG_EXCEPTIONS,
  GUEST_RFLAGS,
  GUEST_RIP,
  GUEST_SS_ACCESS_RIGHTS,
  GUEST_SS_SELECTOR,
  GUEST_TR_ACCESS_RIGHTS,
  GUEST_TR_BASE,
  GUEST_TR_SELECTOR,
  HOST_CR0,
  HOST_CR3,
  HOST_CR4,
  HOST_CS_SELECTOR,
  HOST_ES_SELECTOR,
  HOST_FS_BASE,
  HOST_GDTR_BASE,
  HOST_IA32_EFER,
  HOST_IA32_PAT,
  HOST_IA32_SYSENTER_EIP,
  HOST_RIP,
  HOST_SS_SELECTOR,
  HOST_TR_BASE,
  HOST_TR_SELECTOR,
  IO_BITMAP_A_ADDRESS,
  MSR_BITMAPS_ADDRESS,
  PIN_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  PRIMARY_VM_EXIT_CONTROLS,
  SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS,
  TPR_THRESHOLD,
  VIRTUAL_APIC_ADDRESS,
  VIRTUAL_PROCESSOR_IDENTIFIER,
  VM_ENTRY_CONTROLS,
  VM_ENTRY_INTERRUPTION_INFORMATION,
  VM_ENTRY_MSR_LOAD_ADDRESS,
  VM_ENTRY_MSR_LOAD_COUNT,
  VM_EXIT_MSR_LOAD_ADDRESS,
  VM_EXIT_MSR_LOAD_COUNT,
  VM_EXIT_MSR_STORE_ADDRESS,
  VM_EXIT_MSR_STORE_COUNT,
  VM_FUNCTION_CONTROLS,
  VMCS_LINK_POINTER,
  VMX_PREEMPTION_TIMER_VALUE,
} from "../../x86/vmcs-fields";
import {
  CR0_NE,
  CR0_PE,
  CR0_PG,
  CR4_PAE,
  CR4_VMXE,
  RFLAGS_ALWAYS_ONE,
  RFLAGS_IF,
  RFLAGS_VM,
} from "../../x86/control-registers";
import { EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE } from "../../x86/msr";
import {
  ACCESS_RIGHTS_32_BIT,
  ACCESS_RIGHTS_CODE_OR_DATA,
  ACCESS_RIGHTS_GRANULARITY,
  ACCESS_RIGHTS_PRESENT,
  ACCESS_RIGHTS_UNUSABLE,
  SEGMENT_TYPE_ACCESSED,
  SEGMENT_TYPE_CODE,
} from "../../x86/segments";
import {
  ENTRY_ENTRY_TO_SMM,
  ENTRY_IA32E_MODE_GUEST,
  EXIT_HOST_ADDRESS_SPACE_SIZE,
  EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE,
  PIN_ACTIVATE_VMX_PREEMPTION_TIMER,
  PIN_NMI_EXITING,
  PIN_PROCESS_POSTED_INTERRUPTS,
  PIN_VIRTUAL_NMIS,
  PRIMARY_NMI_WINDOW_EXITING,
  PRIMARY_USE_IO_BITMAPS,
  PRIMARY_USE_MSR_BITMAPS,
  PRIMARY_USE_TPR_SHADOW,
  SECONDARY_ENABLE_EPT,
  SECONDARY_ENABLE_VM_FUNCTIONS,
  SECONDARY_VIRTUAL_INTERRUPT_DELIVERY,
  SECONDARY_VIRTUALIZE_X2APIC_MODE,
} from "../../x86/vmx-controls";
import { vmread } from "../hardware";
import { ScriptSteps } from "./script-steps";

const BIT_32: u64 = 0x100000000;
/** Bit 47: below it and above it are zeroes, so an address with it set is not canonical. */
const NOT_CANONICAL: u64 = 0x800000000000;
const BIT_48: u64 = 0x1000000000000;
const BEYOND_MAXPHYADDR: u64 = 0x8000000000000;
/** Turns memory type 6 of entry 0 of a PAT to 2, which is reserved. */
const PAT_ENTRY_0_RESERVED: u64 = 4;
const RPL_3: u64 = 3;
const TABLE_INDICATOR: u64 = 4;
const DPL_3: u64 = 3 << 5;
const RESERVED_ACCESS_RIGHTS: u64 = 1 << 8;

/** VMLAUNCH with control fields that are wrong. The VMCS is good otherwise. */
export function breakControlRules(script: ScriptSteps): void {
  const pin = PIN_BASED_VM_EXECUTION_CONTROLS;
  const primary = PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
  const secondary = SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS;
  script.flips("pin-based controls: bit 1 is 0", pin, 2);
  script.flips("pin-based controls: reserved bit 31", pin, 0x80000000);
  script.flips("pin-based controls: virtual NMIs without NMI exiting", pin, PIN_NMI_EXITING);
  script.flips("pin-based controls: posted interrupts alone", pin, PIN_PROCESS_POSTED_INTERRUPTS);
  script.flips("primary controls: bit 1 is 0", primary, 2);
  script
    .with(pin, PIN_VIRTUAL_NMIS)
    .flips("primary controls: NMI-window exiting without virtual NMIs", primary, PRIMARY_NMI_WINDOW_EXITING);
  script.with(IO_BITMAP_A_ADDRESS, 1).flips("I/O bitmap A misaligned", primary, PRIMARY_USE_IO_BITMAPS);
  script
    .with(MSR_BITMAPS_ADDRESS, BEYOND_MAXPHYADDR)
    .flips("MSR bitmaps beyond MAXPHYADDR", primary, PRIMARY_USE_MSR_BITMAPS);
  script.with(TPR_THRESHOLD, 16).flips("TPR threshold 16", primary, PRIMARY_USE_TPR_SHADOW);
  script.with(VIRTUAL_APIC_ADDRESS, 8).flips("virtual-APIC address misaligned", primary, PRIMARY_USE_TPR_SHADOW);
  script.flips("secondary controls: reserved bit 29", secondary, 1 << 29);
  script.flips("x2APIC mode without TPR shadow", secondary, SECONDARY_VIRTUALIZE_X2APIC_MODE);
  script.flips("virtual-interrupt delivery without TPR shadow", secondary, SECONDARY_VIRTUAL_INTERRUPT_DELIVERY);
  script.flips("EPT off", secondary, SECONDARY_ENABLE_EPT);
  script.with(VM_FUNCTION_CONTROLS, 2).flips("VM function 1", secondary, SECONDARY_ENABLE_VM_FUNCTIONS);
  script.flips("CR3-target count 5", CR3_TARGET_COUNT, 5);
  script.flips("VPID 0", VIRTUAL_PROCESSOR_IDENTIFIER, 1);
  script.flips("EPTP with memory type 3", EPT_POINTER, 5);
  script.flips("EPTP with walk length 3", EPT_POINTER, 1 << 3);
  script.flips("EPTP with bit 11", EPT_POINTER, 1 << 11);
  script.flips("EPTP beyond MAXPHYADDR", EPT_POINTER, BEYOND_MAXPHYADDR);

  script.flips("VM-exit controls: bit 0 is 0", PRIMARY_VM_EXIT_CONTROLS, 1);
  // Basalt activates it on some machines.
  const active = vmread(pin) & PIN_ACTIVATE_VMX_PREEMPTION_TIMER;
  script
    .with(pin, active)
    .flips("preemption timer saved, not active", PRIMARY_VM_EXIT_CONTROLS, EXIT_SAVE_VMX_PREEMPTION_TIMER_VALUE);
  script.with(VM_EXIT_MSR_STORE_ADDRESS, 8).flips("exit MSR-store area misaligned", VM_EXIT_MSR_STORE_COUNT, 1);
  script
    .with(VM_EXIT_MSR_LOAD_ADDRESS, BEYOND_MAXPHYADDR)
    .flips("exit MSR-load area beyond MAXPHYADDR", VM_EXIT_MSR_LOAD_COUNT, 1);

  script.flips("VM-entry controls: bit 0 is 0", VM_ENTRY_CONTROLS, 1);
  script.flips("VM-entry controls: entry to SMM", VM_ENTRY_CONTROLS, ENTRY_ENTRY_TO_SMM);
  script.with(VM_ENTRY_MSR_LOAD_ADDRESS, 8).flips("entry MSR-load area misaligned", VM_ENTRY_MSR_LOAD_COUNT, 1);
  script.flips("injection of type 1", VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000100);
  script.flips("injection of an NMI with vector 3", VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000203);
  script.flips("injection of hardware exception 32", VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000320);
  script.flips("injection of an interrupt with an error code", VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000820);
  script.flips("injection of a #GP without an error code", VM_ENTRY_INTERRUPTION_INFORMATION, 0x8000030d);
  script.flips("injection with reserved bit 12", VM_ENTRY_INTERRUPTION_INFORMATION, 0x80001202);
}

/** VMLAUNCH with a host state that is wrong. The VMCS is good otherwise. */
export function breakHostRules(script: ScriptSteps): void {
  script.flips("host CR0.PG is 0", HOST_CR0, CR0_PG);
  script.flips("host CR0.NE is 0", HOST_CR0, CR0_NE);
  script.flips("host CR3 beyond MAXPHYADDR", HOST_CR3, BEYOND_MAXPHYADDR);
  script.flips("host CR4.VMXE is 0", HOST_CR4, CR4_VMXE);
  script.flips("host CR4.PAE is 0", HOST_CR4, CR4_PAE);
  script.flips("host ES selector with RPL 3", HOST_ES_SELECTOR, RPL_3);
  script.flips("host CS selector with RPL 3", HOST_CS_SELECTOR, RPL_3);
  script.flips("host SS selector with TI", HOST_SS_SELECTOR, TABLE_INDICATOR);
  script.flips("host TR selector with RPL 3", HOST_TR_SELECTOR, RPL_3);
  script.sets("host CS selector 0", HOST_CS_SELECTOR, 0);
  script.sets("host TR selector 0", HOST_TR_SELECTOR, 0);
  script.flips("host FS base not canonical", HOST_FS_BASE, NOT_CANONICAL);
  script.flips("host GDTR base not canonical", HOST_GDTR_BASE, NOT_CANONICAL);
  script.flips("host TR base not canonical", HOST_TR_BASE, NOT_CANONICAL);
  script.flips("host SYSENTER_EIP not canonical", HOST_IA32_SYSENTER_EIP, NOT_CANONICAL);
  script.flips("host RIP not canonical", HOST_RIP, NOT_CANONICAL);
  script.flips("host EFER.LMA is 0", HOST_IA32_EFER, EFER_LMA);
  script.flips("host EFER with bit 1", HOST_IA32_EFER, 2);
  script.flips("host PAT with memory type 2", HOST_IA32_PAT, PAT_ENTRY_0_RESERVED);
  script.flips("host address-space size 0", PRIMARY_VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE);
}

/** VMLAUNCH with a guest state that is wrong. The VMCS is good otherwise. */
export function breakGuestRules(script: ScriptSteps): void {
  script.flips("not an IA-32e mode guest", VM_ENTRY_CONTROLS, ENTRY_IA32E_MODE_GUEST);
  script.flips("guest CR0.PE is 0", GUEST_CR0, CR0_PE);
  script.flips("guest CR0.PG is 0", GUEST_CR0, CR0_PG);
  script.flips("guest CR0.NE is 0", GUEST_CR0, CR0_NE);
  script.flips("guest CR0 with bit 32", GUEST_CR0, BIT_32);
  script.flips("guest CR3 beyond MAXPHYADDR", GUEST_CR3, BEYOND_MAXPHYADDR);
  script.flips("guest CR4.VMXE is 0", GUEST_CR4, CR4_VMXE);
  script.flips("guest CR4.PAE is 0", GUEST_CR4, CR4_PAE);
  script.flips("guest CR4 with bit 31", GUEST_CR4, 0x80000000);
  script.flips("guest EFER.LMA is 0", GUEST_IA32_EFER, EFER_LMA);
  script.flips("guest EFER.LME is 0", GUEST_IA32_EFER, EFER_LME);
  script.flips("guest EFER with bit 1", GUEST_IA32_EFER, 2);
  script.flips("guest PAT with memory type 2", GUEST_IA32_PAT, PAT_ENTRY_0_RESERVED);
  script.flips("guest SYSENTER_EIP not canonical", GUEST_IA32_SYSENTER_EIP, NOT_CANONICAL);

  script.flips("guest CS not accessed", GUEST_CS_ACCESS_RIGHTS, SEGMENT_TYPE_ACCESSED);
  script.flips("guest CS not present", GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_PRESENT);
  script.flips("guest CS of the system", GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_CODE_OR_DATA);
  script.flips("guest CS with L and D", GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_32_BIT);
  script.flips("guest CS with limit 0xffffffff in bytes", GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_GRANULARITY);
  script.flips("guest CS with limit 0xfffff000 in pages", GUEST_CS_LIMIT, 0xfff);
  script.flips("guest CS base with bit 32", GUEST_CS_BASE, BIT_32);
  script.flips("guest SS of code", GUEST_SS_ACCESS_RIGHTS, SEGMENT_TYPE_CODE);
  script.flips("guest SS with DPL 3", GUEST_SS_ACCESS_RIGHTS, DPL_3);
  script.flips("guest SS selector with RPL 3", GUEST_SS_SELECTOR, RPL_3);
  script.flips("guest DS not present", GUEST_DS_ACCESS_RIGHTS, ACCESS_RIGHTS_PRESENT);
  script.flips("guest DS not accessed", GUEST_DS_ACCESS_RIGHTS, SEGMENT_TYPE_ACCESSED);
  script.flips("guest DS selector with RPL 3", GUEST_DS_SELECTOR, RPL_3);
  script.flips("guest GS with reserved bit 8", GUEST_GS_ACCESS_RIGHTS, RESERVED_ACCESS_RIGHTS);
  // The two mistakes that mirrored-state.ts tells of.
  script
    .with(VMX_PREEMPTION_TIMER_VALUE, ACCESS_RIGHTS_UNUSABLE)
    .sets("guest GS access rights in the preemption timer's field", GUEST_GS_ACCESS_RIGHTS, 0);
  script.sets("guest SYSENTER_CS with EFER's value", GUEST_IA32_SYSENTER_CS, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
  script.flips("guest ES base with bit 32", GUEST_ES_BASE, BIT_32);
  script.flips("guest FS base not canonical", GUEST_FS_BASE, NOT_CANONICAL);
  script.flips("guest TR unusable", GUEST_TR_ACCESS_RIGHTS, ACCESS_RIGHTS_UNUSABLE);
  script.flips("guest TR not busy", GUEST_TR_ACCESS_RIGHTS, 2);
  script.flips("guest TR of data", GUEST_TR_ACCESS_RIGHTS, ACCESS_RIGHTS_CODE_OR_DATA);
  script.flips("guest TR limit 0x67 in pages", GUEST_TR_ACCESS_RIGHTS, ACCESS_RIGHTS_GRANULARITY);
  script.flips("guest TR selector with TI", GUEST_TR_SELECTOR, TABLE_INDICATOR);
  script.flips("guest TR base not canonical", GUEST_TR_BASE, NOT_CANONICAL);
  script.sets("guest LDTR usable, type 0", GUEST_LDTR_ACCESS_RIGHTS, 0);
  script.flips("guest GDTR base not canonical", GUEST_GDTR_BASE, NOT_CANONICAL);
  script.flips("guest GDTR limit with bit 16", GUEST_GDTR_LIMIT, 1 << 16);
  script.flips("guest IDTR limit with bit 16", GUEST_IDTR_LIMIT, 1 << 16);

  script.flips("guest RIP with bit 48", GUEST_RIP, BIT_48);
  script.flips("guest RIP with bit 47", GUEST_RIP, NOT_CANONICAL);
  script.flips("guest RFLAGS bit 1 is 0", GUEST_RFLAGS, RFLAGS_ALWAYS_ONE);
  script.flips("guest RFLAGS with bit 3", GUEST_RFLAGS, 1 << 3);
  script.flips("guest RFLAGS.VM in 64-bit mode", GUEST_RFLAGS, RFLAGS_VM);
  script
    .with(VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000020)
    .sets("interrupt injected, RFLAGS.IF 0", GUEST_RFLAGS, RFLAGS_ALWAYS_ONE);

  const interruptibility = GUEST_INTERRUPTIBILITY_STATE;
  script.sets("activity state 4", GUEST_ACTIVITY_STATE, 4);
  script.with(interruptibility, 2).sets("activity state HLT, MOV SS blocks", GUEST_ACTIVITY_STATE, 1);
  script.sets("interruptibility with bit 5", interruptibility, 1 << 5);
  script.with(interruptibility, 3).sets("blocking by STI and by MOV SS", GUEST_RFLAGS, RFLAGS_ALWAYS_ONE | RFLAGS_IF);
  script.with(interruptibility, 1).sets("blocking by STI, RFLAGS.IF 0", GUEST_RFLAGS, RFLAGS_ALWAYS_ONE);
  script.sets("blocking by SMI outside SMM", interruptibility, 4);
  script.with(VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000202).sets("NMI injected, MOV SS blocks", interruptibility, 2);
  script.with(VM_ENTRY_INTERRUPTION_INFORMATION, 0x80000202).sets("NMI injected, NMI blocks", interruptibility, 8);
  script.sets("pending debug exceptions with bit 4", GUEST_PENDING_DEBUG_EXCEPTIONS, 1 << 4);
  script.with(interruptibility, 2).sets("BS without TF, MOV SS blocks", GUEST_PENDING_DEBUG_EXCEPTIONS, 1 << 14);
  script.sets("VMCS link pointer misaligned", VMCS_LINK_POINTER, 0xffe);
  script.sets("VMCS link pointer beyond MAXPHYADDR", VMCS_LINK_POINTER, BEYOND_MAXPHYADDR);
}
