// What somebody types at this machine: on the other end of COM1, or on its keyboard. Polled.

import { in8, readKey } from "../hardware";
import { COM1_DATA, COM1_LINE_STATUS, DATA_READY, FRAMING_ERROR, PARITY_ERROR } from "./com1";

/** No byte. */
export const NOTHING_TYPED: u32 = 0x100;

export class TypedBytes {
  constructor(
    private readonly hasCom1: bool,
    private readonly hasKeyboard: bool,
  ) {}

  /** Somebody can type. */
  get isPossible(): bool {
    return this.hasCom1 || this.hasKeyboard;
  }

  /** The next byte, or NOTHING_TYPED; it does not wait. A byte that the line has damaged is dropped. */
  next(): u32 {
    if (this.hasCom1) {
      const status = in8(COM1_LINE_STATUS);
      if (status & DATA_READY) {
        const byte = in8(COM1_DATA);
        return status & (PARITY_ERROR | FRAMING_ERROR) ? NOTHING_TYPED : byte;
      }
    }
    const key = this.hasKeyboard ? readKey() : 0;
    return key == 0 ? NOTHING_TYPED : key;
  }
}
