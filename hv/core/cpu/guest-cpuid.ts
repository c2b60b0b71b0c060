// The answers to a guest's CPUID: computed once from the policy's tables, patched where the guest's state changes them.

import {
  CPUID_1_ECX_OSXSAVE,
  CPUID_1_ECX_XSAVE,
  CPUID_1_EDX_APIC,
  CPUID_7_ECX_OSPKE,
  CPUID_LEAF_CACHE_PARAMETERS,
  CPUID_LEAF_EXTENDED_FEATURES,
  CPUID_LEAF_EXTENDED_MAXIMUM,
  CPUID_LEAF_EXTENDED_TOPOLOGY,
  CPUID_LEAF_EXTENDED_TOPOLOGY_V2,
  CPUID_LEAF_FEATURES,
  CPUID_LEAF_HYPERVISOR_FREQUENCIES,
  CPUID_LEAF_HYPERVISOR_LAST,
  CPUID_LEAF_HYPERVISOR_VENDOR,
  CPUID_LEAF_KVM_FEATURES,
  CPUID_LEAF_KVM_SIGNATURE,
  CPUID_LEAF_PROCESSOR_FREQUENCY,
  CPUID_LEAF_TIME_STAMP_COUNTER,
  CPUID_LEAF_VENDOR,
  CPUID_LEAF_XSAVE,
} from "../../x86/cpuid";
import { CR4_OSXSAVE, CR4_PKE, XCR0_X87 } from "../../x86/control-registers";
import { Cpuid } from "./cpuid";
import { FEATURE_MACHINE } from "./features";
import {
  ANSWER_EAX,
  ANSWER_EBX,
  ANSWER_ECX,
  ANSWER_EDX,
  CPUID_POLICY,
  HIGHEST_BASIC_LEAF,
  HIGHEST_EXTENDED_LEAF,
  NEEDED_COLUMNS,
  NEEDED_FEATURES,
  POLICY_COLUMNS,
} from "./cpuid-policy";
import { GUEST_XCR0 } from "./xcr0";

const REGISTERS: u32 = 4;
/** The rows of each of the three ranges of leaves: basic, extended, the hypervisor's. */
const LEAVES: u32 = 32;
const EXTENDED_ROWS: u32 = LEAVES;
const HYPERVISOR_ROWS: u32 = 2 * LEAVES;
/** Two rows of the hypervisor's that no leaf of its own has. */
const KVM_SIGNATURE_ROW: u32 = HYPERVISOR_ROWS + 0x1e;
const KVM_FEATURES_ROW: u32 = HYPERVISOR_ROWS + 0x1f;
/** A leaf or sub-leaf that reads 0. */
const ZERO_ROW: u32 = 3 * LEAVES;
/** For an answer that holds the number of the sub-leaf. */
const SCRATCH_ROW: u32 = ZERO_ROW + 1;
const SUBLEAF_ROWS: u32 = SCRATCH_ROW + 1;
const XSAVE_COMPONENTS: u32 = 19;

/** Leaves with sub-leaves, and how many of them have a row. */
const SUBLEAFED: StaticArray<u32> = [
  CPUID_LEAF_CACHE_PARAMETERS,
  CPUID_LEAF_EXTENDED_FEATURES,
  CPUID_LEAF_EXTENDED_TOPOLOGY,
  CPUID_LEAF_XSAVE,
  CPUID_LEAF_EXTENDED_TOPOLOGY_V2,
];
const SUBLEAVES: StaticArray<u32> = [5, 3, 2, XSAVE_COMPONENTS, 2];
const SUBLEAVES_IN_ALL: u32 = 5 + 3 + 2 + XSAVE_COMPONENTS + 2;

/** "BasaltBasalt", in EBX, ECX, EDX. */
const SIGNATURE_EBX: u32 = 0x61736142;
const SIGNATURE_ECX: u32 = 0x6142746c;
const SIGNATURE_EDX: u32 = 0x746c6173;
/** Leaf 0x40000001, EAX: Basalt's hypercalls are there (hv/core/exits/hypercall.ts). */
const HYPERVISOR_HAS_HYPERCALLS: u32 = 1;

/** "KVMKVMKVM" and three zeroes, in EBX, ECX, EDX. */
const KVM_SIGNATURE_EBX: u32 = 0x4b4d564b;
const KVM_SIGNATURE_ECX: u32 = 0x564b4d56;
const KVM_SIGNATURE_EDX: u32 = 0x4d;
/**
 * What there is of KVM's interface (Linux, Documentation/virt/kvm/x86/cpuid.rst): port accesses need no delays (bit 1), the clock
 * by MSR_KVM_SYSTEM_TIME_NEW (3), which is the same on all CPUs (24).
 */
const KVM_FEATURES: u32 = (1 << 1) | (1 << 3) | (1 << 24);
/** Leaf 0x16, ECX: what processors tell. */
const BUS_MEGAHERTZ: u32 = 100;

// SDM 1 13.4: the legacy region and the header of an XSAVE area; a component's ECX[1] asks for 64-byte alignment.
const XSAVE_LEGACY_AND_HEADER: u32 = 576;
const COMPONENT_IS_ALIGNED: u32 = 2;

export class GuestCpuid {
  /** Rows of EAX, EBX, ECX, EDX; that of a basic leaf is its number, unless it is in `indirect`. */
  readonly answers: StaticArray<u32> = new StaticArray<u32>(<i32>(REGISTERS * (SUBLEAF_ROWS + SUBLEAVES_IN_ALL)));
  /** By bit: basic leaves whose row `rowOf` tells, as they have sub-leaves, or are beyond the highest one. */
  indirect: u32 = 0;
  /** The bits that a guest may set in XCR0; 0 without XSAVE. */
  supportedXcr0: u64 = 0;
  private readonly highestBasic: u32;
  private readonly highestExtended: u32;
  private readonly firstRow: StaticArray<u32> = new StaticArray<u32>(<i32>LEAVES);
  private readonly rowCount: StaticArray<u32> = new StaticArray<u32>(<i32>LEAVES);

  /**
   * `features` are FEATURE_* that the backend lets the guest use, `tscKilohertz` is the frequency of the time-stamp counter.
   * Executes CPUID, and nothing later does.
   */
  constructor(features: u32, tscKilohertz: u32) {
    const host = new Cpuid();
    host.read(CPUID_LEAF_VENDOR, 0);
    const highestBasic = min(host.eax, HIGHEST_BASIC_LEAF);
    host.read(CPUID_LEAF_EXTENDED_MAXIMUM, 0);
    const highestExtended = min(host.eax, HIGHEST_EXTENDED_LEAF);
    this.highestBasic = highestBasic;
    this.highestExtended = highestExtended;
    this.placeSubleaves();
    for (let i: u32 = 0; i < <u32>CPUID_POLICY.length; i += POLICY_COLUMNS) this.applyRow(host, i);
    this.set(CPUID_LEAF_VENDOR, ANSWER_EAX, highestBasic);
    this.set(EXTENDED_ROWS, ANSWER_EAX, highestExtended);
    const features7 = this.firstRow[CPUID_LEAF_EXTENDED_FEATURES];
    this.set(features7, ANSWER_EAX, min(this.get(features7, ANSWER_EAX), 2));
    this.hideUnusable(features);
    this.describeHypervisor(features, tscKilohertz);
    this.describeTime(tscKilohertz);
    this.supportedXcr0 = this.describeXsave(host);
    this.setXcr0(XCR0_X87);
  }

  /** Of a leaf, sub-leaf 0, the register ANSWER_*. */
  of(leaf: u32, register: u32): u32 {
    return this.get(this.rowOf(leaf, 0), register);
  }

  /** The row that answers a leaf and a sub-leaf, whatever they are. */
  rowOf(leaf: u32, subleaf: u32): u32 {
    if (leaf >= CPUID_LEAF_EXTENDED_MAXIMUM && leaf <= this.highestExtended) return EXTENDED_ROWS + (leaf & 0x1f);
    if (leaf >= CPUID_LEAF_HYPERVISOR_VENDOR && leaf <= CPUID_LEAF_HYPERVISOR_LAST) {
      if (leaf == CPUID_LEAF_KVM_SIGNATURE) return KVM_SIGNATURE_ROW;
      if (leaf == CPUID_LEAF_KVM_FEATURES) return KVM_FEATURES_ROW;
      return leaf <= CPUID_LEAF_HYPERVISOR_FREQUENCIES ? HYPERVISOR_ROWS + (leaf & 0x1f) : ZERO_ROW;
    }
    // Beyond the highest leaf the answer is that of the highest basic one (SDM 2A, "CPUID").
    const basic = min(leaf, this.highestBasic);
    const count = this.rowCount[basic];
    if (count == 0) return basic;
    if (subleaf < count) return this.firstRow[basic] + subleaf;
    if (basic != CPUID_LEAF_EXTENDED_TOPOLOGY && basic != CPUID_LEAF_EXTENDED_TOPOLOGY_V2) return ZERO_ROW;
    this.set(SCRATCH_ROW, ANSWER_ECX, subleaf & 0xff);
    return SCRATCH_ROW;
  }

  /** After each change of the guest's CR4: OSXSAVE and OSPKE show it. */
  setCr4(cr4: u64): void {
    this.setBit(CPUID_LEAF_FEATURES, CPUID_1_ECX_OSXSAVE, (cr4 & CR4_OSXSAVE) != 0);
    this.setBit(this.firstRow[CPUID_LEAF_EXTENDED_FEATURES], CPUID_7_ECX_OSPKE, (cr4 & CR4_PKE) != 0);
  }

  /** After each change of the local APIC's global enable: bit 9 of leaf 1's EDX shows it. */
  setApic(isOn: bool): void {
    const value = this.get(CPUID_LEAF_FEATURES, ANSWER_EDX);
    this.set(CPUID_LEAF_FEATURES, ANSWER_EDX, isOn ? value | CPUID_1_EDX_APIC : value & ~CPUID_1_EDX_APIC);
  }

  /** After each change of the guest's XCR0: the sizes of the XSAVE area follow it (leaf 0xD). */
  setXcr0(xcr0: u64): void {
    if (this.supportedXcr0 == 0) return;
    const first = this.firstRow[CPUID_LEAF_XSAVE];
    this.set(first, ANSWER_EBX, this.xsaveBytes(xcr0));
    this.set(first + 1, ANSWER_EBX, this.compactedBytes(xcr0));
  }

  private get(row: u32, register: u32): u32 {
    return this.answers[REGISTERS * row + register];
  }

  private set(row: u32, register: u32, value: u32): void {
    this.answers[REGISTERS * row + register] = value;
  }

  private setBit(row: u32, bit: u32, isSet: bool): void {
    const value = this.get(row, ANSWER_ECX);
    this.set(row, ANSWER_ECX, isSet ? value | bit : value & ~bit);
  }

  private placeSubleaves(): void {
    let row = SUBLEAF_ROWS;
    let indirect: u32 = 0;
    for (let i = 0; i < SUBLEAFED.length; i++) {
      const leaf = SUBLEAFED[i];
      this.firstRow[leaf] = row;
      this.rowCount[leaf] = SUBLEAVES[i];
      row += SUBLEAVES[i];
      indirect |= 1 << leaf;
    }
    for (let leaf = this.highestBasic + 1; leaf < LEAVES; leaf++) indirect |= 1 << leaf;
    this.indirect = indirect;
  }

  private applyRow(host: Cpuid, i: u32): void {
    const leaf = CPUID_POLICY[i];
    const subleaf = CPUID_POLICY[i + 1];
    const highest = leaf < CPUID_LEAF_EXTENDED_MAXIMUM ? this.highestBasic : this.highestExtended;
    if (leaf > highest) return;
    host.read(leaf, subleaf);
    const row = this.rowOf(leaf, subleaf);
    this.set(row, ANSWER_EAX, (host.eax & CPUID_POLICY[i + 2]) | CPUID_POLICY[i + 6]);
    this.set(row, ANSWER_EBX, (host.ebx & CPUID_POLICY[i + 3]) | CPUID_POLICY[i + 7]);
    this.set(row, ANSWER_ECX, (host.ecx & CPUID_POLICY[i + 4]) | CPUID_POLICY[i + 8]);
    this.set(row, ANSWER_EDX, (host.edx & CPUID_POLICY[i + 5]) | CPUID_POLICY[i + 9]);
  }

  private hideUnusable(features: u32): void {
    for (let i: u32 = 0; i < <u32>NEEDED_FEATURES.length; i += NEEDED_COLUMNS) {
      if (features & NEEDED_FEATURES[i]) continue;
      const row = this.rowOf(NEEDED_FEATURES[i + 1], 0);
      const register = NEEDED_FEATURES[i + 2];
      this.set(row, register, this.get(row, register) & ~NEEDED_FEATURES[i + 3]);
    }
  }

  private describeHypervisor(features: u32, tscKilohertz: u32): void {
    this.set(HYPERVISOR_ROWS, ANSWER_EAX, CPUID_LEAF_HYPERVISOR_FREQUENCIES);
    this.set(HYPERVISOR_ROWS, ANSWER_EBX, SIGNATURE_EBX);
    this.set(HYPERVISOR_ROWS, ANSWER_ECX, SIGNATURE_ECX);
    this.set(HYPERVISOR_ROWS, ANSWER_EDX, SIGNATURE_EDX);
    this.set(HYPERVISOR_ROWS + 1, ANSWER_EAX, HYPERVISOR_HAS_HYPERCALLS);
    // The time-stamp counter's, and that of the local APIC's timer, which counts at its rate.
    const frequencies = HYPERVISOR_ROWS + (CPUID_LEAF_HYPERVISOR_FREQUENCIES & 0x1f);
    this.set(frequencies, ANSWER_EAX, tscKilohertz);
    if (!(features & FEATURE_MACHINE)) return;
    this.set(frequencies, ANSWER_EBX, tscKilohertz);
    this.set(KVM_SIGNATURE_ROW, ANSWER_EAX, CPUID_LEAF_KVM_FEATURES);
    this.set(KVM_SIGNATURE_ROW, ANSWER_EBX, KVM_SIGNATURE_EBX);
    this.set(KVM_SIGNATURE_ROW, ANSWER_ECX, KVM_SIGNATURE_ECX);
    this.set(KVM_SIGNATURE_ROW, ANSWER_EDX, KVM_SIGNATURE_EDX);
    this.set(KVM_FEATURES_ROW, ANSWER_EAX, KVM_FEATURES);
  }

  /** Leaves 0x15 and 0x16, where the processor has them: a crystal as fast as the counter, if its frequency fits 32 bits. */
  private describeTime(tscKilohertz: u32): void {
    const hertz = <u64>tscKilohertz * 1000;
    if (this.highestBasic >= CPUID_LEAF_TIME_STAMP_COUNTER) {
      const isTold = hertz >> 32 == 0;
      this.set(CPUID_LEAF_TIME_STAMP_COUNTER, ANSWER_EAX, isTold ? 1 : 0);
      this.set(CPUID_LEAF_TIME_STAMP_COUNTER, ANSWER_EBX, isTold ? 1 : 0);
      this.set(CPUID_LEAF_TIME_STAMP_COUNTER, ANSWER_ECX, isTold ? <u32>hertz : 0);
    }
    if (this.highestBasic >= CPUID_LEAF_PROCESSOR_FREQUENCY) {
      this.set(CPUID_LEAF_PROCESSOR_FREQUENCY, ANSWER_EAX, tscKilohertz / 1000);
      this.set(CPUID_LEAF_PROCESSOR_FREQUENCY, ANSWER_EBX, tscKilohertz / 1000);
      this.set(CPUID_LEAF_PROCESSOR_FREQUENCY, ANSWER_ECX, BUS_MEGAHERTZ);
    }
  }

  /** Fills leaf 0xD in for the components that guests may have: what they may set in XCR0. */
  private describeXsave(host: Cpuid): u64 {
    if (this.highestBasic < CPUID_LEAF_XSAVE) return 0;
    if (!(this.of(CPUID_LEAF_FEATURES, ANSWER_ECX) & CPUID_1_ECX_XSAVE)) return 0;
    host.read(CPUID_LEAF_XSAVE, 0);
    const supported = host.eax & (<u32>GUEST_XCR0);
    const first = this.firstRow[CPUID_LEAF_XSAVE];
    for (let n: u32 = 2; n < XSAVE_COMPONENTS; n++) {
      if (!((supported >> n) & 1)) continue;
      host.read(CPUID_LEAF_XSAVE, n);
      this.set(first + n, ANSWER_EAX, host.eax);
      this.set(first + n, ANSWER_EBX, host.ebx);
      this.set(first + n, ANSWER_ECX, host.ecx & COMPONENT_IS_ALIGNED);
    }
    this.set(first, ANSWER_EAX, supported);
    this.set(first, ANSWER_ECX, this.xsaveBytes(supported));
    return supported;
  }

  /** The size of the standard form of the XSAVE area for these components (SDM 1 13.4.3). */
  private xsaveBytes(components: u64): u32 {
    const first = this.firstRow[CPUID_LEAF_XSAVE];
    let bytes = XSAVE_LEGACY_AND_HEADER;
    for (let n: u32 = 2; n < XSAVE_COMPONENTS; n++) {
      if (!((components >> n) & 1)) continue;
      bytes = max(bytes, this.get(first + n, ANSWER_EAX) + this.get(first + n, ANSWER_EBX));
    }
    return bytes;
  }

  /** The size of the compacted form. */
  private compactedBytes(components: u64): u32 {
    const first = this.firstRow[CPUID_LEAF_XSAVE];
    let bytes = XSAVE_LEGACY_AND_HEADER;
    for (let n: u32 = 2; n < XSAVE_COMPONENTS; n++) {
      if (!((components >> n) & 1)) continue;
      if (this.get(first + n, ANSWER_ECX) & COMPONENT_IS_ALIGNED) bytes = (bytes + 63) & ~63;
      bytes += this.get(first + n, ANSWER_EAX);
    }
    return bytes;
  }
}
