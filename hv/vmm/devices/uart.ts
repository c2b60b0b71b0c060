// COM1 as far as a guest needs it to print: bytes are collected to lines for the console.

/** Where a guest expects COM1. */
const COM1: u32 = 0x3f8;
const LINE_STATUS: u32 = COM1 + 5;
/** The transmitter holds nothing: bits 6 and 5 (National Semiconductor PC16550D data sheet, 8.0 "Registers"). */
const TRANSMITTER_EMPTY: u32 = 0x60;
const LINE_FEED: u8 = 0x0a;
const CARRIAGE_RETURN: u8 = 0x0d;

/** Bytes of a line; of a longer one the rest is dropped, and "..." stands for it. */
export const LINE_BYTES: i32 = 300;
const CUT: string = "...";

export class Uart {
  readonly line: StaticArray<u8> = new StaticArray<u8>(LINE_BYTES + CUT.length);
  /** Bytes of `line` that are used, the sign of a cut included. */
  length: i32 = 0;
  /** A line has ended: to be printed, and `clear`ed before the next access. */
  isComplete: bool = false;

  /** Whether the UART has the register at `port`, for IN or for OUT, of one byte. */
  has(port: u32, isIn: bool): bool {
    return port == (isIn ? LINE_STATUS : COM1);
  }

  /** What an IN from LINE_STATUS reads: each byte has left at once. */
  get status(): u32 {
    return TRANSMITTER_EMPTY;
  }

  /** A byte for the transmitter. The console shows what is not printable as '?'. */
  transmit(byte: u8): void {
    if (byte == LINE_FEED) this.isComplete = true;
    else if (byte != CARRIAGE_RETURN) this.append(byte);
  }

  private append(byte: u8): void {
    if (this.length > LINE_BYTES) return;
    if (this.length < LINE_BYTES) {
      this.line[this.length++] = byte;
      return;
    }
    for (let i = 0; i < CUT.length; i++) this.line[this.length++] = <u8>CUT.charCodeAt(i);
  }

  clear(): void {
    this.length = 0;
    this.isComplete = false;
  }
}
