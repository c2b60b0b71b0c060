// COM1, a 16550A UART: set up here, written to by the runtime (National Semiconductor PC16550D data sheet, 8.0 "Registers").

import { in8, out8, setSerial } from "../hardware";
import { COM1_DATA, COM1_LINE_STATUS } from "./com1";

const INTERRUPT_ENABLE: u32 = 0x3f9;
const FIFO_CONTROL: u32 = 0x3fa;
const LINE_CONTROL: u32 = 0x3fb;
const MODEM_CONTROL: u32 = 0x3fc;
const SCRATCH: u32 = 0x3ff;

const LINE_8N1: u32 = 0x03;
const DIVISOR_LATCH: u32 = 0x80;
const DIVISOR_115200: u32 = 1;
const FIFO_ENABLE_AND_CLEAR: u32 = 0x07;
const DTR_RTS: u32 = 0x03;
const SCRATCH_PATTERN: u32 = 0x5a;
/** What a port reads as behind which nothing is. */
const NOTHING: u32 = 0xff;

/** Ports, and what is written to them, in order: behind DIVISOR_LATCH the first two are the divisor's halves. */
// prettier-ignore
const SEQUENCE: StaticArray<u32> = [
  LINE_CONTROL, DIVISOR_LATCH,
  COM1_DATA, DIVISOR_115200,
  INTERRUPT_ENABLE, 0,
  LINE_CONTROL, LINE_8N1,
  INTERRUPT_ENABLE, 0,
  FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR,
  MODEM_CONTROL, DTR_RTS,
  SCRATCH, SCRATCH_PATTERN,
];

/** Sets COM1 to 115,200 baud, 8 data bits and no parity, without interrupts; tells the runtime whether it is there. */
export function startSerial(): void {
  for (let at = 0; at < SEQUENCE.length; at += 2) out8(SEQUENCE[at], SEQUENCE[at + 1]);
  setSerial(in8(COM1_LINE_STATUS) != NOTHING && in8(SCRATCH) == SCRATCH_PATTERN ? 1 : 0);
}
