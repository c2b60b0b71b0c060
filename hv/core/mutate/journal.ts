// What is told of each VM entry: lines for an emulator's log, where they stand between the emulator's own.

import { in8, out8 } from "../hardware";

/** Where PC emulators take text of a BIOS: Bochs puts each line into its log. */
const LOG_PORT: u32 = 0x402;
/** It reads its own number in Bochs, and in QEMU with debugcon: a real PC may have a device at LOG_PORT. */
const EMULATOR_PORT: u32 = 0xe9;
/** Bochs cuts longer lines. */
const LINE_LETTERS: i32 = 72;
const NEWLINE: u8 = 0x0a;
const SPACE: u8 = 0x20;
const DIGIT_0: u8 = 0x30;
const LETTER_A_LESS_10: u8 = 0x57;

/** Builds lines of words, and goes on in a new line that starts alike where one is full. Allocates nothing. */
export class Journal {
  private readonly line: StaticArray<u8> = new StaticArray<u8>(LINE_LETTERS);
  private readonly isHeard: bool = in8(EMULATOR_PORT) == EMULATOR_PORT;
  private used: i32 = 0;
  private start: string = "";
  private number: u64 = 0;

  /** Starts a line `start NUMBER …`. */
  begin(start: string, number: u64): Journal {
    this.start = start;
    this.number = number;
    this.used = 0;
    return this.text(start).space().decimal(number);
  }

  end(): void {
    if (!this.isHeard) return;
    for (let i = 0; i < this.used; i++) out8(LOG_PORT, this.line[i]);
    out8(LOG_PORT, NEWLINE);
  }

  /** Before a word of at most `letters`: a space, or a new line. */
  word(letters: i32): Journal {
    if (this.used + letters < LINE_LETTERS) return this.space();
    this.end();
    return this.begin(this.start, this.number).space();
  }

  space(): Journal {
    return this.byte(SPACE);
  }

  byte(value: u8): Journal {
    if (this.used < LINE_LETTERS) this.line[this.used++] = value;
    return this;
  }

  text(text: string): Journal {
    for (let i = 0; i < text.length; i++) this.byte(<u8>text.charCodeAt(i));
    return this;
  }

  decimal(value: u64): Journal {
    let divisor: u64 = 1;
    while (value / divisor >= 10) divisor *= 10;
    while (divisor != 0) {
      this.byte(DIGIT_0 + <u8>((value / divisor) % 10));
      divisor /= 10;
    }
    return this;
  }

  /** Without 0x. */
  hex(value: u64): Journal {
    let shift: u64 = 60;
    while (shift != 0 && value >> shift == 0) shift -= 4;
    while (true) {
      const digit = <u8>((value >> shift) & 15);
      this.byte(digit < 10 ? DIGIT_0 + digit : LETTER_A_LESS_10 + digit);
      if (shift == 0) return this;
      shift -= 4;
    }
  }
}
