// CPUID as core asks it, and as guests see it.

import {
  CPUID_1_ECX_HYPERVISOR,
  CPUID_1_ECX_VMX,
  CPUID_LEAF_ADDRESS_SIZES,
  CPUID_LEAF_EXTENDED_MAXIMUM,
  CPUID_LEAF_FEATURES,
} from "../../x86/cpuid";
import { cpuid } from "../hardware";

/** Executes CPUID and keeps its answer in place, so that asking allocates nothing. */
export class Cpuid {
  eax: u32 = 0;
  ebx: u32 = 0;
  ecx: u32 = 0;
  edx: u32 = 0;

  read(leaf: u32, subleaf: u32): void {
    cpuid(leaf, subleaf, offsetof<Cpuid>("eax") + changetype<usize>(this));
  }

  /** As `read`, with what a guest must not see taken out: it has no VMX, and it runs under a hypervisor. */
  readForGuest(leaf: u32, subleaf: u32): void {
    this.read(leaf, subleaf);
    if (leaf == CPUID_LEAF_FEATURES) this.ecx = (this.ecx & ~CPUID_1_ECX_VMX) | CPUID_1_ECX_HYPERVISOR;
  }

  /** MAXPHYADDR: the number of physical-address bits, 36 where the CPU does not say (SDM 3A 4.1.4). */
  maximumPhysicalAddress(): u32 {
    this.read(CPUID_LEAF_EXTENDED_MAXIMUM, 0);
    if (this.eax < CPUID_LEAF_ADDRESS_SIZES) return 36;
    this.read(CPUID_LEAF_ADDRESS_SIZES, 0);
    return this.eax & 0xff;
  }
}
