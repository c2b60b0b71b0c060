// A text that is built in a fixed buffer: building it allocates nothing.

const CAPACITY: i32 = 192 * 1024;
/** A line that wraps has at most so many characters. */
const LINE_WIDTH: i32 = 110;

const SPACE: u8 = 0x20;
const LINE_FEED: u8 = 0x0a;

/** ASCII text. What does not fit is dropped, and `isCut` says so. */
export class Text {
  readonly bytes: StaticArray<u8> = new StaticArray<u8>(CAPACITY);
  length: i32 = 0;
  isCut: bool = false;
  /** Where the line begins, and its last space between words; -1 where there is none. */
  private lineStart: i32 = 0;
  private lastSpace: i32 = -1;
  private hasWord: bool = false;
  /** Spaces before the rest of a line that is too long; -1: lines do not wrap. */
  private continuation: i32 = -1;

  clear(): Text {
    this.length = 0;
    this.isCut = false;
    this.continuation = -1;
    this.startLine();
    return this;
  }

  /** Lines wrap from here on, at LINE_WIDTH columns; what goes on the next line is indented by `indentation`. */
  wrap(indentation: i32): Text {
    this.continuation = indentation;
    return this;
  }

  byte(value: u8): Text {
    if (this.length == CAPACITY) {
      this.isCut = true;
      return this;
    }
    if (value != SPACE) this.hasWord = true;
    else if (this.hasWord) this.lastSpace = this.length;
    this.bytes[this.length++] = value;
    if (value == LINE_FEED) this.startLine();
    else if (this.length - this.lineStart > LINE_WIDTH) this.breakLine();
    return this;
  }

  private startLine(): void {
    this.lineStart = this.length;
    this.lastSpace = -1;
    this.hasWord = false;
  }

  /** Moves the line's last word to a line of its own. */
  private breakLine(): void {
    const from = this.lastSpace;
    const indentation = this.continuation;
    if (indentation < 0 || from < 0 || this.length + indentation > CAPACITY) return;
    const wordLength = this.length - from - 1;
    for (let i = wordLength - 1; i >= 0; i--) this.bytes[from + 1 + indentation + i] = this.bytes[from + 1 + i];
    this.bytes[from] = LINE_FEED;
    for (let i = 1; i <= indentation; i++) this.bytes[from + i] = SPACE;
    this.length += indentation;
    this.lineStart = from + 1;
    this.lastSpace = -1;
    this.hasWord = wordLength > 0;
  }

  text(text: string): Text {
    for (let i = 0; i < text.length; i++) this.byte(<u8>text.charCodeAt(i));
    return this;
  }

  spaces(count: i32): Text {
    for (let i = 0; i < count; i++) this.byte(SPACE);
    return this;
  }

  line(): Text {
    return this.byte(LINE_FEED);
  }

  /** 0x and hexadecimal digits, at least `digits` of them. */
  hex(value: u64, digits: i32 = 1): Text {
    this.text("0x");
    for (let i = 15; i >= 0; i--) {
      const rest = value >> (<u64>(4 * i));
      if (rest == 0 && i >= digits) continue;
      const digit = <u8>(rest & 15);
      this.byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
    }
    return this;
  }

  decimal(value: u64): Text {
    let divisor: u64 = 1;
    while (value / divisor >= 10) divisor *= 10;
    while (divisor != 0) {
      this.byte(0x30 + <u8>((value / divisor) % 10));
      divisor /= 10;
    }
    return this;
  }
}
