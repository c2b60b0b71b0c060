// CPUID as core asks it, and as guests see it.

import { CPUID_LEAF_ADDRESS_SIZES, CPUID_LEAF_EXTENDED_MAXIMUM } from "../../x86/cpuid";
import { cpuid } from "../hardware";
import { NEXT_INSTRUCTION } from "../vcpu/action";
import { Vcpu } from "../vcpu/vcpu";
import { ANSWER_EAX, ANSWER_EBX, ANSWER_ECX, ANSWER_EDX } from "./cpuid-policy";

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

/** Basic leaves below this one have the row of their number, but for those of GuestCpuid.indirect. */
const DIRECT_LEAVES: u32 = 32;

/** A row of GuestCpuid.answers. */
@unmanaged
class CpuidRow {
  eax: u32;
  ebx: u32;
  ecx: u32;
  edx: u32;
}
const ROW_SHIFT: u32 = 4;

/** Answers a guest's CPUID from its table; the upper halves of the four registers are cleared. */
export function onCpuid(vcpu: Vcpu): u32 {
  const registers = vcpu.registers;
  const leaf = <u32>registers.rax;
  if (leaf >= DIRECT_LEAVES || (vcpu.cpuidIndirect >> leaf) & 1) return onIndirectCpuid(vcpu);
  const row = changetype<CpuidRow>(vcpu.cpuidRows + (leaf << ROW_SHIFT));
  registers.rax = row.eax;
  registers.rbx = row.ebx;
  registers.rcx = row.ecx;
  registers.rdx = row.edx;
  return NEXT_INSTRUCTION;
}

/** The same for what has no row of its number. Index.ts exports it, so that it stays out of the exit path's code. */
export function onIndirectCpuid(vcpu: Vcpu): u32 {
  const registers = vcpu.registers;
  const row = vcpu.cpuid.rowOf(<u32>registers.rax, <u32>registers.rcx);
  registers.rax = vcpu.cpuid.get(row, ANSWER_EAX);
  registers.rbx = vcpu.cpuid.get(row, ANSWER_EBX);
  registers.rcx = vcpu.cpuid.get(row, ANSWER_ECX);
  registers.rdx = vcpu.cpuid.get(row, ANSWER_EDX);
  return NEXT_INSTRUCTION;
}
