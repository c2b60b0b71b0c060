// The processor outside VMX: CPUID, MSRs and control registers.
import { has } from "./bits.ts";
import type { CpuidAnswer, CpuModel } from "./cpu-model.ts";
import { GP, HostException } from "./faults.ts";
import { PML4, SELECTORS } from "./host-tables.ts";
import { msr } from "./tables.ts";

const EXTENDED = 0x80000000;
const CR0_ET = 1n << 4n;
const CR4_VMXE = 1n << 13n;
const FEATURE_CONTROL_LOCKED = 1n;
const VMX_CAPABILITY_FIRST = 0x480;
const VMX_CAPABILITY_LAST = 0x493;

/** What firmware leaves behind: VMX enabled and locked, MTRRs that make RAM write-back. */
const firmwareMsrs: readonly (readonly [string, bigint])[] = [
  ["IA32_FEATURE_CONTROL", 5n],
  ["IA32_PAT", 0x0007040600070406n],
  ["IA32_EFER", 0xd00n],
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

export class Processor {
  readonly model: CpuModel;
  readonly msrs: Map<number, bigint>;
  /** As boot/entry.asm sets them. */
  cr0 = 0x80010033n;
  cr3 = PML4;
  cr4 = 0x20n;
  readonly dr7 = 0x400n;
  /** Interrupts are off in core; ZF and PF as some instruction left them. */
  readonly rflags = 0x46n;
  /** Set by the VMX part: then CR0 and CR4 keep to what VMX operation fixes. */
  isInVmxOperation = false;

  constructor(model: CpuModel) {
    this.model = model;
    this.msrs = new Map(firmwareMsrs.map(([name, value]) => [msr(name), value]));
    for (let n = 0; n < 16; n++) {
      const index = msr("IA32_MTRR_PHYSBASE0") + n;
      if (!this.msrs.has(index)) this.msrs.set(index, 0n);
    }
    for (let index = msr("IA32_MTRR_FIX4K_C0000"); index <= msr("IA32_MTRR_FIX4K_F8000"); index++) {
      this.msrs.set(index, 0x0505050505050505n);
    }
    for (const [index, value] of model.msrs) this.msrs.set(index, value);
  }

  /** CPUID; a leaf beyond the highest one is answered with the data of the highest basic leaf (SDM 2A, "CPUID"). */
  cpuid(leaf: number, _subleaf: number): CpuidAnswer {
    const range = leaf >= EXTENDED ? EXTENDED : 0;
    const highestBasic = this.model.leaf(0)[0];
    const isKnown = leaf <= this.model.leaf(range)[0] && (range !== 0 || leaf <= highestBasic);
    return this.model.leaf(isKnown ? leaf : highestBasic);
  }

  rdmsr(index: number): bigint {
    const value = this.msrs.get(index);
    if (value === undefined) throw new HostException(GP, `RDMSR of the missing MSR 0x${index.toString(16)}`);
    return value;
  }

  wrmsr(index: number, value: bigint): void {
    const isCapability = index >= VMX_CAPABILITY_FIRST && index <= VMX_CAPABILITY_LAST;
    if (!this.msrs.has(index) || isCapability) {
      throw new HostException(GP, `WRMSR to the missing or read-only MSR 0x${index.toString(16)}`);
    }
    if (index === msr("IA32_FEATURE_CONTROL") && has(this.rdmsr(index), FEATURE_CONTROL_LOCKED)) {
      throw new HostException(GP, "WRMSR to IA32_FEATURE_CONTROL, which is locked");
    }
    this.msrs.set(index, value);
  }

  /** A register by the numbers of hv/core/hardware.ts. */
  readRegister(number: number): bigint {
    const value = [...SELECTORS, this.cr0, this.cr3, this.cr4, this.dr7, this.rflags][number];
    if (value === undefined) throw new Error(`core read register ${number}, which hv/core/hardware.ts does not have`);
    return value;
  }

  writeControlRegister(n: 0 | 4, value: bigint): void {
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
