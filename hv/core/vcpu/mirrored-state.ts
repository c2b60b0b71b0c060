// The running host's own state as a guest's: read from the CPU, register by register.

// Two mistakes of a public question that had no answer for years, whose guest mirrors its host as this one does: GS's
// access rights were written to encoding 0x482e, the VMX-preemption timer's value, so that the field 0x481e stayed 0: GS
// usable, with type, S and P of 0, which is exit reason 0x80000021. And IA32_SYSENTER_CS was given IA32_EFER's value, which
// harms no entry. Here the fields of all segments are one sequence, and vmx-script shows both mistakes.

import {
  IA32_EFER,
  IA32_FS_BASE,
  IA32_GS_BASE,
  IA32_PAT,
  IA32_SYSENTER_CS,
  IA32_SYSENTER_EIP,
  IA32_SYSENTER_ESP,
} from "../../x86/msr";
import { ACCESS_RIGHTS_UNUSABLE } from "../../x86/segments";
import {
  memoryBase,
  mirrorAddress,
  rdmsr,
  readRegister,
  REGISTER_CR0,
  REGISTER_CR3,
  REGISTER_CR4,
  REGISTER_DR7,
  REGISTER_ES,
  REGISTER_FS,
  REGISTER_GS,
  REGISTER_RFLAGS,
  REGISTER_TR,
  segmentDescriptor,
} from "../hardware";
import { GuestState } from "./guest-state";
import { hostTrBase, TableRegisters } from "./host-tables";
import { SEGMENTS } from "./state";
import { Vcpu } from "./vcpu";

/** LAR gives bits 23:8 of a descriptor's second word; bits 19:16 of them are undefined (SDM 2A, "LAR"). */
const LAR_SHIFT: u32 = 8;
const LAR_RIGHTS_MASK: u32 = 0xf0ff;

/** The state of this processor now, but for RIP (hardware.ts's mirrorAddress) and RSP, which is what a VM exit loads. */
export function mirroredState(vcpu: Vcpu): GuestState {
  const state = new GuestState();
  for (let i: u32 = 0; i < SEGMENTS; i++) mirrorSegment(state, i);
  const tables = new TableRegisters();
  // In 64-bit mode the bases of CS, SS, DS and ES are 0 whatever their descriptors say (SDM 1 3.3.4).
  state.bases[REGISTER_FS] = rdmsr(IA32_FS_BASE);
  state.bases[REGISTER_GS] = rdmsr(IA32_GS_BASE);
  state.bases[REGISTER_TR] = hostTrBase(tables.gdtrBase);
  state.gdtrBase = tables.gdtrBase;
  state.gdtrLimit = tables.gdtrLimit;
  state.idtrBase = tables.idtrBase;
  state.idtrLimit = tables.idtrLimit;

  // The guest may read the registers, and writes none: each write would exit.
  state.cr0 = readRegister(REGISTER_CR0);
  state.cr3 = readRegister(REGISTER_CR3);
  state.cr4 = readRegister(REGISTER_CR4);
  state.ownsNoControlRegister = true;
  state.dr7 = readRegister(REGISTER_DR7);
  state.rip = mirrorAddress();
  state.rsp = memoryBase() + vcpu.registersEnd;
  state.rflags = readRegister(REGISTER_RFLAGS);

  state.sysenterCs = rdmsr(IA32_SYSENTER_CS);
  state.sysenterEsp = rdmsr(IA32_SYSENTER_ESP);
  state.sysenterEip = rdmsr(IA32_SYSENTER_EIP);
  state.pat = rdmsr(IA32_PAT);
  state.efer = rdmsr(IA32_EFER);
  return state;
}

/** A segment register by LAR and LSL; one that holds a null selector is unusable. */
function mirrorSegment(state: GuestState, i: u32): void {
  const selector = <u32>readRegister(REGISTER_ES + i);
  const descriptor = segmentDescriptor(selector);
  const rights = (<u32>descriptor) >> LAR_SHIFT;
  state.selectors[i] = selector;
  state.limits[i] = <u32>(descriptor >> 32);
  state.accessRights[i] = descriptor == 0 ? ACCESS_RIGHTS_UNUSABLE : rights & LAR_RIGHTS_MASK;
}
