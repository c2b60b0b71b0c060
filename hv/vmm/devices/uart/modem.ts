// The modem's side of a 16550A: control and status (National Semiconductor PC16550D data sheet, 8.7 and 8.8).

import { StateTable } from "../../state";

const CONTROL_BITS: u8 = 0x1f;
/** On a PC the output that lets the interrupt through. */
const CONTROL_OUT2: u8 = 0x08;
const CONTROL_LOOP: u8 = 0x10;

const STATUS_RING: u8 = 0x40;
/** What is at the other end is there and ready: clear to send, data set ready, carrier detected. */
const TERMINAL_IS_READY: u8 = 0xb0;
const RING_ENDED: u8 = 0x04;
const CHANGES: u8 = 0x0f;
const LINES: u8 = 0xf0;

export class UartModem {
  /** The modem control register. */
  control: u8 = 0;
  /** The modem's lines as they are, bits 7 to 4 of the modem status, and their changes since that was read, bits 3 to 0. */
  private lines: u8 = TERMINAL_IS_READY;
  private changes: u8 = 0;

  get isLoop(): bool {
    return (this.control & CONTROL_LOOP) != 0;
  }

  get hasChanges(): bool {
    return this.changes != 0;
  }

  /** In loopback all outputs are inactive, OUT2 too. */
  get letsInterruptsThrough(): bool {
    return (this.control & (CONTROL_OUT2 | CONTROL_LOOP)) == CONTROL_OUT2;
  }

  setControl(value: u8): void {
    this.control = value & CONTROL_BITS;
    const lines = this.currentLines();
    const changed = lines ^ this.lines;
    // Bits 7, 5 and 4 are told when they change, ring when it ends.
    this.changes |= (changed & ~STATUS_RING) >> 4;
    if (changed & ~lines & STATUS_RING) this.changes |= RING_ENDED;
    this.lines = lines;
  }

  /** The modem status register, whose changes this read clears. */
  readStatus(): u8 {
    const status = this.lines | this.changes;
    this.changes = 0;
    return status;
  }

  reset(): void {
    this.control = 0;
    this.lines = TERMINAL_IS_READY;
    this.changes = 0;
  }

  visit(table: StateTable): void {
    this.control = <u8>table.atMost(this.control, CONTROL_BITS);
    this.lines = table.u8(this.lines) & LINES;
    this.changes = <u8>table.atMost(this.changes, CHANGES);
  }

  /** In loopback the four outputs are the inputs: RTS, DTR, OUT1, OUT2 as CTS, DSR, RI, DCD. */
  private currentLines(): u8 {
    const control = this.control;
    if (!this.isLoop) return TERMINAL_IS_READY;
    return <u8>(((control & 0x02) << 3) | ((control & 0x01) << 5) | ((control & 0x0c) << 4));
  }
}
