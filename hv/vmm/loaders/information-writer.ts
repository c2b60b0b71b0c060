// Writes boot information into guest RAM, a field after the other.

import { Ram, RAM_OK } from "../memory/ram";

export class InformationWriter {
  /** False once something did not fit into RAM. */
  isGood: bool = true;
  /** The guest-physical address that comes next. */
  at: u64 = 0;

  constructor(private readonly ram: Ram) {}

  /** Writes from guest-physical `at` on. */
  begin(at: u64): void {
    this.at = at;
    this.isGood = true;
  }

  u32(value: u32): void {
    this.note(this.ram.writeU32(this.at, value));
    this.at += 4;
  }

  u64(value: u64): void {
    this.note(this.ram.writeU64(this.at, value));
    this.at += 8;
  }

  /** `count` fields of 32 bits that hold 0. */
  zeroes(count: u32): void {
    for (let i: u32 = 0; i < count; i++) this.u32(0);
  }

  /** `text` as ASCII, and a zero. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.u8(<u8>text.charCodeAt(i));
    this.u8(0);
  }

  /** `length` bytes from `from` on of the vmm's own half of its memory, and a zero. */
  bytes(from: u32, length: u32): void {
    this.note(this.ram.copyIn(this.at, from, length));
    this.at += length;
    this.u8(0);
  }

  /** Writes zeroes up to the next multiple of `alignment`, a power of two. */
  align(alignment: u64): void {
    while ((this.at & (alignment - 1)) != 0 && this.isGood) this.u8(0);
  }

  private u8(value: u8): void {
    this.note(this.ram.writeU8(this.at, value));
    this.at++;
  }

  private note(status: u32): void {
    if (status != RAM_OK) this.isGood = false;
  }
}
