// RDMSR and WRMSR of a guest (SDM 2B "RDMSR", 2D "WRMSR").

import { VECTOR_GENERAL_PROTECTION } from "../../x86/exceptions";
import { IA32_EFER, IA32_PAT } from "../../x86/msr";
import { rdmsr, rdtsc, wrmsr } from "../hardware";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { STATE_DEBUGCTL, STATE_PAT } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { FEATURE_OWN_EFER, FEATURE_OWN_PAT } from "./features";
import { KEPT_SLOTS, LOW_MSRS, NO_SLOT } from "./guest-msrs";
import { writeMsr } from "./msr-writes";
import { readMachineMsr, tellTime, writeMachineMsr } from "./machine-msrs";
import {
  LAST_KEPT,
  MSR_APIC_BASE,
  MSR_COMMAND,
  MSR_DEBUGCTL,
  MSR_EFER,
  MSR_LIVE,
  MSR_LIVE_ADDRESS,
  MSR_MACHINE,
  MSR_PAT,
  MSR_STATE_32,
  MSR_STATE_ADDRESS,
  MSR_TSC,
  MSR_TSC_ADJUST,
  MSR_WRITE_IGNORING,
} from "./msrs";

const LOW_32_BITS: u64 = 0xffffffff;

/** A part of each backend's run loop, for which it is written into both: a call would cost a dozen instructions. */
export class RdmsrExit {
  /** RDMSR at privilege level 0: the value that Basalt keeps for the MSR, or what its kind says, or #GP. */
  @inline
  static answer(vcpu: Vcpu): u32 {
    const registers = vcpu.registers;
    const msrs = vcpu.msrs;
    const msr = <u32>registers.rcx;
    if (msr < LOW_MSRS) {
      const slot = <u32>unchecked(msrs.slots[msr]);
      // Slot 0, which is no MSR, becomes the highest number.
      if (slot - 1 < KEPT_SLOTS) {
        const value = unchecked(msrs.values[slot]);
        registers.rax = value & LOW_32_BITS;
        registers.rdx = value >> 32;
        return NEXT_INSTRUCTION;
      }
    }
    return rdmsrByKind(vcpu);
  }
}

/** RDMSR of what is not kept. Index.ts exports it, so that it stays out of the exit path's code. */
export function rdmsrByKind(vcpu: Vcpu): u32 {
  const registers = vcpu.registers;
  const msr = <u32>registers.rcx;
  const slot = vcpu.msrs.slotOf(msr);
  const kind = <u32>vcpu.msrs.kinds[slot];
  let value: u64;
  if (slot == NO_SLOT || kind == MSR_COMMAND || kind == MSR_WRITE_IGNORING)
    return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
  if (kind <= LAST_KEPT) value = vcpu.msrs.values[slot];
  else if (kind == MSR_STATE_32 || kind == MSR_STATE_ADDRESS) value = vcpu.read(<u32>vcpu.msrs.details[slot]);
  else if (kind == MSR_TSC) value = rdtsc() + vcpu.tscOffset;
  else if (kind == MSR_LIVE || kind == MSR_LIVE_ADDRESS) value = vcpu.readLive(msr);
  else if (kind == MSR_DEBUGCTL) value = vcpu.read(STATE_DEBUGCTL);
  else if (kind == MSR_EFER) value = vcpu.features & FEATURE_OWN_EFER ? vcpu.readEfer() : rdmsr(IA32_EFER);
  else if (kind == MSR_PAT) value = vcpu.features & FEATURE_OWN_PAT ? vcpu.read(STATE_PAT) : rdmsr(IA32_PAT);
  else return readMachineMsr(vcpu, msr);
  registers.rax = value & LOW_32_BITS;
  registers.rdx = value >> 32;
  return NEXT_INSTRUCTION;
}

/** WRMSR at privilege level 0: what its kind says, or #GP. */
export function onWrmsr(vcpu: Vcpu): u32 {
  const registers = vcpu.registers;
  const msr = <u32>registers.rcx;
  const value = (registers.rdx << 32) | (registers.rax & LOW_32_BITS);
  const slot = vcpu.msrs.slotOf(msr);
  if (slot == NO_SLOT) return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
  const kind = <u32>vcpu.msrs.kinds[slot];
  if (kind == MSR_MACHINE || kind == MSR_APIC_BASE) return writeMachineMsr(vcpu, msr, slot, value);
  if (!writeMsr(vcpu, msr, slot, value)) return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
  return kind == MSR_TSC || kind == MSR_TSC_ADJUST ? tellTime(vcpu) : NEXT_INSTRUCTION;
}

/** RDTSCP, where it exits: as RDTSC, with IA32_TSC_AUX in RCX. */
export function onRdtscp(vcpu: Vcpu, tscAux: u32): u32 {
  const registers = vcpu.registers;
  const now = rdtsc() + vcpu.tscOffset;
  registers.rax = now & LOW_32_BITS;
  registers.rdx = now >> 32;
  registers.rcx = rdmsr(tscAux) & LOW_32_BITS;
  return NEXT_INSTRUCTION;
}

/** After another vCPU ran: what WRMSR has put in force on the processor is so again. */
export function restoreMsrs(vcpu: Vcpu, specCtrl: u32): void {
  const slot = vcpu.msrs.slotOf(specCtrl);
  if (slot != NO_SLOT) wrmsr(specCtrl, vcpu.msrs.values[slot]);
}
