// Logical to linear addresses: what segmentation checks before paging does (SDM 3A chapter 5, SDM 1 3.3.7).

import { CpuState, SegmentState } from "../../shared/vcpu-page";
import { CR0_AM, CR0_PE, CR4_LA57, RFLAGS_AC, RFLAGS_VM } from "../../x86/control-registers";
import { EFER_LMA } from "../../x86/msr";
import {
  ACCESS_RIGHTS_32_BIT,
  ACCESS_RIGHTS_64_BIT,
  ACCESS_RIGHTS_UNUSABLE,
  SEGMENT_FS,
  SEGMENT_TYPE_CODE,
  SEGMENT_TYPE_EXPAND_DOWN,
  SEGMENT_TYPE_READABLE,
  SEGMENT_TYPE_WRITABLE,
} from "../../x86/segments";

/** Linear addresses outside 64-bit mode have 32 bits. */
export const LINEAR_MASK_32_BIT: u64 = 0xffffffff;
/** The CPL of an explicit access that is a user's. */
export const USER: u32 = 3;

/** Whether the CPU is in 64-bit mode, of which compatibility mode is no part. `codeSegment` is CS. */
export function isIn64BitMode(cpu: CpuState, codeSegment: SegmentState): bool {
  return (cpu.efer & EFER_LMA) != 0 && (codeSegment.accessRights & ACCESS_RIGHTS_64_BIT) != 0;
}

/** Whether all bits above those that paging translates are copies of the highest of these (SDM 1 3.3.7.1). */
export function isCanonical(cpu: CpuState, linear: u64): bool {
  const unused: u64 = (cpu.cr4 & CR4_LA57) != 0 ? 7 : 16;
  return <u64>((<i64>(linear << unused)) >> (<i64>unused)) == linear;
}

/** The base of the segment with the number `segment`: in 64-bit mode only those of FS and GS count. */
export function baseOf(is64Bit: bool, segment: u32, state: SegmentState): u64 {
  return is64Bit && segment < SEGMENT_FS ? 0 : state.base;
}

/**
 * Whether a data access of `bytes` at `offset` of a segment is one that its type and its limit allow: outside 64-bit mode,
 * where neither counts. In real-address and virtual-8086 mode a limit is checked, and no type.
 */
export function isWithinSegment(cpu: CpuState, state: SegmentState, offset: u64, bytes: u32, isWrite: bool): bool {
  const rights = state.accessRights;
  if ((rights & ACCESS_RIGHTS_UNUSABLE) != 0) return false;
  const isCode = (rights & SEGMENT_TYPE_CODE) != 0;
  if ((cpu.cr0 & CR0_PE) != 0 && (cpu.rflags & RFLAGS_VM) == 0) {
    if (isWrite && (isCode || (rights & SEGMENT_TYPE_WRITABLE) == 0)) return false;
    if (isCode && (rights & SEGMENT_TYPE_READABLE) == 0) return false;
  }
  const last = offset + bytes - 1;
  if (isCode || (rights & SEGMENT_TYPE_EXPAND_DOWN) == 0) return last <= state.limit;
  return offset > state.limit && last <= ((rights & ACCESS_RIGHTS_32_BIT) != 0 ? 0xffffffff : 0xffff);
}

/** Whether an access that is not aligned to its size is an alignment check (SDM 3A 6.15, "Alignment Check Exception"). */
export function checksAlignment(cpu: CpuState): bool {
  return cpu.cpl == USER && (cpu.rflags & RFLAGS_AC) != 0 && (cpu.cr0 & CR0_AM) != 0;
}
