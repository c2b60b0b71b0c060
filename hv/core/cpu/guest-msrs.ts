// The MSRs of one vCPU: which there are, found by their number without a search, and the values that Basalt keeps for them.

import {
  CPUID_1_EDX_APIC,
  CPUID_7_EBX_TSC_ADJUST,
  CPUID_7_EDX_ARCH_CAPABILITIES,
  CPUID_7_EDX_IBRS_AND_IBPB,
  CPUID_7_EDX_L1D_FLUSH,
  CPUID_7_EDX_SSBD,
  CPUID_7_EDX_STIBP,
  CPUID_EXTENDED_EDX_RDTSCP,
  CPUID_LEAF_EXTENDED_FEATURES,
  CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES,
  CPUID_LEAF_FEATURES,
  CPUID_LEAF_VENDOR,
  VENDOR_AMD_EBX,
} from "../../x86/cpuid";
import {
  ARCH_CAPABILITIES_OF_GUESTS,
  IA32_ARCH_CAPABILITIES,
  IA32_BIOS_SIGN_ID,
  IA32_SPEC_CTRL,
  INT_PENDING_MSG,
  MSR_KVM_WALL_CLOCK_NEW,
  SPEC_CTRL_IBRS,
  SPEC_CTRL_SSBD,
  SPEC_CTRL_STIBP,
  SYSCFG,
} from "../../x86/msr";
import { tryRdmsr } from "../hardware";
import { ANSWER_EBX, ANSWER_EDX } from "./cpuid-policy";
import { GuestCpuid } from "./guest-cpuid";
import {
  LAST_KEPT,
  MSR_MACHINE,
  MSR_COLUMNS,
  MSR_POLICY,
  NEEDS_AMD,
  NEEDS_ARCH_CAPABILITIES,
  NEEDS_IBPB,
  NEEDS_L1D_FLUSH,
  NEEDS_MACHINE,
  NEEDS_RDTSCP,
  NEEDS_SPEC_CTRL,
  NEEDS_TSC_ADJUST,
} from "./msrs";

/** The MSRs from 0 up to here, those from HIGH_FIRST on, KVM's and AMD's are looked up in one table. */
export const LOW_MSRS: u32 = 0x1000;
const HIGH_FIRST: u32 = 0xc0000080;
const HIGH_MSRS: u32 = 0x100;
const KVM_FIRST: u32 = MSR_KVM_WALL_CLOCK_NEW;
const KVM_MSRS: u32 = 2;
const AMD_FIRST: u32 = SYSCFG;
const AMD_MSRS: u32 = INT_PENDING_MSG + 1 - SYSCFG;
const PLACES: u32 = LOW_MSRS + HIGH_MSRS + KVM_MSRS + AMD_MSRS;
/** Slots 1 to this one hold values that RDMSR answers with; those behind are asked for by their kind. Slot 0 is no MSR. */
export const KEPT_SLOTS: u32 = 127;
const SLOTS: u32 = 256;
/** That of all MSRs of the machine. */
const MACHINE_SLOT: u32 = KEPT_SLOTS + 1;
export const NO_SLOT: u32 = 0;

export class GuestMsrs {
  /** The slot of each MSR of the two ranges. */
  readonly slots: StaticArray<u8> = new StaticArray<u8>(<i32>PLACES);
  /** By slot. */
  readonly values: StaticArray<u64> = new StaticArray<u64>(<i32>SLOTS);
  private readonly atReset: StaticArray<u64> = new StaticArray<u64>(<i32>SLOTS);
  readonly kinds: StaticArray<u8> = new StaticArray<u8>(<i32>SLOTS);
  readonly details: StaticArray<u64> = new StaticArray<u64>(<i32>SLOTS);

  /** The MSRs that a guest with this CPUID has, as after a reset. */
  constructor(private readonly cpuid: GuestCpuid) {
    let kept: u32 = 1;
    let asked: u32 = MACHINE_SLOT + 1;
    for (let i: u32 = 0; i < <u32>MSR_POLICY.length; i += MSR_COLUMNS) {
      if (!this.isThere(<u32>MSR_POLICY[i + 5])) continue;
      const kind = <u32>MSR_POLICY[i + 2];
      const last = <u32>MSR_POLICY[i + 1];
      for (let msr = <u32>MSR_POLICY[i]; msr <= last; msr++) {
        const slot = kind == MSR_MACHINE ? MACHINE_SLOT : kind <= LAST_KEPT ? kept++ : asked++;
        this.slots[placeOf(msr)] = <u8>slot;
        this.kinds[slot] = <u8>kind;
        this.details[slot] = MSR_POLICY[i + 3];
        this.values[slot] = MSR_POLICY[i + 4];
      }
    }
    this.details[this.slotOf(IA32_SPEC_CTRL)] = this.specCtrlBits;
    this.keepHosts(IA32_BIOS_SIGN_ID, u64.MAX_VALUE);
    this.keepHosts(IA32_ARCH_CAPABILITIES, ARCH_CAPABILITIES_OF_GUESTS);
    for (let slot = 0; slot < this.values.length; slot++) this.atReset[slot] = this.values[slot];
  }

  /** What RDMSR reads after power-on. */
  reset(): void {
    for (let slot = 0; slot < this.values.length; slot++) this.values[slot] = this.atReset[slot];
  }

  /** The slot of an MSR, NO_SLOT where the guest does not have it. */
  slotOf(msr: u32): u32 {
    const place = placeOf(msr);
    return place < PLACES ? <u32>this.slots[place] : NO_SLOT;
  }

  /** Whether the guest has what a row of the policy needs, one of NEEDS_*. */
  isThere(need: u32): bool {
    const cpuid = this.cpuid;
    const features = cpuid.of(CPUID_LEAF_EXTENDED_FEATURES, ANSWER_EDX);
    if (need == NEEDS_RDTSCP) {
      return (cpuid.of(CPUID_LEAF_EXTENDED_PROCESSOR_FEATURES, ANSWER_EDX) & CPUID_EXTENDED_EDX_RDTSCP) != 0;
    }
    if (need == NEEDS_TSC_ADJUST) {
      return (cpuid.of(CPUID_LEAF_EXTENDED_FEATURES, ANSWER_EBX) & CPUID_7_EBX_TSC_ADJUST) != 0;
    }
    if (need == NEEDS_AMD) return cpuid.of(CPUID_LEAF_VENDOR, ANSWER_EBX) == VENDOR_AMD_EBX;
    if (need == NEEDS_MACHINE) return (cpuid.of(CPUID_LEAF_FEATURES, ANSWER_EDX) & CPUID_1_EDX_APIC) != 0;
    if (need == NEEDS_SPEC_CTRL) return this.specCtrlBits != 0;
    if (need == NEEDS_IBPB) return (features & CPUID_7_EDX_IBRS_AND_IBPB) != 0;
    if (need == NEEDS_L1D_FLUSH) return (features & CPUID_7_EDX_L1D_FLUSH) != 0;
    return need != NEEDS_ARCH_CAPABILITIES || (features & CPUID_7_EDX_ARCH_CAPABILITIES) != 0;
  }

  /** The bits of IA32_SPEC_CTRL that CPUID shows. */
  private get specCtrlBits(): u64 {
    const features = this.cpuid.of(CPUID_LEAF_EXTENDED_FEATURES, ANSWER_EDX);
    let bits: u64 = 0;
    if (features & CPUID_7_EDX_IBRS_AND_IBPB) bits |= SPEC_CTRL_IBRS;
    if (features & CPUID_7_EDX_STIBP) bits |= SPEC_CTRL_STIBP;
    if (features & CPUID_7_EDX_SSBD) bits |= SPEC_CTRL_SSBD;
    return bits;
  }

  /** Keeps the processor's own value of an MSR, as far as `mask` goes; 0 where it has none. */
  private keepHosts(msr: u32, mask: u64): void {
    const slot = this.slotOf(msr);
    const value = new StaticArray<u64>(1);
    if (slot != NO_SLOT && tryRdmsr(msr, changetype<usize>(value))) this.values[slot] = value[0] & mask;
  }
}

/** The element of `slots` for an MSR; beyond them for one that no guest has. */
function placeOf(msr: u32): u32 {
  if (msr < LOW_MSRS) return msr;
  if (msr - HIGH_FIRST < HIGH_MSRS) return msr - HIGH_FIRST + LOW_MSRS;
  if (msr - KVM_FIRST < KVM_MSRS) return msr - KVM_FIRST + LOW_MSRS + HIGH_MSRS;
  return msr - AMD_FIRST < AMD_MSRS ? msr - AMD_FIRST + LOW_MSRS + HIGH_MSRS + KVM_MSRS : PLACES;
}
