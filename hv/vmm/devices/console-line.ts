// The line that a guest is printing, a byte after the other.

import { SIGNAL_LINE, Signals } from "../signals";

const LINE_FEED: u8 = 0x0a;
const SPACE: u32 = 0x20;
const CARRIAGE_RETURN: u8 = 0x0d;

/** Bytes of a line; of a longer one the rest is dropped, and "..." stands for it. */
export const LINE_BYTES: i32 = 300;
const CUT: string = "...";

/** All devices of a VM that print share one, as they would share a terminal. */
export class ConsoleLine {
  readonly bytes: StaticArray<u8> = new StaticArray<u8>(LINE_BYTES + CUT.length);
  /** Bytes of `bytes` that are used, the sign of a cut included. */
  length: i32 = 0;

  constructor(private readonly signals: Signals) {}

  /** Takes a byte where that is nothing but storing it; false where it is more: nothing has been done. */
  takes(byte: u32): bool {
    const length = this.length;
    if (byte < SPACE || length >= LINE_BYTES) return false;
    unchecked((this.bytes[length] = <u8>byte));
    this.length = length + 1;
    return true;
  }

  /** A byte that the guest prints. The console shows what is not printable as '?'. */
  put(byte: u8): void {
    if (byte == LINE_FEED) this.signals.raised |= SIGNAL_LINE;
    else if (byte != CARRIAGE_RETURN) this.append(byte);
  }

  private append(byte: u8): void {
    if (this.length > LINE_BYTES) return;
    if (this.length < LINE_BYTES) {
      this.bytes[this.length++] = byte;
      return;
    }
    for (let i = 0; i < CUT.length; i++) this.bytes[this.length++] = <u8>CUT.charCodeAt(i);
  }

  clear(): void {
    this.length = 0;
  }
}
