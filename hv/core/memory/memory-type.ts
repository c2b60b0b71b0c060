// The memory type of host-physical memory as the MTRRs give it (SDM 3A 12.11): the type that EPT entries carry.

import { rdmsr } from "../hardware";
import {
  IA32_MTRR_DEF_TYPE,
  IA32_MTRR_FIX16K_80000,
  IA32_MTRR_FIX16K_A0000,
  IA32_MTRR_FIX4K_C0000,
  IA32_MTRR_FIX4K_C8000,
  IA32_MTRR_FIX4K_D0000,
  IA32_MTRR_FIX4K_D8000,
  IA32_MTRR_FIX4K_E0000,
  IA32_MTRR_FIX4K_E8000,
  IA32_MTRR_FIX4K_F0000,
  IA32_MTRR_FIX4K_F8000,
  IA32_MTRR_FIX64K_00000,
  IA32_MTRR_PHYSBASE0,
  IA32_MTRR_PHYSMASK0,
  IA32_MTRRCAP,
  MTRR_DEF_TYPE_ENABLE,
  MTRR_DEF_TYPE_FIXED_ENABLE,
  MTRR_DEF_TYPE_MASK,
  MTRR_PHYSBASE_TYPE_MASK,
  MTRR_PHYSMASK_VALID,
  MTRRCAP_FIX,
  MTRRCAP_VCNT_MASK,
} from "../../x86/msr";
import { MEMORY_TYPE_UC, MEMORY_TYPE_WB, MEMORY_TYPE_WT, PAGE_SIZE_4_KIB } from "../../x86/paging";

/** What `typeOfBlock` returns for a block that no one type holds for. */
export const MEMORY_TYPE_MIXED: u32 = 0x100;
/** No range that was looked at so far matches. */
const MEMORY_TYPE_NONE: u32 = 0x101;

const FIXED_RANGES_END: u64 = 0x100000;
// The fixed-range registers in the order of the memory that they cover. Each holds the types of 8 ranges, a byte each
// (SDM 3A 12.11.2.2), so range n of them all is byte n % 8 of register n / 8.
export const FIXED_REGISTERS: StaticArray<u32> = [
  IA32_MTRR_FIX64K_00000,
  IA32_MTRR_FIX16K_80000,
  IA32_MTRR_FIX16K_A0000,
  IA32_MTRR_FIX4K_C0000,
  IA32_MTRR_FIX4K_C8000,
  IA32_MTRR_FIX4K_D0000,
  IA32_MTRR_FIX4K_D8000,
  IA32_MTRR_FIX4K_E0000,
  IA32_MTRR_FIX4K_E8000,
  IA32_MTRR_FIX4K_F0000,
  IA32_MTRR_FIX4K_F8000,
];
const FIRST_16_KIB_RANGE: u32 = 8;
const FIRST_4_KIB_RANGE: u32 = 24;

/** A snapshot of one processor's MTRRs. Firmware sets all processors alike, and nothing of Basalt writes them. */
export class Mtrrs {
  private readonly defaultType: u32;
  private readonly areEnabled: bool;
  private readonly fixedRangesAreEnabled: bool;
  private readonly fixedTypes: StaticArray<u64> = new StaticArray<u64>(FIXED_REGISTERS.length);
  /** The valid variable ranges: page p is in range n where (p XOR bases[n]) AND masks[n] is 0. */
  private readonly bases: StaticArray<u64>;
  private readonly masks: StaticArray<u64>;
  private readonly types: StaticArray<u32>;
  private variableRanges: i32 = 0;

  /**
   * Reads the MTRRs of this processor. `physicalAddressBits` is MAXPHYADDR. A processor without MTRRs (CPUID.01H:EDX[12]
   * is 0, as some hypervisors show theirs) leaves the type of memory to page tables, so write-back is taken. Allocates, so
   * it belongs to start-up.
   */
  constructor(physicalAddressBits: u32, hasMtrrs: bool = true) {
    const capabilities = hasMtrrs ? rdmsr(IA32_MTRRCAP) : 0;
    const defaultType = hasMtrrs ? rdmsr(IA32_MTRR_DEF_TYPE) : MTRR_DEF_TYPE_ENABLE | (<u64>MEMORY_TYPE_WB);
    const registers = <u32>(capabilities & MTRRCAP_VCNT_MASK);
    this.defaultType = <u32>(defaultType & MTRR_DEF_TYPE_MASK);
    this.areEnabled = (defaultType & MTRR_DEF_TYPE_ENABLE) != 0;
    this.fixedRangesAreEnabled = (capabilities & MTRRCAP_FIX) != 0 && (defaultType & MTRR_DEF_TYPE_FIXED_ENABLE) != 0;
    this.bases = new StaticArray<u64>(registers);
    this.masks = new StaticArray<u64>(registers);
    this.types = new StaticArray<u32>(registers);

    if (this.fixedRangesAreEnabled) {
      for (let n = 0; n < FIXED_REGISTERS.length; n++) this.fixedTypes[n] = rdmsr(FIXED_REGISTERS[n]);
    }
    const addressBits = (((<u64>1) << physicalAddressBits) - 1) & ~(PAGE_SIZE_4_KIB - 1);
    for (let n: u32 = 0; n < registers; n++) {
      const base = rdmsr(IA32_MTRR_PHYSBASE0 + 2 * n);
      const mask = rdmsr(IA32_MTRR_PHYSMASK0 + 2 * n);
      if (mask & MTRR_PHYSMASK_VALID)
        this.addVariableRange(base & addressBits, mask & addressBits, base & MTRR_PHYSBASE_TYPE_MASK);
    }
  }

  /** The type of the 4-KiB page at `address`, or of any byte in it: 0 UC, 1 WC, 4 WT, 5 WP, 6 WB. */
  typeOf(address: u64): u32 {
    return this.typeOfBlock(address & ~(PAGE_SIZE_4_KIB - 1), PAGE_SIZE_4_KIB);
  }

  /**
   * The one type that holds for the whole block, or MEMORY_TYPE_MIXED. `bytes` is a power of two, at least 4096, and
   * `address` a multiple of it. MTRRs that are disabled make all memory UC; the fixed ranges, where enabled, decide
   * alone below 1 MiB; where no range matches, the default type holds (SDM 3A 12.11.4.1).
   */
  typeOfBlock(address: u64, bytes: u64): u32 {
    if (!this.areEnabled) return MEMORY_TYPE_UC;
    if (this.fixedRangesAreEnabled && address < FIXED_RANGES_END) {
      return bytes > PAGE_SIZE_4_KIB ? this.typeOfHalves(address, bytes) : this.fixedType(<u32>address);
    }

    let type = MEMORY_TYPE_NONE;
    let isCutByRange = false;
    for (let n = 0; n < this.variableRanges; n++) {
      const mask = this.masks[n];
      const liesOutside = ((address ^ this.bases[n]) & mask & ~(bytes - 1)) != 0;
      if (liesOutside) continue;
      if (mask & (bytes - 1)) isCutByRange = true;
      else type = combinedType(type, this.types[n]);
    }
    // Nothing that matches in addition can change UC.
    if (isCutByRange && type != MEMORY_TYPE_UC) return this.typeOfHalves(address, bytes);
    return type == MEMORY_TYPE_NONE ? this.defaultType : type;
  }

  /**
   * How many of the `limit` bytes from `address` on have the type of the first: at least 4096, and `limit` at most.
   * Both are multiples of 4096.
   */
  uniformBytes(address: u64, limit: u64): u64 {
    const type = this.typeOf(address);
    let bytes: u64 = 0;
    while (bytes < limit) {
      const block = this.uniformBlock(address + bytes, limit - bytes, type);
      if (block == 0) break;
      bytes += block;
    }
    return bytes;
  }

  /** The largest naturally aligned block that begins at `address`, has `limit` bytes at most and only `type`; or 0. */
  private uniformBlock(address: u64, limit: u64, type: u32): u64 {
    let bytes: u64 = (<u64>1) << (63 - clz<u64>(limit));
    const alignment = address & (~address + 1);
    if (address != 0 && alignment < bytes) bytes = alignment;
    while (bytes >= PAGE_SIZE_4_KIB && this.typeOfBlock(address, bytes) != type) bytes >>= 1;
    return bytes >= PAGE_SIZE_4_KIB ? bytes : 0;
  }

  private typeOfHalves(address: u64, bytes: u64): u32 {
    const half = bytes >> 1;
    const lower = this.typeOfBlock(address, half);
    if (lower == MEMORY_TYPE_MIXED) return MEMORY_TYPE_MIXED;
    return this.typeOfBlock(address + half, half) == lower ? lower : MEMORY_TYPE_MIXED;
  }

  private fixedType(address: u32): u32 {
    let range: u32;
    if (address < 0x80000) range = address >> 16;
    else if (address < 0xc0000) range = FIRST_16_KIB_RANGE + ((address - 0x80000) >> 14);
    else range = FIRST_4_KIB_RANGE + ((address - 0xc0000) >> 12);
    return (<u32>(this.fixedTypes[range >> 3] >> ((range & 7) << 3))) & 0xff;
  }

  private addVariableRange(base: u64, mask: u64, type: u64): void {
    this.bases[this.variableRanges] = base;
    this.masks[this.variableRanges] = mask;
    this.types[this.variableRanges] = <u32>type;
    this.variableRanges++;
  }
}

/**
 * The type where two variable ranges match. UC wins over all and WT over WB; for other pairs the processor's behaviour
 * is undefined (SDM 3A 12.11.4.1), so UC is taken, which is right for memory and for devices, only slow.
 */
function combinedType(first: u32, second: u32): u32 {
  if (first == MEMORY_TYPE_NONE || first == second) return second;
  const areBothCached = isWriteThroughOrWriteBack(first) && isWriteThroughOrWriteBack(second);
  return areBothCached ? MEMORY_TYPE_WT : MEMORY_TYPE_UC;
}

function isWriteThroughOrWriteBack(type: u32): bool {
  return type == MEMORY_TYPE_WT || type == MEMORY_TYPE_WB;
}
