// What instructions see of memory: segments, pages, RAM and devices, with the exceptions that an access can raise.

import { NO_ERROR_CODE } from "../../shared/vcpu-page";
import { CR0_PE } from "../../x86/control-registers";
import {
  VECTOR_ALIGNMENT_CHECK,
  VECTOR_GENERAL_PROTECTION,
  VECTOR_PAGE_FAULT,
  VECTOR_STACK_FAULT,
} from "../../x86/exceptions";
import { PAGE_OFFSET_MASK_4_KIB, PAGE_SIZE_4_KIB } from "../../x86/paging";
import { SEGMENT_SS } from "../../x86/segments";
import { Bus } from "../bus";
import { VcpuViews } from "../cpu/vcpu-views";
import { Ram, RAM_OK } from "../memory/ram";
import { baseOf, checksAlignment, isCanonical, isWithinSegment, LINEAR_MASK_32_BIT, USER } from "./segmentation";
import { AS_USER, FOR_FETCH, FOR_WRITE, IMPLICIT, PageWalker } from "./translate";

/** The most bytes that an instruction has. */
export const INSTRUCTION_BYTES: u32 = 15;
/** Bytes of the array that `fetch` fills. */
export const FETCH_BYTES: u32 = 16;
/** What an access returns that raised no exception; else it returns the vector, which `fault*` describe. */
export const NO_FAULT: u32 = 0;
const ALL_ONES: u64 = 0xffffffffffffffff;

/** The memory of one vCPU, in the state of the exit that its page describes. */
export class LinearMemory {
  /** What `read` read. */
  value: u64 = 0;
  /** What `toLinear` found. */
  linear: u64 = 0;

  // The exception of the last access that returned one, in the form of VcpuPage's fields of the same name.
  faultVector: u32 = 0;
  faultErrorCode: u32 = 0;
  faultAddress: u64 = 0;

  readonly walker: PageWalker;
  private firstPart: u64 = 0;
  private secondPart: u64 = 0;

  /** `bus` is that of the guest-physical addresses beyond RAM. */
  constructor(
    readonly ram: Ram,
    readonly bus: Bus,
    private readonly vcpu: VcpuViews,
  ) {
    this.walker = new PageWalker(ram, vcpu.cpu);
  }

  /**
   * The linear address of `offset` in `segment` (SEGMENT_ES to SEGMENT_GS) for a data access of 1 to 8 `bytes`: `linear`,
   * after the checks of segment, canonical form and alignment. `offset` has been cut to the address size.
   */
  toLinear(segment: u32, offset: u64, bytes: u32, isWrite: bool): u32 {
    const cpu = this.vcpu.cpu;
    const state = this.vcpu.segments[segment];
    const is64Bit = this.vcpu.isIn64BitMode;
    let linear = baseOf(is64Bit, segment, state) + offset;
    if (is64Bit) {
      // The last byte can be another case only where it lies in another page.
      const crosses = (linear & PAGE_OFFSET_MASK_4_KIB) + bytes > PAGE_SIZE_4_KIB;
      if (!isCanonical(cpu, linear) || (crosses && !isCanonical(cpu, linear + bytes - 1))) {
        return this.segmentFault(segment);
      }
    } else {
      if (!isWithinSegment(cpu, state, offset, bytes, isWrite)) return this.segmentFault(segment);
      linear &= LINEAR_MASK_32_BIT;
    }
    this.linear = linear;
    if ((linear & (bytes - 1)) != 0 && checksAlignment(cpu)) return this.raise(VECTOR_ALIGNMENT_CHECK, 0);
    return NO_FAULT;
  }

  /** Reads 1, 2, 4 or 8 `bytes` into `value`. */
  read(linear: u64, bytes: u32): u32 {
    return this.readAs(linear, bytes, this.privilege());
  }

  /** Writes the low `bytes` of `value`: all of them, or on a fault none. */
  write(linear: u64, bytes: u32, value: u64): u32 {
    return this.writeAs(linear, bytes, value, this.privilege());
  }

  /** What `read` would raise. */
  checkRead(linear: u64, bytes: u32): u32 {
    return this.translateAll(linear, bytes, this.privilege());
  }

  /** What `write` would raise. Dirty flags are set, as by the locked or read-modify-write access that this is for. */
  checkWrite(linear: u64, bytes: u32): u32 {
    return this.translateAll(linear, bytes, this.privilege() | FOR_WRITE);
  }

  /**
   * Writes the low `bytes` of `value` to the operand of the last `checkWrite` or `write`, wherever the guest's page tables
   * lead by now. `linear` and `bytes` are those of that call.
   */
  writeChecked(linear: u64, bytes: u32, value: u64): void {
    const inPage = <u32>(PAGE_SIZE_4_KIB - (linear & PAGE_OFFSET_MASK_4_KIB));
    this.writePhysical(this.firstPart, min(bytes, inPage), value);
    if (bytes > inPage) this.writePhysical(this.secondPart, bytes - inPage, value >> (8 * inPage));
  }

  /** As `read`, of a descriptor table or a TSS, which the CPU reads as a supervisor. */
  readImplicitly(linear: u64, bytes: u32): u32 {
    return this.readAs(linear, bytes, IMPLICIT);
  }

  /** As `write`, of a descriptor table or a TSS. */
  writeImplicitly(linear: u64, bytes: u32, value: u64): u32 {
    return this.writeAs(linear, bytes, value, IMPLICIT);
  }

  /** As `checkWrite`, of a descriptor table or a TSS. */
  checkImplicitWrite(linear: u64, bytes: u32): u32 {
    return this.translateAll(linear, bytes, IMPLICIT | FOR_WRITE);
  }

  /**
   * Copies the bytes at CS:RIP into `into`, of FETCH_BYTES: returns how many of INSTRUCTION_BYTES there are. Where it is
   * less, `fault*` say what the byte behind them raises, which counts only if the instruction has that byte.
   */
  fetchAtRip(into: StaticArray<u8>): u32 {
    const cpu = this.vcpu.cpu;
    if (this.vcpu.isIn64BitMode) return this.fetch(cpu.rip, into);
    const codeSegment = this.vcpu.codeSegment;
    const offset = cpu.rip & LINEAR_MASK_32_BIT;
    const limit = <u64>codeSegment.limit;
    const within = offset > limit ? 0 : limit - offset + 1;
    const fetched = within == 0 ? 0 : this.fetch((codeSegment.base + offset) & LINEAR_MASK_32_BIT, into);
    if (within >= INSTRUCTION_BYTES || <u64>fetched < within) return fetched;
    this.raise(VECTOR_GENERAL_PROTECTION, 0);
    return <u32>within;
  }

  /** As `fetchAtRip`, at a linear address, which is canonical. */
  fetch(linear: u64, into: StaticArray<u8>): u32 {
    if ((linear & PAGE_OFFSET_MASK_4_KIB) > PAGE_SIZE_4_KIB - FETCH_BYTES) return this.fetchParts(linear, into);
    if (!this.walker.translate(linear, this.privilege() | FOR_FETCH)) {
      this.pageFault(linear);
      return 0;
    }
    if (this.ram.read16(this.walker.physical, into) == RAM_OK) return INSTRUCTION_BYTES;
    return this.fetchParts(linear, into);
  }

  /** As `fetch`, byte by byte: instructions at the end of a page, and those that a device holds. */
  private fetchParts(linear: u64, into: StaticArray<u8>): u32 {
    for (let i: u32 = 0; i < INSTRUCTION_BYTES; i++) {
      const address = this.wrap(linear + i);
      if (i == 0 || (address & PAGE_OFFSET_MASK_4_KIB) == 0) {
        const status = isCanonical(this.vcpu.cpu, address)
          ? this.translateAll(address, 1, this.privilege() | FOR_FETCH)
          : this.raise(VECTOR_GENERAL_PROTECTION, 0);
        if (status != NO_FAULT) return i;
      }
      into[i] = <u8>(
        this.readPhysical((this.firstPart & ~PAGE_OFFSET_MASK_4_KIB) + (address & PAGE_OFFSET_MASK_4_KIB), 1)
      );
    }
    return INSTRUCTION_BYTES;
  }

  private readAs(linear: u64, bytes: u32, access: u32): u32 {
    const inPage = <u32>(PAGE_SIZE_4_KIB - (linear & PAGE_OFFSET_MASK_4_KIB));
    if (bytes <= inPage) {
      if (!this.walker.translate(linear, access)) return this.pageFault(linear);
      this.value = this.readPhysical(this.walker.physical, bytes);
      return NO_FAULT;
    }
    const status = this.translateAll(linear, bytes, access);
    if (status != NO_FAULT) return status;
    const low = this.readPhysical(this.firstPart, inPage);
    this.value = low | (this.readPhysical(this.secondPart, bytes - inPage) << (8 * inPage));
    return NO_FAULT;
  }

  private writeAs(linear: u64, bytes: u32, value: u64, access: u32): u32 {
    const status = this.translateAll(linear, bytes, access | FOR_WRITE);
    if (status == NO_FAULT) this.writeChecked(linear, bytes, value);
    return status;
  }

  /** Translates the one page or the two pages that an operand lies in: `firstPart` and `secondPart`. */
  private translateAll(linear: u64, bytes: u32, access: u32): u32 {
    if (!this.walker.translate(linear, access)) return this.pageFault(linear);
    this.firstPart = this.walker.physical;
    const offset = linear & PAGE_OFFSET_MASK_4_KIB;
    if (offset + bytes <= PAGE_SIZE_4_KIB) return NO_FAULT;
    const second = this.wrap(linear - offset + PAGE_SIZE_4_KIB);
    if (!this.walker.translate(second, access)) return this.pageFault(second);
    this.secondPart = this.walker.physical;
    return NO_FAULT;
  }

  /** Reads 1 to 8 bytes of one page, RAM or devices. */
  readPhysical(address: u64, bytes: u32): u64 {
    if (this.ram.holds(address, 8)) return this.ram.readU64(address) & (ALL_ONES >> (64 - 8 * bytes));
    let value: u64 = 0;
    let done: u32 = 0;
    while (done < bytes) {
      const size = pieceBytes(address + done, bytes - done);
      const isRam = this.ram.holds(address + done, size);
      const piece = isRam ? this.ram.read(address + done, size) : this.bus.read(address + done, size);
      value |= piece << (8 * done);
      done += size;
    }
    return value;
  }

  /** Writes the low 1 to 8 bytes of `value` to one page, RAM or devices. */
  writePhysical(address: u64, bytes: u32, value: u64): void {
    const isPower = (bytes & (bytes - 1)) == 0;
    if (isPower && this.ram.writeLow(address, bytes, value) == RAM_OK) return;
    let done: u32 = 0;
    while (done < bytes) {
      const size = pieceBytes(address + done, bytes - done);
      const piece = (value >> (8 * done)) & (ALL_ONES >> (64 - 8 * size));
      if (this.ram.writeLow(address + done, size, piece) != RAM_OK) this.bus.write(address + done, size, piece);
      done += size;
    }
  }

  get isIn64BitMode(): bool {
    return this.vcpu.isIn64BitMode;
  }

  private wrap(linear: u64): u64 {
    return this.vcpu.isIn64BitMode ? linear : linear & LINEAR_MASK_32_BIT;
  }

  /** AS_USER, or 0 for a supervisor. */
  privilege(): u32 {
    return this.vcpu.cpu.cpl == USER ? AS_USER : 0;
  }

  /** An exception of a data access by way of `segment`: #SS where that is SS, else #GP; the error code is 0. */
  private segmentFault(segment: u32): u32 {
    return this.raise(segment == SEGMENT_SS ? VECTOR_STACK_FAULT : VECTOR_GENERAL_PROTECTION, 0);
  }

  private pageFault(linear: u64): u32 {
    this.faultAddress = linear;
    return this.raise(VECTOR_PAGE_FAULT, this.walker.errorCode);
  }

  private raise(vector: u32, errorCode: u32): u32 {
    this.faultVector = vector;
    // Exceptions in real-address mode push no error code (SDM 3B 21.1.3).
    this.faultErrorCode = (this.vcpu.cpu.cr0 & CR0_PE) != 0 ? errorCode : NO_ERROR_CODE;
    return vector;
  }
}

/** The size of the largest access at `address` that is aligned and has no more than `bytes`. */
function pieceBytes(address: u64, bytes: u32): u32 {
  let size: u32 = 8;
  while (size > bytes || (address & (size - 1)) != 0) size >>= 1;
  return size;
}
