// Where the VMCB has each part of a guest's state (APM 2 table B-2), and which clean bit covers it.

import {
  CLEAN_CONTROL_REGISTERS,
  CLEAN_DEBUG_REGISTERS,
  CLEAN_DESCRIPTOR_TABLES,
  CLEAN_NESTED_PAGING,
  CLEAN_SEGMENTS,
  VMCB_CR0,
  VMCB_CR3,
  VMCB_CR4,
  VMCB_DBGCTL,
  VMCB_DR7,
  VMCB_DS,
  VMCB_EFER,
  VMCB_ES,
  VMCB_CS,
  VMCB_FS,
  VMCB_G_PAT,
  VMCB_GDTR,
  VMCB_GS,
  VMCB_IDTR,
  VMCB_LDTR,
  VMCB_RFLAGS,
  VMCB_RIP,
  VMCB_RSP,
  VMCB_SEGMENT_BASE,
  VMCB_SEGMENT_LIMIT,
  VMCB_SS,
  VMCB_SYSENTER_CS,
  VMCB_SYSENTER_EIP,
  VMCB_SYSENTER_ESP,
  VMCB_TR,
  CLEAN_BRANCH_RECORDS,
} from "../../x86/vmcb";
import { SEGMENT_FS, SEGMENT_GS, SEGMENT_LDTR, SEGMENT_TR, SEGMENTS, STATE_IDTR_LIMIT } from "../vcpu/state";

/** By hv/core/vcpu/state.ts's SEGMENT_*. */
export const SEGMENT_OFFSETS: StaticArray<u32> = [
  VMCB_ES,
  VMCB_CS,
  VMCB_SS,
  VMCB_DS,
  VMCB_FS,
  VMCB_GS,
  VMCB_LDTR,
  VMCB_TR,
];

// By STATE_*, as far as those go that are no segment register's and no PDPTE. All have 64 bits but the limits.
// prettier-ignore
export const STATE_OFFSETS: StaticArray<u32> = [
  VMCB_RIP, VMCB_RSP, VMCB_RFLAGS, VMCB_CR0, VMCB_CR3, VMCB_CR4, VMCB_DR7, VMCB_EFER, VMCB_G_PAT,
  VMCB_SYSENTER_CS, VMCB_SYSENTER_ESP, VMCB_SYSENTER_EIP, VMCB_DBGCTL,
  VMCB_GDTR + VMCB_SEGMENT_BASE, VMCB_GDTR + VMCB_SEGMENT_LIMIT, VMCB_IDTR + VMCB_SEGMENT_BASE,
  VMCB_IDTR + VMCB_SEGMENT_LIMIT,
];

/** The same; what VMLOAD and VMRUN always load has none. */
// prettier-ignore
export const STATE_CLEAN: StaticArray<u32> = [
  0, 0, 0, CLEAN_CONTROL_REGISTERS, CLEAN_CONTROL_REGISTERS, CLEAN_CONTROL_REGISTERS, CLEAN_DEBUG_REGISTERS,
  CLEAN_CONTROL_REGISTERS, CLEAN_NESTED_PAGING, 0, 0, 0, CLEAN_BRANCH_RECORDS,
  CLEAN_DESCRIPTOR_TABLES, CLEAN_DESCRIPTOR_TABLES, CLEAN_DESCRIPTOR_TABLES, CLEAN_DESCRIPTOR_TABLES,
];

/** How many STATE_* are in these tables. */
export const PLAIN_STATES: u32 = STATE_IDTR_LIMIT + 1;

/** FS, GS, LDTR and TR are VMLOAD's, which knows no clean bits. */
export function cleanBitOf(segment: u32): u32 {
  const isLoaded = segment == SEGMENT_FS || segment == SEGMENT_GS || segment == SEGMENT_LDTR || segment == SEGMENT_TR;
  return isLoaded || segment >= SEGMENTS ? 0 : CLEAN_SEGMENTS;
}
