// What a rule can read: fields of a VMCS or a VMCB, capabilities of the processor, and its state at the entry.

// An input is a number: the encoding of a VMCS field, or one of the numbers below. They all have a slot in a Subject.

import {
  FIELD_INDEX_SHIFT,
  FIELD_TYPE_MASK,
  FIELD_TYPE_SHIFT,
  FIELD_WIDTH_MASK,
  FIELD_WIDTH_SHIFT,
  WIDTH_16,
  WIDTH_32,
} from "../x86/vmcs-fields";
import { VMCB_FIELD_SIZES, vmcbFieldName, vmcbFieldRow } from "../x86/vmcb-field-names";
import { vmcsFieldName } from "../x86/vmcs-field-names";

/** The input of the VMCB's field at offset 0; no encoding of a VMCS field has bit 15. */
export const FIRST_VMCB_FIELD: u32 = 0x8000;
const FIRST_CAPABILITY: u32 = 0x10000;
const FIRST_STATE: u32 = 0x20000;

/** The names of the capabilities, by number: the VMX capability MSRs (SDM 3D appendix A) and words of CPUID. */
export const CAPABILITY_NAMES: StaticArray<string> = [
  "IA32_VMX_BASIC",
  "IA32_VMX_PINBASED_CTLS",
  "IA32_VMX_PROCBASED_CTLS",
  "IA32_VMX_EXIT_CTLS",
  "IA32_VMX_ENTRY_CTLS",
  "IA32_VMX_MISC",
  "IA32_VMX_CR0_FIXED0",
  "IA32_VMX_CR0_FIXED1",
  "IA32_VMX_CR4_FIXED0",
  "IA32_VMX_CR4_FIXED1",
  "IA32_VMX_VMCS_ENUM",
  "IA32_VMX_PROCBASED_CTLS2",
  "IA32_VMX_EPT_VPID_CAP",
  "IA32_VMX_TRUE_PINBASED_CTLS",
  "IA32_VMX_TRUE_PROCBASED_CTLS",
  "IA32_VMX_TRUE_EXIT_CTLS",
  "IA32_VMX_TRUE_ENTRY_CTLS",
  "IA32_VMX_VMFUNC",
  "IA32_VMX_PROCBASED_CTLS3",
  "IA32_VMX_EXIT_CTLS2",
  "CPUID.1.ECX",
  "CPUID.1.EDX",
  "CPUID.7.0.EBX",
  "CPUID.7.0.ECX",
  "CPUID.7.0.EDX",
  "CPUID.7.1.EAX",
  "CPUID.7.1.EDX",
  "CPUID.A.EAX",
  "CPUID.A.ECX",
  "CPUID.A.EDX",
  "CPUID.D.1.EAX",
  "CPUID.14.0.EBX",
  "CPUID.1C.0.EAX",
  "CPUID.80000001.ECX",
  "CPUID.80000001.EDX",
  "CPUID.80000008.EAX",
  "CPUID.7.2.EDX",
  "CPUID.14.0.ECX",
  "CPUID.1C.0.EBX",
  "IA32_PERF_CAPABILITIES",
  "CPUID.80000008.EBX",
  "CPUID.8000000A.EBX",
  "CPUID.8000000A.ECX",
  "CPUID.8000000A.EDX",
  "CPUID.80000021.EAX",
];

export const CAP_BASIC: u32 = FIRST_CAPABILITY + 0;
export const CAP_PINBASED_CTLS: u32 = FIRST_CAPABILITY + 1;
export const CAP_PROCBASED_CTLS: u32 = FIRST_CAPABILITY + 2;
export const CAP_EXIT_CTLS: u32 = FIRST_CAPABILITY + 3;
export const CAP_ENTRY_CTLS: u32 = FIRST_CAPABILITY + 4;
export const CAP_MISC: u32 = FIRST_CAPABILITY + 5;
export const CAP_CR0_FIXED0: u32 = FIRST_CAPABILITY + 6;
export const CAP_CR0_FIXED1: u32 = FIRST_CAPABILITY + 7;
export const CAP_CR4_FIXED0: u32 = FIRST_CAPABILITY + 8;
export const CAP_CR4_FIXED1: u32 = FIRST_CAPABILITY + 9;
export const CAP_VMCS_ENUM: u32 = FIRST_CAPABILITY + 10;
export const CAP_PROCBASED_CTLS2: u32 = FIRST_CAPABILITY + 11;
export const CAP_EPT_VPID: u32 = FIRST_CAPABILITY + 12;
export const CAP_TRUE_PINBASED_CTLS: u32 = FIRST_CAPABILITY + 13;
export const CAP_TRUE_PROCBASED_CTLS: u32 = FIRST_CAPABILITY + 14;
export const CAP_TRUE_EXIT_CTLS: u32 = FIRST_CAPABILITY + 15;
export const CAP_TRUE_ENTRY_CTLS: u32 = FIRST_CAPABILITY + 16;
export const CAP_VMFUNC: u32 = FIRST_CAPABILITY + 17;
export const CAP_PROCBASED_CTLS3: u32 = FIRST_CAPABILITY + 18;
export const CAP_EXIT_CTLS2: u32 = FIRST_CAPABILITY + 19;
export const CAP_CPUID_1_ECX: u32 = FIRST_CAPABILITY + 20;
export const CAP_CPUID_1_EDX: u32 = FIRST_CAPABILITY + 21;
export const CAP_CPUID_7_EBX: u32 = FIRST_CAPABILITY + 22;
export const CAP_CPUID_7_ECX: u32 = FIRST_CAPABILITY + 23;
export const CAP_CPUID_7_EDX: u32 = FIRST_CAPABILITY + 24;
export const CAP_CPUID_7_1_EAX: u32 = FIRST_CAPABILITY + 25;
export const CAP_CPUID_7_1_EDX: u32 = FIRST_CAPABILITY + 26;
export const CAP_CPUID_A_EAX: u32 = FIRST_CAPABILITY + 27;
export const CAP_CPUID_A_ECX: u32 = FIRST_CAPABILITY + 28;
export const CAP_CPUID_A_EDX: u32 = FIRST_CAPABILITY + 29;
export const CAP_CPUID_D_1_EAX: u32 = FIRST_CAPABILITY + 30;
export const CAP_CPUID_14_EBX: u32 = FIRST_CAPABILITY + 31;
export const CAP_CPUID_1C_EAX: u32 = FIRST_CAPABILITY + 32;
export const CAP_CPUID_80000001_ECX: u32 = FIRST_CAPABILITY + 33;
export const CAP_CPUID_80000001_EDX: u32 = FIRST_CAPABILITY + 34;
/** Bits 7:0 are MAXPHYADDR, bits 15:8 the width of linear addresses (SDM 2A, CPUID). */
export const CAP_CPUID_80000008_EAX: u32 = FIRST_CAPABILITY + 35;
export const CAP_CPUID_7_2_EDX: u32 = FIRST_CAPABILITY + 36;
export const CAP_CPUID_14_ECX: u32 = FIRST_CAPABILITY + 37;
export const CAP_CPUID_1C_EBX: u32 = FIRST_CAPABILITY + 38;
/** Exists where CPUID.1.ECX[15] (PDCM) is 1. */
export const CAP_PERF_CAPABILITIES: u32 = FIRST_CAPABILITY + 39;
export const CAP_CPUID_80000008_EBX: u32 = FIRST_CAPABILITY + 40;
/** The number of ASIDs. */
export const CAP_CPUID_8000000A_EBX: u32 = FIRST_CAPABILITY + 41;
export const CAP_CPUID_8000000A_ECX: u32 = FIRST_CAPABILITY + 42;
export const CAP_CPUID_8000000A_EDX: u32 = FIRST_CAPABILITY + 43;
export const CAP_CPUID_80000021_EAX: u32 = FIRST_CAPABILITY + 44;

/** The names of the processor's state, by number, as Basalt's dump and JSON spell them. */
export const STATE_NAMES: StaticArray<string> = [
  "CR0",
  "CR4",
  "IA32_EFER",
  "RFLAGS",
  "CPL",
  "IA32_FEATURE_CONTROL",
  "IN_VMX_OPERATION",
  "IN_SMM",
  "BLOCKING_BY_MOV_SS",
  "A20M",
  "VMXON_POINTER",
  "VMXON_REVISION",
  "VMCLEAR_POINTER",
  "VMPTRLD_POINTER",
  "VMPTRLD_REVISION",
  "CURRENT_VMCS_POINTER",
  "CURRENT_VMCS_REVISION",
  "IS_LAUNCHED",
  "IS_VMRESUME",
  "LINK_REVISION",
  "VTPR",
  "MEMORY_PDPTE0",
  "MEMORY_PDPTE1",
  "MEMORY_PDPTE2",
  "MEMORY_PDPTE3",
  "EPT_MAPS_RIP",
  "CS_L",
  "IN_SMX_OPERATION",
  "IN_SEAM",
  "IA32_RTIT_CTL",
  "ENTRY_MSR_INDEX",
  "ENTRY_MSR_VALUE",
  "IA32_TME_ACTIVATE",
  "VMCB_POINTER",
  "IA32_U_CET",
];

/** CR0, CR4, IA32_EFER, RFLAGS and the CPL of the processor when it executes VMLAUNCH (VMXON for the rules of VMXON). */
export const STATE_CR0: u32 = FIRST_STATE + 0;
export const STATE_CR4: u32 = FIRST_STATE + 1;
export const STATE_EFER: u32 = FIRST_STATE + 2;
export const STATE_RFLAGS: u32 = FIRST_STATE + 3;
export const STATE_CPL: u32 = FIRST_STATE + 4;
export const STATE_FEATURE_CONTROL: u32 = FIRST_STATE + 5;
/** 1 in VMX root operation, 0 outside VMX operation. */
export const STATE_IN_VMX_OPERATION: u32 = FIRST_STATE + 6;
export const STATE_IN_SMM: u32 = FIRST_STATE + 7;
/** Events are blocked by MOV SS: the instruction before was MOV or POP to SS. */
export const STATE_BLOCKING_BY_MOV_SS: u32 = FIRST_STATE + 8;
/** The A20M line is asserted: address bit 20 is masked. */
export const STATE_A20M: u32 = FIRST_STATE + 9;
/** The operands of VMXON, VMCLEAR and VMPTRLD, and the first 32 bits of the regions. */
export const STATE_VMXON_POINTER: u32 = FIRST_STATE + 10;
export const STATE_VMXON_REVISION: u32 = FIRST_STATE + 11;
export const STATE_VMCLEAR_POINTER: u32 = FIRST_STATE + 12;
export const STATE_VMPTRLD_POINTER: u32 = FIRST_STATE + 13;
export const STATE_VMPTRLD_REVISION: u32 = FIRST_STATE + 14;
/** All ones: there is no current VMCS. */
export const STATE_CURRENT_VMCS_POINTER: u32 = FIRST_STATE + 15;
export const STATE_CURRENT_VMCS_REVISION: u32 = FIRST_STATE + 16;
/** 1 if the launch state of the current VMCS is "launched", 0 if it is "clear". */
export const STATE_IS_LAUNCHED: u32 = FIRST_STATE + 17;
/** 1 if the entry is by VMRESUME, 0 if by VMLAUNCH. */
export const STATE_IS_VMRESUME: u32 = FIRST_STATE + 18;
/** The first 32 bits of the region that the VMCS link pointer names. */
export const STATE_LINK_REVISION: u32 = FIRST_STATE + 19;
/** Byte 80H of the virtual-APIC page. */
export const STATE_VTPR: u32 = FIRST_STATE + 20;
/** The four PDPTEs that guest CR3 refers to, in memory. */
export const STATE_MEMORY_PDPTE0: u32 = FIRST_STATE + 21;
export const STATE_MEMORY_PDPTE1: u32 = FIRST_STATE + 22;
export const STATE_MEMORY_PDPTE2: u32 = FIRST_STATE + 23;
export const STATE_MEMORY_PDPTE3: u32 = FIRST_STATE + 24;
/** 1 if the EPT maps the guest-physical address that the guest RIP translates to. */
export const STATE_EPT_MAPS_RIP: u32 = FIRST_STATE + 25;
/** The L bit of CS: with IA32_EFER.LMA, 1 in 64-bit mode and 0 in compatibility mode. */
export const STATE_CS_L: u32 = FIRST_STATE + 26;
export const STATE_IN_SMX_OPERATION: u32 = FIRST_STATE + 27;
/** In secure-arbitration mode: the TDX module, for example. */
export const STATE_IN_SEAM: u32 = FIRST_STATE + 28;
export const STATE_RTIT_CTL: u32 = FIRST_STATE + 29;
/** Bits 63:0 and 127:64 of the entry of the VM-entry MSR-load area that is being judged; not known outside of that. */
export const STATE_ENTRY_MSR_INDEX: u32 = FIRST_STATE + 30;
export const STATE_ENTRY_MSR_VALUE: u32 = FIRST_STATE + 31;
/** Bit 0: memory encryption is configured; bits 39:36: how many of an address's highest bits only SEAM may use. */
export const STATE_TME_ACTIVATE: u32 = FIRST_STATE + 32;
/** The operand of VMRUN, in rAX. */
export const STATE_VMCB_POINTER: u32 = FIRST_STATE + 33;
/** The MSR, which a guest shares with the host unless its state is encrypted. */
export const STATE_U_CET: u32 = FIRST_STATE + 34;

const FIELD_SLOTS: u32 = 1024;
const FIELD_INDEX_SLOTS_MASK: u32 = 63;
/** A slot for each two bytes: no two fields with a row begin in the same two. */
const VMCB_SLOTS: u32 = 1024;
const FIRST_VMCB_SLOT: u32 = FIELD_SLOTS;
const FIRST_CAPABILITY_SLOT: u32 = FIRST_VMCB_SLOT + VMCB_SLOTS;
const FIRST_STATE_SLOT: u32 = FIRST_CAPABILITY_SLOT + 64;
/** A Subject has so many slots. */
export const SLOTS: i32 = <i32>FIRST_STATE_SLOT + 64;

/** A field of the VMCS or of the VMCB. */
export function isField(input: u32): bool {
  return input < FIRST_CAPABILITY;
}

export function isVmcbField(input: u32): bool {
  return input >= FIRST_VMCB_FIELD && input < FIRST_CAPABILITY;
}

/** Where the manual has the field: the encoding of one of the VMCS, the offset of one of the VMCB. */
export function placeOf(field: u32): u32 {
  return isVmcbField(field) ? field - FIRST_VMCB_FIELD : field;
}

export function isCapability(input: u32): bool {
  return input >= FIRST_CAPABILITY && input < FIRST_STATE;
}

export function isState(input: u32): bool {
  return input >= FIRST_STATE;
}

/** How many hexadecimal digits a value of the input has at most; 1 for the processor's state, which is told as it is. */
export function digitsOf(input: u32): i32 {
  if (isState(input)) return 1;
  if (isCapability(input)) return input < CAP_CPUID_1_ECX ? 16 : 8;
  if (isVmcbField(input)) {
    const row = vmcbFieldRow(placeOf(input));
    return row < 0 ? 16 : 2 * <i32>VMCB_FIELD_SIZES[row];
  }
  const width = input & (FIELD_WIDTH_MASK << FIELD_WIDTH_SHIFT);
  if (width == WIDTH_16) return 4;
  return width == WIDTH_32 ? 8 : 16;
}

/** The input of the capability, or the state, with that place in CAPABILITY_NAMES or STATE_NAMES. */
export function capabilityInput(index: u32): u32 {
  return FIRST_CAPABILITY + index;
}
export function stateInput(index: u32): u32 {
  return FIRST_STATE + index;
}

/** The slot of an input; both halves of a 64-bit field share one. Indices above 63 have none, and share others' slots. */
export function slotOf(input: u32): u32 {
  if (input >= FIRST_STATE) return FIRST_STATE_SLOT + (input - FIRST_STATE);
  if (input >= FIRST_CAPABILITY) return FIRST_CAPABILITY_SLOT + (input - FIRST_CAPABILITY);
  if (input >= FIRST_VMCB_FIELD) return FIRST_VMCB_SLOT + (((input - FIRST_VMCB_FIELD) >> 1) & (VMCB_SLOTS - 1));
  const width = (input >> FIELD_WIDTH_SHIFT) & FIELD_WIDTH_MASK;
  const type = (input >> FIELD_TYPE_SHIFT) & FIELD_TYPE_MASK;
  return (((width << 2) | type) << 6) | ((input >> FIELD_INDEX_SHIFT) & FIELD_INDEX_SLOTS_MASK);
}

/** The manual's name of a field, the name of a capability or of a state. */
export function inputName(input: u32): string {
  if (input >= FIRST_STATE) return STATE_NAMES[input - FIRST_STATE];
  if (input >= FIRST_CAPABILITY) return CAPABILITY_NAMES[input - FIRST_CAPABILITY];
  return isVmcbField(input) ? vmcbFieldName(placeOf(input)) : vmcsFieldName(input);
}
