// The receiver of a 16550A: its buffer of one byte, or of sixteen with the FIFOs on, and what went wrong with bytes
// (National Semiconductor PC16550D data sheet, 8.4 "Line status register" and 8.5 "FIFO control register").

import { StateTable } from "../../state";

/** A power of two. */
export const FIFO_BYTES: u32 = 16;

// Bits of the line status register.
export const DATA_READY: u8 = 0x01;
export const OVERRUN_ERROR: u8 = 0x02;
export const FRAMING_ERROR: u8 = 0x08;
export const BREAK_INTERRUPT: u8 = 0x10;
/** With the FIFOs on: a byte in the receiver came with an error. */
const ERROR_IN_FIFO: u8 = 0x80;
/** What interrupts as the receiver's line status. */
const ERRORS: u8 = 0x1e;

/** Bytes of the trigger level, by bits 7:6 of the FIFO control register. */
const TRIGGER_LEVELS: StaticArray<u32> = [1, 4, 8, 14];

export class UartReceiver {
  private readonly bytes: StaticArray<u8> = new StaticArray<u8>(FIFO_BYTES);
  /** Of each byte the errors that it came with. */
  private readonly errorsOfBytes: StaticArray<u8> = new StaticArray<u8>(FIFO_BYTES);
  /** How many bytes it holds, from `first` on, in a ring. */
  count: u32 = 0;
  private first: u32 = 0;
  /** Errors since the line status was read: those of bytes that have come to the front, and overrun. */
  private errors: u8 = 0;
  private triggerBits: u32 = 0;
  hasFifo: bool = false;

  get room(): u32 {
    return this.capacity - this.count;
  }

  /** As many bytes wait as it takes for "received data available". */
  get isTriggered(): bool {
    return this.count >= (this.hasFifo ? TRIGGER_LEVELS[this.triggerBits] : 1);
  }

  get hasErrors(): bool {
    return this.errors != 0;
  }

  private get capacity(): u32 {
    return this.hasFifo ? FIFO_BYTES : 1;
  }

  /** A byte arrives, with bits of FRAMING_ERROR and BREAK_INTERRUPT, or none. */
  put(byte: u8, errors: u8): void {
    const isFull = this.room == 0;
    if (isFull) this.errors |= OVERRUN_ERROR;
    // Without FIFOs the new byte replaces the old one; a full FIFO stays as it is.
    if (isFull && this.hasFifo) return;
    if (isFull) this.count = 0;
    const at = (this.first + this.count) % FIFO_BYTES;
    this.bytes[at] = byte;
    this.errorsOfBytes[at] = errors;
    if (this.count++ == 0) this.errors |= errors;
  }

  /** The byte in front, which leaves; 0 where there is none. */
  take(): u8 {
    if (this.count == 0) return 0;
    const byte = this.bytes[this.first];
    this.first = (this.first + 1) % FIFO_BYTES;
    if (--this.count != 0) this.errors |= this.errorsOfBytes[this.first];
    return byte;
  }

  /** Its bits of the line status, which this read clears but for DATA_READY. */
  readStatus(): u8 {
    let status = this.errors;
    if (this.count != 0) status |= DATA_READY;
    if (this.hasFifo && this.holdsError) status |= ERROR_IN_FIFO;
    this.errors = 0;
    // The byte in front has told its errors.
    if (this.count != 0) this.errorsOfBytes[this.first] = 0;
    return status;
  }

  /** Bits 7:6 of the FIFO control register. */
  setTrigger(bits: u32): void {
    this.triggerBits = bits & 3;
  }

  /** Drops all bytes, and the errors that they have not told. */
  clear(): void {
    this.count = 0;
  }

  reset(): void {
    this.clear();
    this.errors = 0;
    this.triggerBits = 0;
    this.hasFifo = false;
  }

  visit(table: StateTable): void {
    table.bytes(this.bytes);
    for (let i: u32 = 0; i < FIFO_BYTES; i++) {
      this.errorsOfBytes[i] = <u8>table.atMost(this.errorsOfBytes[i], ERRORS);
    }
    this.hasFifo = table.flag(this.hasFifo);
    this.count = <u32>table.atMost(this.count, this.capacity);
    this.first = <u32>table.atMost(this.first, FIFO_BYTES - 1);
    this.errors = <u8>table.atMost(this.errors, ERRORS);
    this.triggerBits = <u32>table.atMost(this.triggerBits, 3);
  }

  private get holdsError(): bool {
    let errors = this.errors & ~OVERRUN_ERROR;
    for (let i: u32 = 0; i < this.count; i++) errors |= this.errorsOfBytes[(this.first + i) % FIFO_BYTES];
    return errors != 0;
  }
}
