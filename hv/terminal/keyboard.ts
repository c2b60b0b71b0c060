// The keyboard behind an 8042 controller, by polling: a PS/2 one, or what a firmware shows of a USB one.
// IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".

import {
  KEY_CONTROL_MASK,
  KEY_ENTER,
  KEY_NONE,
  KEYS,
  SCAN_CONTROL,
  SCAN_EXTENDED,
  SCAN_KEYPAD_ENTER,
  SCAN_LEFT_SHIFT,
  SCAN_PAUSE,
  SCAN_RELEASED,
  SCAN_RIGHT_SHIFT,
  SHIFTED_KEYS,
} from "./keys";
import { in8, out8 } from "./ports";

const DATA: u32 = 0x60;
const STATUS_AND_COMMAND: u32 = 0x64;

const STATUS_OUTPUT_FULL: u32 = 1 << 0;
const STATUS_INPUT_FULL: u32 = 1 << 1;
const STATUS_FROM_MOUSE: u32 = 1 << 5;
/** What a PC without a controller reads. */
const STATUS_NO_DEVICE: u32 = 0xff;

const COMMAND_WRITE_CONFIGURATION: u32 = 0x60;
/** No interrupts, the keyboard on, the mouse off, scan codes translated to set 1; the system flag as firmware leaves it. */
const CONFIGURATION: u32 = (1 << 6) | (1 << 5) | (1 << 2);
const KEYBOARD_ENABLE_SCANNING: u32 = 0xf4;
const ANSWER_ACKNOWLEDGE: u32 = 0xfa;
const ANSWER_RESEND: u32 = 0xfe;

/** Each poll takes about a microsecond on a PC; a keyboard answers within 20 milliseconds. */
const POLLS: u32 = 25000;
const ATTEMPTS: u32 = 3;
/** Bytes that a controller holds back, and that a call of `read` looks at. */
const BUFFERED_BYTES: u32 = 32;

export class Keyboard {
  private isPresent: bool = false;
  private isLookedFor: bool = false;
  private isShifted: bool = false;
  /** A Ctrl key is held down. */
  private isControl: bool = false;
  private isExtended: bool = false;
  /** Codes to come that belong to the Pause key. */
  private pauseCodes: u32 = 0;

  /** Whether a keyboard answers. The first call looks for one, and has it send its keys: 100 ms at most where none is. */
  get answers(): bool {
    if (!this.isLookedFor) this.isPresent = this.detect();
    this.isLookedFor = true;
    return this.isPresent;
  }

  private detect(): bool {
    if (in8(STATUS_AND_COMMAND) == STATUS_NO_DEVICE || !this.flush()) return false;
    if (!this.send(STATUS_AND_COMMAND, COMMAND_WRITE_CONFIGURATION) || !this.send(DATA, CONFIGURATION)) return false;
    for (let attempt: u32 = 0; attempt < ATTEMPTS; attempt++) {
      if (!this.send(DATA, KEYBOARD_ENABLE_SCANNING)) return false;
      if (this.isAcknowledged()) return true;
    }
    return false;
  }

  /** The ASCII code of a key that was pressed, KEY_NONE if none was; it does not wait. */
  read(): u32 {
    if (!this.answers) return KEY_NONE;
    for (let i: u32 = 0; i < BUFFERED_BYTES; i++) {
      const status = in8(STATUS_AND_COMMAND);
      if ((status & STATUS_OUTPUT_FULL) == 0) break;
      const code = in8(DATA);
      const key = status & STATUS_FROM_MOUSE ? KEY_NONE : this.take(code);
      if (key != KEY_NONE) return key;
    }
    return KEY_NONE;
  }

  /** Throws away what the controller holds; false where that never ends. */
  private flush(): bool {
    for (let i: u32 = 0; i < BUFFERED_BYTES; i++) {
      if ((in8(STATUS_AND_COMMAND) & STATUS_OUTPUT_FULL) == 0) return true;
      in8(DATA);
    }
    return false;
  }

  private send(port: u32, value: u32): bool {
    for (let i: u32 = 0; i < POLLS; i++) {
      if (in8(STATUS_AND_COMMAND) & STATUS_INPUT_FULL) continue;
      out8(port, value);
      return true;
    }
    return false;
  }

  /** Waits for the answer to a command; keys that were pressed before it are lost. */
  private isAcknowledged(): bool {
    for (let i: u32 = 0; i < POLLS; i++) {
      const status = in8(STATUS_AND_COMMAND);
      if ((status & STATUS_OUTPUT_FULL) == 0) continue;
      const answer = in8(DATA);
      if (status & STATUS_FROM_MOUSE) continue;
      if (answer == ANSWER_ACKNOWLEDGE) return true;
      if (answer == ANSWER_RESEND) return false;
    }
    return false;
  }

  private take(code: u32): u32 {
    if (this.pauseCodes != 0) {
      this.pauseCodes--;
      return KEY_NONE;
    }
    if (code == SCAN_PAUSE) this.pauseCodes = 2;
    const wasExtended = this.isExtended;
    this.isExtended = code == SCAN_EXTENDED;
    if (code == SCAN_PAUSE || this.isExtended) return KEY_NONE;
    if ((code & ~SCAN_RELEASED) == SCAN_CONTROL) this.isControl = (code & SCAN_RELEASED) == 0;
    if (wasExtended) return code == SCAN_KEYPAD_ENTER ? KEY_ENTER : KEY_NONE;
    return this.takeKey(code & ~SCAN_RELEASED, (code & SCAN_RELEASED) == 0);
  }

  private takeKey(key: u32, isPressed: bool): u32 {
    if (key == SCAN_LEFT_SHIFT || key == SCAN_RIGHT_SHIFT) this.isShifted = isPressed;
    if (!isPressed || key >= <u32>KEYS.length) return KEY_NONE;
    const letter = <u32>(this.isShifted ? SHIFTED_KEYS : KEYS).charCodeAt(<i32>key);
    return this.isControl && isLetter(letter) ? letter & KEY_CONTROL_MASK : letter;
  }
}

function isLetter(code: u32): bool {
  const small = code | 0x20;
  return small >= 0x61 && small <= 0x7a;
}
