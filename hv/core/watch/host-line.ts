// Lines that the host at the other end of COM1 sends, polled.

import { COM1_DATA, COM1_LINE_STATUS, DATA_READY, FRAMING_ERROR, OVERRUN_ERROR, PARITY_ERROR } from "../console/com1";
import { in8, rdtsc } from "../hardware";

/** Bytes were lost or damaged. */
const ERRORS: u32 = OVERRUN_ERROR | PARITY_ERROR | FRAMING_ERROR;
const LINE_FEED: u8 = 0x0a;
const CARRIAGE_RETURN: u8 = 0x0d;
const SPACE: u8 = 0x20;
const MAXIMUM_BYTES: i32 = 200;
/** More than a UART keeps. */
const MOST_STALE: i32 = 64;

// What came of `read`.
export const LINE_OK: u32 = 0;
export const LINE_TIMEOUT: u32 = 1;
export const LINE_TOO_LONG: u32 = 2;
export const LINE_DAMAGED: u32 = 3;

/** The last line, and the word of it that was looked at last. Nothing of it allocates. */
export class HostLine {
  /** With `takeNumber` and `takeByte`: the number. */
  value: u64 = 0;
  private readonly bytes: StaticArray<u8> = new StaticArray<u8>(MAXIMUM_BYTES);
  private length: i32 = 0;
  private wordStart: i32 = 0;
  private wordEnd: i32 = 0;

  /** Drops what was sent before it was asked for. */
  discard(): void {
    for (let n = 0; n < MOST_STALE && in8(COM1_LINE_STATUS) & DATA_READY; n++) in8(COM1_DATA);
  }

  /** Waits for a line, `ticks` of the TSC at most, and starts at its first word. One of LINE_*. */
  read(ticks: u64): u32 {
    const start = rdtsc();
    let isDamaged = false;
    let length = 0;
    this.wordEnd = 0;
    this.length = 0;
    while (rdtsc() - start < ticks) {
      const status = in8(COM1_LINE_STATUS);
      if (status & ERRORS) isDamaged = true;
      if (!(status & DATA_READY)) continue;
      const byte = <u8>in8(COM1_DATA);
      if (byte == CARRIAGE_RETURN) continue;
      if (byte == LINE_FEED) {
        if (isDamaged) return LINE_DAMAGED;
        if (length > MAXIMUM_BYTES) return LINE_TOO_LONG;
        this.length = length;
        return LINE_OK;
      }
      if (length < MAXIMUM_BYTES) this.bytes[length] = byte;
      length = min(length + 1, MAXIMUM_BYTES + 1);
    }
    return LINE_TIMEOUT;
  }

  /** Goes on to the next word; false where there is none. */
  next(): bool {
    let at = this.wordEnd;
    while (at < this.length && this.bytes[at] == SPACE) at++;
    this.wordStart = at;
    while (at < this.length && this.bytes[at] != SPACE) at++;
    this.wordEnd = at;
    return this.wordEnd > this.wordStart;
  }

  /** No word follows this one. */
  get isAtEnd(): bool {
    return this.wordEnd == this.length;
  }

  /** Whether the word is `text`. */
  is(text: string): bool {
    if (this.wordEnd - this.wordStart != text.length) return false;
    for (let i = 0; i < text.length; i++) {
      if (<i32>this.bytes[this.wordStart + i] != text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Goes on to the next word and reads it as a number: 0x and up to 16 hexadecimal digits. False where it is none. */
  takeNumber(): bool {
    if (!this.next()) return false;
    const digits = this.wordEnd - this.wordStart - 2;
    if (digits < 1 || digits > 16 || this.bytes[this.wordStart] != 0x30 || this.bytes[this.wordStart + 1] != 0x78) {
      return false;
    }
    return this.digits(this.wordStart + 2, digits);
  }

  /** How many bytes the word names, two hexadecimal digits each; 0 where it is no such word. */
  get byteCount(): i32 {
    const digits = this.wordEnd - this.wordStart;
    if (digits & 1) return 0;
    for (let n = 0; n < digits >> 1; n++) {
      if (!this.takeByte(n)) return 0;
    }
    return digits >> 1;
  }

  /** Reads byte `n` of a word of `byteCount` bytes. */
  takeByte(n: i32): bool {
    return this.digits(this.wordStart + 2 * n, 2);
  }

  private digits(at: i32, count: i32): bool {
    this.value = 0;
    for (let i = at; i < at + count; i++) {
      const digit = digitOf(this.bytes[i]);
      if (digit > 15) return false;
      this.value = (this.value << 4) | digit;
    }
    return true;
  }
}

/** Above 15 where it is no hexadecimal digit. */
function digitOf(letter: u8): u64 {
  if (letter >= 0x30 && letter <= 0x39) return letter - 0x30;
  const small = letter | 0x20;
  return small >= 0x61 && small <= 0x66 ? small - 0x57 : 0xff;
}
