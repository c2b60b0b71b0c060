// What a guest is printing, a byte after the other, until core gets it: a line, or in a raw console what there is.

import { SIGNAL_LINE, Signals } from "../signals";
import { StateTable } from "../state";

const LINE_FEED: u8 = 0x0a;
const SPACE: u32 = 0x20;
const CARRIAGE_RETURN: u8 = 0x0d;

/** Bytes of a line; of a longer one the rest is dropped, and "..." stands for it. In a raw console nothing is dropped. */
export const LINE_BYTES: i32 = 300;
const CUT: string = "...";
/** "LINE" */
const TAG: u32 = 0x4c494e45;
const VERSION: u32 = 1;

/** All devices of a VM that print share one, as they would share a terminal. */
export class ConsoleLine {
  readonly bytes: StaticArray<u8> = new StaticArray<u8>(LINE_BYTES + CUT.length);
  /** Bytes of `bytes` that are used, the sign of a cut included. */
  length: i32 = 0;
  /** `length` when the guest last looked whether it was sent anything, and was not. */
  private lengthAtPoll: i32 = 0;

  constructor(
    private readonly signals: Signals,
    /** Bytes are passed on as they are, and an unfinished line as soon as the guest waits. */
    readonly isRaw: bool,
  ) {}

  /** Takes a byte where that is nothing but storing it; false where it is more: nothing has been done. Not for a raw console. */
  takes(byte: u32): bool {
    const length = this.length;
    if (byte < SPACE || length >= LINE_BYTES) return false;
    unchecked((this.bytes[length] = <u8>byte));
    this.length = length + 1;
    return true;
  }

  /** As `takes`, for a raw console. */
  takesRaw(byte: u32): bool {
    const length = this.length;
    if (byte == LINE_FEED || length >= LINE_BYTES - 1) return false;
    unchecked((this.bytes[length] = <u8>byte));
    this.length = length + 1;
    return true;
  }

  /** A byte that the guest prints. Where lines are shown, core shows what is not printable as '?'. */
  put(byte: u8): void {
    if (this.isRaw) this.putRaw(byte);
    else if (byte == LINE_FEED) this.signals.raised |= SIGNAL_LINE;
    else if (byte != CARRIAGE_RETURN) this.append(byte);
  }

  /**
   * The guest has looked whether it was sent anything: `isIdle` if it was not. The second such look with nothing printed in
   * between hands a raw console's unfinished line on: who prints looks once a byte, who waits looks again and again.
   */
  notePoll(isIdle: bool): void {
    if (!this.isRaw || !isIdle) return;
    const length = this.length;
    if (length != 0 && length == this.lengthAtPoll) this.signals.raised |= SIGNAL_LINE;
    this.lengthAtPoll = length;
  }

  clear(): void {
    this.length = 0;
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    table.bytes(this.bytes);
    this.length = <i32>table.atMost(this.length, this.bytes.length);
    this.lengthAtPoll = <i32>table.atMost(this.lengthAtPoll, this.bytes.length);
  }

  private putRaw(byte: u8): void {
    // Whoever raises the signal empties it before the next byte; where it is full all the same, the byte is lost.
    if (this.length < LINE_BYTES) this.bytes[this.length++] = byte;
    if (byte == LINE_FEED || this.length == LINE_BYTES) this.signals.raised |= SIGNAL_LINE;
  }

  private append(byte: u8): void {
    if (this.length > LINE_BYTES) return;
    if (this.length < LINE_BYTES) {
      this.bytes[this.length++] = byte;
      return;
    }
    for (let i = 0; i < CUT.length; i++) this.bytes[this.length++] = <u8>CUT.charCodeAt(i);
  }
}
