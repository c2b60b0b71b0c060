// The processor outside VMX: CPUID, MSRs and control registers.
import { has } from "./bits.ts";
import type { CpuidAnswer, CpuModel } from "./cpu-model.ts";
import { ExtendedRegisters, xsaveSubleaf } from "./extended-registers.ts";
import { GP, HostException } from "./faults.ts";
import { PML4, SELECTORS } from "./host-tables.ts";
import { LocalApic } from "./local-apic.ts";
import { hasSvm } from "./svm/features.ts";
import { msr } from "./tables.ts";

const EXTENDED = 0x80000000;
const CR0_ET = 1n << 4n;
const CR4_VMXE = 1n << 13n;
const CR4_OSXSAVE = 1n << 18n;
/** SDM 2A, "CPUID": bits of leaf 7's EDX, and the MSRs that each says there are. */
const SPECULATION_MSRS: readonly (readonly [bit: number, names: readonly string[]])[] = [
  [1 << 26, ["IA32_SPEC_CTRL", "IA32_PRED_CMD"]],
  [1 << 28, ["IA32_FLUSH_CMD"]],
  [1 << 29, ["IA32_ARCH_CAPABILITIES"]],
];
const CPUID_XSAVE = 1 << 26;
const XSAVE_LEAF = 0xd;
const FEATURE_CONTROL_LOCKED = 1n;
const VMX_CAPABILITY_FIRST = 0x480;
const VMX_CAPABILITY_LAST = 0x493;
const APIC_GLOBAL_ENABLE = 0x800n;
const APIC_X2APIC_ENABLE = 0x400n;
const APIC_ADDRESS = 0xffffffffff000n;
const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;
const CPUID_APIC = 1 << 9;
const CPUID_RDTSCP = 1 << 27;
const CPUID_LM = 1 << 29;
const CPUID_SYSCALL = 1 << 11;

/** What is no MSR of AMD's processors, and what is one of theirs only. */
const INTELS_MSRS = ["IA32_FEATURE_CONTROL"];
const AMDS_MSRS: readonly (readonly [string, bigint])[] = [["IA32_DEBUGCTL", 0n]];
const VENDOR_AMD_EBX = 0x68747541;

const EFER_KNOWN = 0x5d01n;
const EFER_SVME = 1n << 12n;
const VM_CR_SVMDIS = 1n << 4n;
const VM_CR_LOCK = 1n << 3n;

const LEAVES_WITH_SUBLEAVES = [4, 7, 0xb, XSAVE_LEAF, 0x1f];

/** What firmware leaves behind: VMX enabled and locked, MTRRs that make RAM write-back. */
const firmwareMsrs: readonly (readonly [string, bigint])[] = [
  ["IA32_FEATURE_CONTROL", 5n],
  ["IA32_APIC_BASE", 0xfee00900n],
  ["IA32_PAT", 0x0007040600070406n],
  ["IA32_EFER", 0xd00n],
  ["IA32_STAR", 0n],
  ["IA32_LSTAR", 0n],
  ["IA32_CSTAR", 0n],
  ["IA32_FMASK", 0n],
  ["IA32_KERNEL_GS_BASE", 0n],
  ["IA32_TSC_AUX", 0n],
  ["IA32_FS_BASE", 0n],
  ["IA32_GS_BASE", 0n],
  ["IA32_SYSENTER_CS", 0x8n],
  ["IA32_SYSENTER_ESP", 0x1ff00000n],
  ["IA32_SYSENTER_EIP", 0x1ff01000n],
  ["IA32_MTRRCAP", 0x508n],
  ["IA32_MTRR_DEF_TYPE", 0xc06n],
  ["IA32_MTRR_FIX64K_00000", 0x0606060606060606n],
  ["IA32_MTRR_FIX16K_80000", 0x0606060606060606n],
  ["IA32_MTRR_FIX16K_A0000", 0n],
  ["IA32_MTRR_PHYSBASE0", 0xc0000000n],
  ["IA32_MTRR_PHYSMASK0", 0xffc0000800n],
];

/** The registers that core may write, at their numbers in hv/core/hardware.ts. */
export const WRITABLE_REGISTERS: Readonly<Record<number, string>> = {
  8: "CR0",
  10: "CR4",
  13: "CR2",
  14: "DR0",
  15: "DR1",
  16: "DR2",
  17: "DR3",
  18: "DR6",
};
/** SDM 3B 18.2.3: bits of DR6 that always read 1, and those that software can change. */
const DR6_ONES = 0xffff0ff0n;
const DR6_CHANGEABLE = 0xe00fn;

export class Processor {
  readonly model: CpuModel;
  readonly msrs: Map<number, bigint>;
  /** As boot/entry.asm sets them. */
  cr0 = 0x80010033n;
  cr3 = PML4;
  cr4 = 0x20n;
  readonly dr7 = 0x400n;
  /** CR2, DR0 to DR3 and DR6, which no VM entry or exit changes. */
  readonly unswitched = new Map<string, bigint>([
    ...["CR2", "DR0", "DR1", "DR2", "DR3"].map((name) => [name, 0n] as const),
    ["DR6", DR6_ONES],
  ]);
  /** Interrupts are off in core; ZF and PF as some instruction left them. */
  readonly rflags = 0x46n;
  /** Set by the VMX part: then CR0 and CR4 keep to what VMX operation fixes. */
  isInVmxOperation = false;
  readonly extended: ExtendedRegisters;
  readonly #components: bigint;
  readonly #localApic: LocalApic;

  constructor(model: CpuModel, localApic = new LocalApic()) {
    this.model = model;
    this.#localApic = localApic;
    this.msrs = new Map(firmwareMsrs.map(([name, value]) => [msr(name), value]));
    for (let n = 0; n < 16; n++) {
      const index = msr("IA32_MTRR_PHYSBASE0") + n;
      if (!this.msrs.has(index)) this.msrs.set(index, 0n);
    }
    for (let index = msr("IA32_MTRR_FIX4K_C0000"); index <= msr("IA32_MTRR_FIX4K_F8000"); index++) {
      this.msrs.set(index, 0x0505050505050505n);
    }
    if (this.#isAmds) {
      for (const name of INTELS_MSRS) this.msrs.delete(msr(name));
      for (const [name, value] of AMDS_MSRS) this.msrs.set(msr(name), value);
    }
    for (const [index, value] of model.msrs) this.msrs.set(index, value);
    for (const [bit, names] of SPECULATION_MSRS) {
      for (const index of names.map(msr)) {
        if (model.leaf(7)[3] & bit && !this.msrs.has(index)) this.msrs.set(index, 0n);
      }
    }
    const hasXsave = (model.leaf(1)[2] & CPUID_XSAVE) !== 0;
    this.#components = hasXsave ? BigInt(model.leaf(XSAVE_LEAF)[0]) : 0n;
    this.extended = new ExtendedRegisters(this.#components, () => has(this.cr4, CR4_OSXSAVE));
    // SDM 4, table 2-2: it comes with RDTSCP.
    if ((model.leaf(EXTENDED + 1)[3] & CPUID_RDTSCP) === 0) this.msrs.delete(msr("IA32_TSC_AUX"));
  }

  get #isAmds(): boolean {
    return this.model.leaf(0)[1] === VENDOR_AMD_EBX;
  }

  /** CPUID; a leaf beyond the highest one is answered with the data of the highest basic leaf (SDM 2A, "CPUID"). */
  cpuid(leaf: number, subleaf: number): CpuidAnswer {
    const range = leaf >= EXTENDED ? EXTENDED : 0;
    const highestBasic = this.model.leaf(0)[0];
    const isKnown = leaf <= this.model.leaf(range)[0] && (range !== 0 || leaf <= highestBasic);
    // One of AMD's answers with zeroes (APM 3, "CPUID").
    if (!isKnown && this.#isAmds) return [0, 0, 0, 0];
    const answer = this.#subleaf(isKnown ? leaf : highestBasic, subleaf);
    // The models were asked outside 64-bit mode, where SYSCALL does not show (SDM 2A, "CPUID").
    if (leaf === EXTENDED + 1 && answer[3] & CPUID_LM)
      return [answer[0], answer[1], answer[2], (answer[3] | CPUID_SYSCALL) >>> 0];
    // A disabled APIC does not show (SDM 3A 11.4.3).
    if (leaf !== 1 || this.#apicIs(APIC_GLOBAL_ENABLE)) return answer;
    return [answer[0], answer[1], answer[2], (answer[3] & ~CPUID_APIC) >>> 0];
  }

  /** The models have sub-leaves 0 only; of the others leaf 0xD has those of its state components. */
  #subleaf(leaf: number, subleaf: number): CpuidAnswer {
    if (subleaf === 0 || !LEAVES_WITH_SUBLEAVES.includes(leaf)) return this.model.leaf(leaf);
    return leaf === XSAVE_LEAF ? xsaveSubleaf(this.#components, subleaf) : [0, 0, 0, 0];
  }

  /** Where the local APIC's registers are, null where they are in no page: the APIC is off, or in x2APIC mode. */
  get apicPage(): bigint | null {
    if (!this.#apicIs(APIC_GLOBAL_ENABLE) || this.#apicIs(APIC_X2APIC_ENABLE)) return null;
    return (this.msrs.get(msr("IA32_APIC_BASE")) ?? 0n) & APIC_ADDRESS;
  }

  #apicIs(bit: bigint): boolean {
    return has(this.msrs.get(msr("IA32_APIC_BASE")) ?? 0n, bit);
  }

  /** The value of an MSR, undefined where RDMSR would fault. */
  msrOrNothing(index: number): bigint | undefined {
    if (index < X2APIC_FIRST || index > X2APIC_LAST) return this.msrs.get(index);
    return this.#apicIs(APIC_X2APIC_ENABLE) ? this.#localApic.readMsr(index) : undefined;
  }

  rdmsr(index: number): bigint {
    const value = this.msrOrNothing(index);
    if (value === undefined) throw new HostException(GP, `RDMSR of the missing MSR 0x${index.toString(16)}`);
    return value;
  }

  wrmsr(index: number, value: bigint): void {
    if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
      const isTaken = this.#apicIs(APIC_X2APIC_ENABLE) && this.#localApic.writeMsr(index, value);
      if (!isTaken) throw new HostException(GP, `WRMSR to the x2APIC register 0x${index.toString(16)}`);
      return;
    }
    if (index === msr("IA32_APIC_BASE")) this.#checkApicBase(value);
    const isCapability = index >= VMX_CAPABILITY_FIRST && index <= VMX_CAPABILITY_LAST;
    if (!this.msrs.has(index) || isCapability) {
      throw new HostException(GP, `WRMSR to the missing or read-only MSR 0x${index.toString(16)}`);
    }
    if (index === msr("IA32_FEATURE_CONTROL") && has(this.rdmsr(index), FEATURE_CONTROL_LOCKED)) {
      throw new HostException(GP, "WRMSR to IA32_FEATURE_CONTROL, which is locked");
    }
    if (index === msr("IA32_EFER")) this.#checkEfer(value);
    if (index === msr("VM_HSAVE_PA")) this.#checkHostSaveArea(value);
    if (index === msr("VM_CR")) this.msrs.set(index, this.#virtualMachineControl(value));
    else this.msrs.set(index, value);
  }

  /** APM 2 15.4 and 15.30.1: SVME is reserved without SVM, and while VM_CR.SVMDIS is 1. */
  #checkEfer(value: bigint): void {
    const isDisabled = has(this.msrs.get(msr("VM_CR")) ?? 0n, VM_CR_SVMDIS);
    const mayHaveSvme = hasSvm(this.model) && !isDisabled;
    if (has(value, ~EFER_KNOWN) || (has(value, EFER_SVME) && !mayHaveSvme)) {
      throw new HostException(GP, `WRMSR to EFER of ${value.toString(16)}`);
    }
  }

  /** APM 2 15.30.4. */
  #checkHostSaveArea(value: bigint): void {
    const isPage = value % 4096n === 0n && value >> BigInt(this.model.maximumPhysicalAddress) === 0n;
    if (!isPage) throw new HostException(GP, `WRMSR to VM_HSAVE_PA of ${value.toString(16)}`);
  }

  /** APM 2 15.30.1: what a write leaves. SVMDIS can be set but while EFER.SVME is 1, and cleared but while it is locked. */
  #virtualMachineControl(value: bigint): bigint {
    const old = this.msrs.get(msr("VM_CR")) ?? 0n;
    const isEnabled = has(this.msrs.get(msr("IA32_EFER")) ?? 0n, EFER_SVME);
    if (isEnabled && has(value, VM_CR_SVMDIS)) throw new HostException(GP, "WRMSR to VM_CR of SVMDIS with EFER.SVME");
    const kept = VM_CR_SVMDIS | VM_CR_LOCK;
    return has(old, VM_CR_LOCK) ? (value & ~kept) | (old & kept) : value;
  }

  /** A register by the numbers of hv/core/hardware.ts. */
  readRegister(number: number): bigint {
    const value =
      [...SELECTORS, this.cr0, this.cr3, this.cr4, this.dr7, this.rflags][number] ??
      this.unswitched.get(WRITABLE_REGISTERS[number] ?? "");
    if (value === undefined) throw new Error(`core read register ${number}, which hv/core/hardware.ts does not have`);
    return value;
  }

  /** SDM 3A 11.12.5 and figure 11-5: x2APIC mode is left by disabling the APIC only, and never entered from disabled. */
  #checkApicBase(value: bigint): void {
    const old = this.msrs.get(msr("IA32_APIC_BASE")) ?? 0n;
    const isEnabled = has(value, APIC_GLOBAL_ENABLE);
    const isX2apic = has(value, APIC_X2APIC_ENABLE);
    const isReserved = has(value, 0x2ffn) || value >> BigInt(this.model.maximumPhysicalAddress) !== 0n;
    const wasX2apic = has(old, APIC_X2APIC_ENABLE);
    const isWrong =
      (isX2apic && (!isEnabled || !has(old, APIC_GLOBAL_ENABLE))) || (wasX2apic && isEnabled && !isX2apic);
    if (isReserved || isWrong) {
      throw new HostException(GP, `WRMSR to IA32_APIC_BASE of ${value.toString(16)}, which was ${old.toString(16)}`);
    }
  }

  /** MOV to one of WRITABLE_REGISTERS. */
  writeRegister(name: string, value: bigint): void {
    if (name === "CR0" || name === "CR4") this.#writeControlRegister(name === "CR0" ? 0 : 4, value);
    else if (name === "DR6" && value >> 32n !== 0n) throw new HostException(GP, "MOV to DR6 of bits 63:32");
    else this.unswitched.set(name, name === "DR6" ? (value & DR6_CHANGEABLE) | DR6_ONES : value);
  }

  #writeControlRegister(n: 0 | 4, value: bigint): void {
    const name = `CR${n}`;
    const supported = this.msrs.get(msr(`IA32_VMX_${name}_FIXED1`)) ?? 0xffffffffn;
    if (has(value, ~supported)) throw new HostException(GP, `MOV to ${name} of bits that the CPU does not have`);
    if (this.isInVmxOperation && !this.isFixedRight(n, value)) {
      throw new HostException(GP, `MOV to ${name} of ${value.toString(16)} in VMX operation`);
    }
    if (n === 0) this.cr0 = value | CR0_ET;
    else this.cr4 = value;
  }

  /** SDM 3D A.7 and A.8. */
  isFixedRight(n: 0 | 4, value: bigint): boolean {
    const fixed0 = this.msrs.get(msr(`IA32_VMX_CR${n}_FIXED0`)) ?? 0n;
    const fixed1 = this.msrs.get(msr(`IA32_VMX_CR${n}_FIXED1`)) ?? 0n;
    return (value & fixed0) === fixed0 && !has(value, ~fixed1);
  }

  get vmxIsEnabled(): boolean {
    return has(this.cr4, CR4_VMXE);
  }
}
