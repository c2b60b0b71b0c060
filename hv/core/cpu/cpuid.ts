// CPUID as core asks it, and as guests see it.

import { CPUID_LEAF_ADDRESS_SIZES, CPUID_LEAF_EXTENDED_MAXIMUM } from "../../x86/cpuid";
import { cpuid } from "../hardware";
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

/** A row of GuestCpuid.answers. */
@unmanaged
class CpuidAnswer {
  eax: u32;
  ebx: u32;
  ecx: u32;
  edx: u32;
}

/** Basic leaves below this one have the row of their number, but for those of GuestCpuid.indirect. */
const DIRECT_LEAVES: u32 = 32;
const ANSWER_BYTES: u32 = 16;

/** Answers a guest's CPUID from its table; the upper halves of the four registers are cleared. */
export function answerCpuid(vcpu: Vcpu): void {
  const registers = vcpu.registers;
  const cpuid = vcpu.cpuid;
  let row = <u32>registers.rax;
  if (row >= DIRECT_LEAVES || (cpuid.indirect >> row) & 1) row = indirectRow(vcpu);
  const answer = changetype<CpuidAnswer>(changetype<usize>(cpuid.answers) + row * ANSWER_BYTES);
  registers.rax = answer.eax;
  registers.rbx = answer.ebx;
  registers.rcx = answer.ecx;
  registers.rdx = answer.edx;
}

/** The row of what RAX and RCX ask for. Index.ts exports it, so that it stays out of the exit path's code. */
export function indirectRow(vcpu: Vcpu): u32 {
  return vcpu.cpuid.rowOf(<u32>vcpu.registers.rax, <u32>vcpu.registers.rcx);
}
