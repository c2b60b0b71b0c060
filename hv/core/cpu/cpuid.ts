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

/** A part of each backend's run loop, for which it is written into both: a call would cost a dozen instructions. */
export class CpuidExit {
  /** Answers a guest's CPUID from its table; the upper halves of the four registers are cleared. */
  @inline
  static answer(vcpu: Vcpu): void {
    const registers = vcpu.registers;
    const leaf = <u32>registers.rax;
    if (leaf >= DIRECT_LEAVES || (vcpu.indirectLeaves >> leaf) & 1) {
      answerIndirectly(vcpu);
      return;
    }
    const answer = changetype<CpuidAnswer>(vcpu.cpuidRows + leaf * ANSWER_BYTES);
    registers.rax = answer.eax;
    registers.rbx = answer.ebx;
    registers.rcx = answer.ecx;
    registers.rdx = answer.edx;
  }
}

/** The same for what has no row of its number. Index.ts exports it, so that it stays out of the exit path's code. */
export function answerIndirectly(vcpu: Vcpu): void {
  vcpu.noteXcr0();
  const registers = vcpu.registers;
  const row = vcpu.cpuid.rowOf(<u32>registers.rax, <u32>registers.rcx);
  const answer = changetype<CpuidAnswer>(vcpu.cpuidRows + row * ANSWER_BYTES);
  registers.rax = answer.eax;
  registers.rbx = answer.ebx;
  registers.rcx = answer.ecx;
  registers.rdx = answer.edx;
}
