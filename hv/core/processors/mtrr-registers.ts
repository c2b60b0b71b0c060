// The MTRRs of the CPU that booted, for the others: all CPUs must have the same (SDM 3A 12.11.8), and firmware need not see to it.

import {
  IA32_MTRR_DEF_TYPE,
  IA32_MTRR_PHYSBASE0,
  IA32_MTRRCAP,
  MTRR_DEF_TYPE_ENABLE,
  MTRRCAP_FIX,
  MTRRCAP_VCNT_MASK,
} from "../../x86/msr";
import { CR0_CD, CR0_NW, CR4_PGE } from "../../x86/control-registers";
import { rdmsr, readRegister, REGISTER_CR0, REGISTER_CR4, wbinvd, writeRegister, wrmsr } from "../hardware";
import { FIXED_REGISTERS } from "../memory/memory-type";

export class MtrrRegisters {
  private readonly indices: Array<u32> = [];
  private readonly values: Array<u64> = [];
  private readonly defaultType: u64;

  /** Reads them on this CPU; it has none where `hasMtrrs` is false. */
  constructor(private readonly hasMtrrs: bool) {
    const capabilities = hasMtrrs ? rdmsr(IA32_MTRRCAP) : 0;
    this.defaultType = hasMtrrs ? rdmsr(IA32_MTRR_DEF_TYPE) : 0;
    const variable: u32 = 2 * <u32>(capabilities & MTRRCAP_VCNT_MASK);
    for (let n: u32 = 0; n < variable; n++) this.note(IA32_MTRR_PHYSBASE0 + n);
    const fixed = capabilities & MTRRCAP_FIX ? FIXED_REGISTERS.length : 0;
    for (let n = 0; n < fixed; n++) this.note(FIXED_REGISTERS[n]);
  }

  private note(index: u32): void {
    this.indices.push(index);
    this.values.push(rdmsr(index));
  }

  /** Whether the CPU that executes this has the same values. */
  areLoaded(): bool {
    if (!this.hasMtrrs) return true;
    if (rdmsr(IA32_MTRR_DEF_TYPE) != this.defaultType) return false;
    for (let n = 0; n < this.indices.length; n++) {
      if (rdmsr(this.indices[n]) != this.values[n]) return false;
    }
    return true;
  }

  /**
   * Gives the CPU that executes this the same values: with caches off, and they and the TLBs empty before and behind (SDM 3A
   * 12.11.8). Interrupts are off.
   */
  load(): void {
    const cr0 = readRegister(REGISTER_CR0);
    writeRegister(REGISTER_CR0, (cr0 | CR0_CD) & ~CR0_NW);
    wbinvd();
    flushTlbs();
    wrmsr(IA32_MTRR_DEF_TYPE, this.defaultType & ~MTRR_DEF_TYPE_ENABLE);
    for (let n = 0; n < this.indices.length; n++) wrmsr(this.indices[n], this.values[n]);
    wrmsr(IA32_MTRR_DEF_TYPE, this.defaultType);
    wbinvd();
    flushTlbs();
    writeRegister(REGISTER_CR0, cr0);
  }
}

/** A change of CR4.PGE drops all translations, global ones too (SDM 3A 4.10.4.1). */
function flushTlbs(): void {
  const cr4 = readRegister(REGISTER_CR4);
  writeRegister(REGISTER_CR4, cr4 ^ CR4_PGE);
  writeRegister(REGISTER_CR4, cr4);
}
