// Core's one logger: lines with a level, built in a fixed buffer so that printing allocates nothing.

import { consoleWrite } from "../hardware";
import { isVmShown } from "./shown";

export const LEVEL_ERROR: u32 = 0;
export const LEVEL_WARNING: u32 = 1;
export const LEVEL_INFO: u32 = 2;
export const LEVEL_DEBUG: u32 = 3;

/** The values of the boot option `loglevel`; a level is its place here. */
export const LEVEL_NAMES: StaticArray<string> = ["error", "warning", "info", "debug"];

const PREFIXES: StaticArray<string> = ["basalt: error: ", "basalt: warning: ", "basalt: ", "basalt: debug: "];
const LINE_BYTES: i32 = 400;
const NEWLINE: u8 = 0x0a;

/** What guests print where a console is raw, and Basalt's lines between it (raw-output.ts). */
export abstract class RawConsole {
  /** Starts what a guest has printed: `add` each byte, then `end`. */
  abstract start(): void;
  abstract add(byte: u8): void;
  /** Prints it for VM `vm`, unless another VM's console is shown. */
  abstract end(vm: u32): void;
  /** Prints a line of Basalt's own: `length` bytes at `text`, its line feed included. */
  abstract printLine(text: usize, length: u32): void;
  /** VM `vm` prints no more: its line has ended. */
  abstract leave(vm: u32): void;
}

/** Prints lines up to its level: `console.info().text("EPT pointer ").hex(eptp).end()`. */
export class Console {
  /** Lines above this level are dropped. */
  level: u32 = LEVEL_INFO;
  /** The CPU that the lines are about, where that is another than the one that booted; else 0. */
  speaker: u32 = 0;
  /** Where a VM's console is raw: what guests print there. */
  raw: RawConsole | null = null;
  private readonly buffer: StaticArray<u8> = new StaticArray<u8>(LINE_BYTES + 1);
  private used: i32 = 0;
  private isShown: bool = false;

  /** Starts a line; what is said until `end` belongs to it, as far as LINE_BYTES hold it. */
  line(level: u32): Console {
    this.used = 0;
    this.isShown = level <= this.level;
    this.text(PREFIXES[level]);
    return this.speaker == 0 ? this : this.text("CPU ").decimal(this.speaker).text(": ");
  }
  /** As `line`, about VM `vm`: while another VM's console is shown, only errors of it are printed. */
  lineOfVm(level: u32, vm: u32): Console {
    this.line(level);
    if (level != LEVEL_ERROR && !isVmShown(vm)) this.isShown = false;
    return this;
  }
  /** A line that answers who typed something: printed at every level. */
  answer(): Console {
    this.used = 0;
    this.isShown = true;
    return this.text(PREFIXES[LEVEL_INFO]).text("console: ");
  }
  /**
   * A line of protocol `name` about VM `vm`, for a program to read: printed at every level. What a guest prints stands behind
   * its VM's name, which is no protocol's (hv/shared/vm-names.ts), so that it can forge none.
   */
  protocol(name: string, vm: u32): Console {
    this.used = 0;
    this.isShown = true;
    return this.text(PREFIXES[LEVEL_INFO]).text(name).text(": vm").decimal(vm).text(": ");
  }
  error(): Console {
    return this.line(LEVEL_ERROR);
  }
  warning(): Console {
    return this.line(LEVEL_WARNING);
  }
  info(): Console {
    return this.line(LEVEL_INFO);
  }
  debug(): Console {
    return this.line(LEVEL_DEBUG);
  }

  text(text: string): Console {
    for (let i = 0; i < text.length; i++) this.byte(<u8>text.charCodeAt(i));
    return this;
  }

  /** One byte, shown as '?' where it is not printable ASCII: text of guests must not forge a line of Basalt's. */
  byte(value: u8): Console {
    if (this.isShown && this.used < LINE_BYTES) {
      unchecked((this.buffer[this.used++] = value >= 0x20 && value < 0x7f ? value : 0x3f));
    }
    return this;
  }

  /** 0x and the value's hexadecimal digits, at least `digits` of them. */
  hex(value: u64, digits: u32 = 1): Console {
    this.text("0x");
    for (let i = 15; i >= 0; i--) {
      const rest = value >> (<u64>(4 * i));
      if (rest != 0 || <u32>i < digits) {
        const digit = <u8>(rest & 15);
        this.byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
      }
    }
    return this;
  }

  decimal(value: u64): Console {
    let divisor: u64 = 1;
    while (value / divisor >= 10) divisor *= 10;
    while (divisor != 0) {
      this.byte(0x30 + <u8>((value / divisor) % 10));
      divisor /= 10;
    }
    return this;
  }

  /** Prints the line. */
  end(): void {
    if (!this.isShown) return;
    this.buffer[this.used] = NEWLINE;
    const raw = this.raw;
    if (raw) raw.printLine(changetype<usize>(this.buffer), this.used + 1);
    else consoleWrite(changetype<usize>(this.buffer), this.used + 1);
  }
}
