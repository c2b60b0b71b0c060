// Segment descriptors in the guest's tables, and loading segment registers from them as a task switch does.

import { CpuState, SegmentState } from "../../shared/vcpu-page";
import { VECTOR_INVALID_TSS, VECTOR_SEGMENT_NOT_PRESENT, VECTOR_STACK_FAULT } from "../../x86/exceptions";
import {
  ACCESS_RIGHTS_CODE_OR_DATA,
  ACCESS_RIGHTS_DPL_MASK,
  ACCESS_RIGHTS_DPL_SHIFT,
  ACCESS_RIGHTS_GRANULARITY,
  ACCESS_RIGHTS_PRESENT,
  ACCESS_RIGHTS_TYPE_MASK,
  ACCESS_RIGHTS_UNUSABLE,
  SEGMENT_CS,
  SEGMENT_LDTR,
  SEGMENT_SS,
  SEGMENT_TYPE_ACCESSED,
  SEGMENT_TYPE_CODE,
  SEGMENT_TYPE_CONFORMING,
  SEGMENT_TYPE_LDT,
  SEGMENT_TYPE_READABLE,
  SEGMENT_TYPE_WRITABLE,
} from "../../x86/segments";
import { LinearMemory, NO_FAULT } from "../decode/linear-memory";
import { VcpuViews } from "./vcpu-views";

/** Of a selector: privilege level, and the table. */
export const SELECTOR_RPL: u32 = 3;
export const SELECTOR_IN_LDT: u32 = 4;
const SELECTOR_INDEX: u32 = 0xfff8;
const DESCRIPTOR_BYTES: u32 = 8;
/** The descriptor's upper half, which has type and S, P and DPL. */
const UPPER_HALF: u64 = 4;
const RIGHTS_SHIFT: u64 = 40;
const RIGHTS_MASK: u32 = 0xf0ff;
/** Of the upper half: the type's bit 0. */
const UPPER_ACCESSED: u64 = 1 << 8;
// SDM 3A 17 "virtual-8086 mode", and VM entry's own demand (SDM 3C 27.3.1.2).
const VIRTUAL_8086_LIMIT: u32 = 0xffff;
const VIRTUAL_8086_RIGHTS: u32 = 0xf3;

/** The segment's base. */
export function baseOfDescriptor(descriptor: u64): u64 {
  return ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000);
}

/** The segment's limit in bytes. */
export function limitOfDescriptor(descriptor: u64): u32 {
  const limit = (<u32>(descriptor & 0xffff)) | (<u32>((descriptor >> 32) & 0xf0000));
  return (rightsOfDescriptor(descriptor) & ACCESS_RIGHTS_GRANULARITY) != 0 ? (limit << 12) | 0xfff : limit;
}

/** In the form of SegmentState.accessRights. */
export function rightsOfDescriptor(descriptor: u64): u32 {
  return (<u32>(descriptor >> RIGHTS_SHIFT)) & RIGHTS_MASK;
}

export class Descriptors {
  /** What `read` read, and where from. */
  descriptor: u64 = 0;
  address: u64 = 0;
  /** The exception that `read` or `load` returned. Its error code has no EXT flag. */
  faultErrorCode: u32 = 0;

  constructor(
    private readonly vcpu: VcpuViews,
    private readonly memory: LinearMemory,
  ) {}

  /** Reads the descriptor of `selector`, which is not null; where no table has it, `vector` with the selector. */
  read(selector: u32, vector: u32): u32 {
    const cpu: CpuState = this.vcpu.cpu;
    const ldtr = this.vcpu.segments[SEGMENT_LDTR];
    const isInLdt = (selector & SELECTOR_IN_LDT) != 0;
    if (isInLdt && (ldtr.accessRights & ACCESS_RIGHTS_UNUSABLE) != 0) return this.fault(vector, selector);
    const limit = isInLdt ? ldtr.limit : cpu.gdtrLimit;
    const index = selector & SELECTOR_INDEX;
    if (index + DESCRIPTOR_BYTES - 1 > limit) return this.fault(vector, selector);
    this.address = ((isInLdt ? ldtr.base : cpu.gdtrBase) + index) & 0xffffffff;
    const status = this.memory.readImplicitly(this.address, DESCRIPTOR_BYTES);
    if (status != NO_FAULT) return this.memoryFault(status);
    this.descriptor = this.memory.value;
    return NO_FAULT;
  }

  /** Makes a register unusable, and null where `selector` is. */
  clear(segment: u32, selector: u32): void {
    const state = this.vcpu.segments[segment];
    state.selector = selector;
    state.base = 0;
    state.limit = 0;
    state.accessRights = ACCESS_RIGHTS_UNUSABLE;
  }

  /** Loads one of ES to GS as virtual-8086 mode does. */
  loadVirtual8086(segment: u32, selector: u32): void {
    const state = this.vcpu.segments[segment];
    state.selector = selector;
    state.base = (<u64>selector) << 4;
    state.limit = VIRTUAL_8086_LIMIT;
    state.accessRights = VIRTUAL_8086_RIGHTS;
  }

  /** Loads LDTR (SDM 3A 8.3, table 8-1). */
  loadLdtr(selector: u32): u32 {
    if ((selector & ~SELECTOR_RPL) == 0) return NO_FAULT;
    if ((selector & SELECTOR_IN_LDT) != 0) return this.fault(VECTOR_INVALID_TSS, selector);
    const status = this.read(selector, VECTOR_INVALID_TSS);
    if (status != NO_FAULT) return status;
    const rights = rightsOfDescriptor(this.descriptor);
    const isLdt = (rights & (ACCESS_RIGHTS_TYPE_MASK | ACCESS_RIGHTS_CODE_OR_DATA)) == SEGMENT_TYPE_LDT;
    if (!isLdt || (rights & ACCESS_RIGHTS_PRESENT) == 0) return this.fault(VECTOR_INVALID_TSS, selector);
    this.fill(this.vcpu.segments[SEGMENT_LDTR], selector);
    return NO_FAULT;
  }

  /** Loads one of ES to GS for a task that runs with `cpl` (SDM 3A 8.3, table 8-1), and marks it accessed. */
  load(segment: u32, selector: u32, cpl: u32): u32 {
    const isNull = (selector & ~SELECTOR_RPL) == 0;
    if (isNull && segment != SEGMENT_CS && segment != SEGMENT_SS) return NO_FAULT;
    if (isNull) return this.fault(VECTOR_INVALID_TSS, selector);
    let status = this.read(selector, VECTOR_INVALID_TSS);
    if (status != NO_FAULT) return status;
    const rights = rightsOfDescriptor(this.descriptor);
    if (!isAllowed(segment, rights, selector & SELECTOR_RPL, cpl)) return this.fault(VECTOR_INVALID_TSS, selector);
    if ((rights & ACCESS_RIGHTS_PRESENT) == 0) {
      return this.fault(segment == SEGMENT_SS ? VECTOR_STACK_FAULT : VECTOR_SEGMENT_NOT_PRESENT, selector);
    }
    if ((rights & SEGMENT_TYPE_ACCESSED) == 0) {
      const upper = (this.descriptor >> 32) | UPPER_ACCESSED;
      status = this.memory.writeImplicitly(this.address + UPPER_HALF, 4, upper);
      if (status != NO_FAULT) return this.memoryFault(status);
    }
    const state = this.vcpu.segments[segment];
    this.fill(state, selector);
    state.accessRights |= SEGMENT_TYPE_ACCESSED;
    return NO_FAULT;
  }

  /** Fills a register with the descriptor that was read. */
  fill(state: SegmentState, selector: u32): void {
    state.selector = selector;
    state.base = baseOfDescriptor(this.descriptor);
    state.limit = limitOfDescriptor(this.descriptor);
    state.accessRights = rightsOfDescriptor(this.descriptor);
  }

  private fault(vector: u32, selector: u32): u32 {
    this.faultErrorCode = selector & ~SELECTOR_RPL;
    return vector;
  }

  private memoryFault(vector: u32): u32 {
    this.faultErrorCode = this.memory.faultErrorCode;
    return vector;
  }
}

/** Whether a segment with these rights may be loaded, whether present or not. `cpl` is the RPL of CS. */
function isAllowed(segment: u32, rights: u32, rpl: u32, cpl: u32): bool {
  if ((rights & ACCESS_RIGHTS_CODE_OR_DATA) == 0) return false;
  const dpl = (rights >> ACCESS_RIGHTS_DPL_SHIFT) & ACCESS_RIGHTS_DPL_MASK;
  const isCode = (rights & SEGMENT_TYPE_CODE) != 0;
  const isConforming = isCode && (rights & SEGMENT_TYPE_CONFORMING) != 0;
  if (segment == SEGMENT_CS) return isCode && (isConforming ? dpl <= rpl : dpl == rpl);
  if (segment == SEGMENT_SS) return !isCode && (rights & SEGMENT_TYPE_WRITABLE) != 0 && rpl == cpl && dpl == cpl;
  if (isCode && (rights & SEGMENT_TYPE_READABLE) == 0) return false;
  return isConforming || (dpl >= rpl && dpl >= cpl);
}
