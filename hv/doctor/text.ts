// A text that is built in a fixed buffer: building it allocates nothing.

const CAPACITY: i32 = 192 * 1024;

/** ASCII text. What does not fit is dropped, and `isCut` says so. */
export class Text {
  readonly bytes: StaticArray<u8> = new StaticArray<u8>(CAPACITY);
  length: i32 = 0;
  isCut: bool = false;

  clear(): Text {
    this.length = 0;
    this.isCut = false;
    return this;
  }

  byte(value: u8): Text {
    if (this.length < CAPACITY) this.bytes[this.length++] = value;
    else this.isCut = true;
    return this;
  }

  text(text: string): Text {
    for (let i = 0; i < text.length; i++) this.byte(<u8>text.charCodeAt(i));
    return this;
  }

  line(): Text {
    return this.byte(0x0a);
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
