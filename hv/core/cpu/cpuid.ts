// CPUID as core asks it, and as guests see it.

import {
  CPUID_1_ECX_HYPERVISOR,
  CPUID_1_ECX_MONITOR,
  CPUID_1_ECX_VMX,
  CPUID_LEAF_ADDRESS_SIZES,
  CPUID_LEAF_EXTENDED_MAXIMUM,
  CPUID_LEAF_FEATURES,
} from "../../x86/cpuid";
import { cpuid } from "../hardware";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { Vcpu } from "../vcpu/vcpu";

/** Executes CPUID and keeps its answer. */
export class Cpuid {
  // In the order in which hardware.cpuid writes them.
  private rax: u64 = 0;
  private rcx: u64 = 0;
  private rdx: u64 = 0;
  private rbx: u64 = 0;

  get eax(): u32 {
    return <u32>this.rax;
  }
  get ebx(): u32 {
    return <u32>this.rbx;
  }
  get ecx(): u32 {
    return <u32>this.rcx;
  }
  get edx(): u32 {
    return <u32>this.rdx;
  }

  read(leaf: u32, subleaf: u32): void {
    cpuid(leaf, subleaf, changetype<usize>(this));
  }

  /** MAXPHYADDR: the number of physical-address bits, 36 where the CPU does not say (SDM 3A 4.1.4). */
  maximumPhysicalAddress(): u32 {
    this.read(CPUID_LEAF_EXTENDED_MAXIMUM, 0);
    if (this.eax < CPUID_LEAF_ADDRESS_SIZES) return 36;
    this.read(CPUID_LEAF_ADDRESS_SIZES, 0);
    return this.eax & 0xff;
  }
}

/** What CPUID.1:ECX does not show a guest: it has no VMX, and MONITOR and MWAIT exit. */
const HIDDEN_FEATURES: u64 = CPUID_1_ECX_VMX | CPUID_1_ECX_MONITOR;

/** Executes a guest's CPUID into its registers, and tells it that it runs under a hypervisor. */
export function onCpuid(vcpu: Vcpu): u32 {
  const registers = vcpu.registers;
  const leaf = <u32>registers.rax;
  cpuid(leaf, <u32>registers.rcx, changetype<usize>(registers));
  if (leaf == CPUID_LEAF_FEATURES) registers.rcx = (registers.rcx & ~HIDDEN_FEATURES) | CPUID_1_ECX_HYPERVISOR;
  return NEXT_INSTRUCTION;
}
