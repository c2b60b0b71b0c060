// Bounded reading of bytes that came from outside: boot information, ACPI tables.

import { Cpuid } from "../cpu/cpuid";
import { readPhysical } from "../hardware";

/** A copy of some bytes. Reading beyond its end gives 0 and clears `isWhole`; nothing traps. */
export class Bytes {
  /** False once a read went beyond the end. */
  isWhole: bool = true;
  private readonly data: StaticArray<u8>;
  /** The end of the CPU's physical addresses, once it is known. */
  private endOfAddresses: u64 = 0;

  constructor(readonly length: u32) {
    this.data = new StaticArray<u8>(length);
  }

  /** Copies physical memory; null where the range is beyond the CPU's physical addresses. */
  static ofPhysical(hpa: u64, length: u32): Bytes | null {
    const bytes = new Bytes(length);
    return bytes.readPhysical(hpa, length) ? bytes : null;
  }

  /** Copies `count` bytes of physical memory, `length` at most, over the first ones; false beyond the CPU's addresses. */
  readPhysical(hpa: u64, count: u32): bool {
    if (this.endOfAddresses == 0) this.endOfAddresses = (<u64>1) << new Cpuid().maximumPhysicalAddress();
    const end = this.endOfAddresses;
    if (count > this.length || hpa > end || count > end - hpa) return false;
    readPhysical(hpa, changetype<usize>(this.data), count);
    return true;
  }

  private pointer(offset: u32, size: u32): usize {
    if (<u64>offset + size > <u64>this.length) {
      this.isWhole = false;
      return 0;
    }
    return changetype<usize>(this.data) + offset;
  }

  u8(offset: u32): u32 {
    const pointer = this.pointer(offset, 1);
    return pointer ? load<u8>(pointer) : 0;
  }
  u16(offset: u32): u32 {
    const pointer = this.pointer(offset, 2);
    return pointer ? load<u16>(pointer) : 0;
  }
  u32(offset: u32): u32 {
    const pointer = this.pointer(offset, 4);
    return pointer ? load<u32>(pointer) : 0;
  }
  u64(offset: u32): u64 {
    const pointer = this.pointer(offset, 8);
    return pointer ? load<u64>(pointer) : 0;
  }

  /** The sum of all bytes modulo 256, which firmware's tables make 0 by a checksum. */
  sum(): u32 {
    let sum: u32 = 0;
    for (let i: u32 = 0; i < this.length; i++) sum += this.u8(i);
    return sum & 0xff;
  }

  /** Fills this copy from `source`, from `offset` on. */
  copy(source: Bytes, offset: u32): void {
    const from = source.pointer(offset, this.length);
    if (from) memory.copy(changetype<usize>(this.data), from, this.length);
  }

  /** The bytes up to a zero, the end, or `limit` of them, each as one letter. */
  text(offset: u32, limit: u32): string {
    const end = <u32>min(<u64>offset + limit, <u64>this.length);
    let length: u32 = 0;
    while (offset + length < end && this.u8(offset + length) != 0) length++;
    // In one piece: joining letters would leave every part of the text behind on a heap that frees nothing.
    const letters = new StaticArray<u16>(<i32>length);
    for (let i: u32 = 0; i < length; i++) letters[i] = <u16>this.u8(offset + i);
    return String.UTF16.decodeUnsafe(changetype<usize>(letters), 2 * length);
  }

  /** Whether the ASCII `text` stands at `offset`. */
  holds(offset: u32, text: string): bool {
    for (let i = 0; i < text.length; i++) {
      if (this.u8(offset + i) != <u32>text.charCodeAt(i)) return false;
    }
    return true;
  }
}
