// COM1: a 16550 UART (National Semiconductor PC16550D data sheet, section 8.0 "Registers") whose bytes become lines of the
// console. Nothing is connected to its receiver, and it does not interrupt yet: what a guest polls for is all there.

import { Device } from "../bus";
import { StateTable } from "../state";
import { ConsoleLine } from "./console-line";

/** Where a guest expects COM1. */
export const COM1: u32 = 0x3f8;
export const UART_PORTS: u32 = 8;

// The registers; with LINE_CONTROL_DIVISOR the first two are the divisor of the baud rate.
const DATA: u32 = 0;
const INTERRUPT_ENABLE: u32 = 1;
/** Interrupt identification for IN, FIFO control for OUT. */
const IDENTIFICATION: u32 = 2;
const LINE_CONTROL: u32 = 3;
const MODEM_CONTROL: u32 = 4;
const LINE_STATUS: u32 = 5;
const MODEM_STATUS: u32 = 6;
const SCRATCH: u32 = 7;

const INTERRUPT_ENABLE_BITS: u8 = 0x0f;
const NO_INTERRUPT: u8 = 0x01;
/** Both bits: the FIFOs are on. */
const FIFOS_ARE_ON: u8 = 0xc0;
const FIFO_ENABLE: u8 = 0x01;
const FIFO_CLEAR_RECEIVER: u8 = 0x02;
const FIFO_BYTES: u32 = 16;

/** The bits of a byte, from 5 to 8, less 5. */
const LINE_CONTROL_LENGTH: u8 = 0x03;
const LONGEST_BYTE: u8 = 0xff;
const LINE_CONTROL_DIVISOR: u8 = 0x80;

const MODEM_CONTROL_BITS: u8 = 0x1f;
const MODEM_CONTROL_LOOP: u8 = 0x10;

const LINE_STATUS_DATA_READY: u8 = 0x01;
const LINE_STATUS_OVERRUN: u8 = 0x02;
/** The transmitter holds nothing: each byte has left at once. */
const LINE_STATUS_TRANSMITTER_EMPTY: u8 = 0x60;

const MODEM_STATUS_RING: u8 = 0x40;
/** What is at the other end is there and ready: clear to send, data set ready, carrier detected. */
const TERMINAL_IS_READY: u8 = 0xb0;
const MODEM_STATUS_RING_ENDED: u8 = 0x04;

/** As firmware leaves it: 9600 baud. Nothing here takes longer at a lower rate. */
const DIVISOR_AT_START: u32 = 12;

export class Uart extends Device {
  /** A byte for the data register goes to the line: it is none of the divisor, and there is no loopback. */
  isPlain: bool = true;
  private divisor: u32 = DIVISOR_AT_START;
  private interruptEnable: u8 = 0;
  private lineControl: u8 = 0;
  private modemControl: u8 = 0;
  private scratch: u8 = 0;
  private hasFifos: bool = false;
  private hasOverrun: bool = false;
  /** What has been received, which takes loopback: `received` bytes from `next` on, in a ring. */
  private readonly fifo: StaticArray<u8> = new StaticArray<u8>(FIFO_BYTES);
  private received: u32 = 0;
  private next: u32 = 0;
  /** The modem's lines as they were when the guest last read them: bits 7 to 4 of the modem status, and their changes. */
  private modemLines: u8 = TERMINAL_IS_READY;
  private modemChanges: u8 = 0;

  constructor(readonly line: ConsoleLine) {
    super();
  }

  get listens(): bool {
    return this.interruptEnable != 0;
  }

  reset(): void {}

  visit(_table: StateTable): void {}

  /** Registers have a byte each; the bus splits what is wider. */
  read(offset: u32, _bytes: u32): u64 {
    return this.readRegister(offset);
  }

  write(offset: u32, _bytes: u32, value: u64): void {
    this.writeRegister(offset, <u8>value);
  }

  private readRegister(register: u32): u8 {
    if (register == LINE_STATUS) return this.readLineStatus();
    const isDivisor = (this.lineControl & LINE_CONTROL_DIVISOR) != 0;
    if (register == DATA) return isDivisor ? <u8>this.divisor : this.takeReceived();
    if (register == INTERRUPT_ENABLE) return isDivisor ? <u8>(this.divisor >> 8) : this.interruptEnable;
    if (register == IDENTIFICATION) return this.hasFifos ? FIFOS_ARE_ON | NO_INTERRUPT : NO_INTERRUPT;
    if (register == LINE_CONTROL) return this.lineControl;
    if (register == MODEM_CONTROL) return this.modemControl;
    return register == MODEM_STATUS ? this.readModemStatus() : this.scratch;
  }

  private writeRegister(register: u32, value: u8): void {
    const isDivisor = (this.lineControl & LINE_CONTROL_DIVISOR) != 0;
    if (register == DATA) {
      if (isDivisor) this.divisor = (this.divisor & 0xff00) | value;
      else if (this.modemControl & MODEM_CONTROL_LOOP) this.receive(value);
      else this.line.put(value);
    } else if (register == INTERRUPT_ENABLE) {
      if (isDivisor) this.divisor = (this.divisor & 0xff) | ((<u32>value) << 8);
      else this.interruptEnable = value & INTERRUPT_ENABLE_BITS;
    } else if (register == IDENTIFICATION) this.controlFifos(value);
    else if (register == LINE_CONTROL) this.controlLine(value);
    else if (register == MODEM_CONTROL) this.controlModem(value);
    else if (register == SCRATCH) this.scratch = value;
    // The line status and the modem status are for reading.
  }

  private controlLine(value: u8): void {
    this.lineControl = value;
    this.notePlain();
  }

  private notePlain(): void {
    const isDivisor = (this.lineControl & LINE_CONTROL_DIVISOR) != 0;
    this.isPlain = !isDivisor && (this.modemControl & MODEM_CONTROL_LOOP) == 0;
  }

  private controlFifos(value: u8): void {
    const hasFifos = (value & FIFO_ENABLE) != 0;
    // To switch between the modes empties the receiver, too.
    if (hasFifos != this.hasFifos || (hasFifos && value & FIFO_CLEAR_RECEIVER)) this.received = 0;
    this.hasFifos = hasFifos;
  }

  /** A byte in loopback, as many bits of it as the line control says. */
  private receive(value: u8): void {
    const byte = value & (LONGEST_BYTE >> (3 - (this.lineControl & LINE_CONTROL_LENGTH)));
    const room: u32 = this.hasFifos ? FIFO_BYTES : 1;
    const isFull = this.received == room;
    if (isFull) this.hasOverrun = true;
    // Without FIFOs the new byte replaces the old one; a full FIFO stays as it is.
    if (isFull && this.hasFifos) return;
    if (isFull) this.received = 0;
    this.fifo[(this.next + this.received++) % FIFO_BYTES] = byte;
  }

  private takeReceived(): u8 {
    if (this.received == 0) return 0;
    const byte = this.fifo[this.next];
    this.next = (this.next + 1) % FIFO_BYTES;
    this.received--;
    return byte;
  }

  private readLineStatus(): u8 {
    let status = LINE_STATUS_TRANSMITTER_EMPTY;
    if (this.received != 0) status |= LINE_STATUS_DATA_READY;
    if (this.hasOverrun) status |= LINE_STATUS_OVERRUN;
    this.hasOverrun = false;
    return status;
  }

  private controlModem(value: u8): void {
    this.modemControl = value & MODEM_CONTROL_BITS;
    this.notePlain();
    const lines = this.currentModemLines();
    const changed = lines ^ this.modemLines;
    // Bits 7, 5 and 4 are told when they change, ring when it ends.
    this.modemChanges |= (changed & ~MODEM_STATUS_RING) >> 4;
    if (changed & ~lines & MODEM_STATUS_RING) this.modemChanges |= MODEM_STATUS_RING_ENDED;
    this.modemLines = lines;
  }

  /** In loopback the four outputs of the modem control are the inputs: RTS, DTR, OUT1, OUT2 as CTS, DSR, RI, DCD. */
  private currentModemLines(): u8 {
    const control = this.modemControl;
    if (!(control & MODEM_CONTROL_LOOP)) return TERMINAL_IS_READY;
    return <u8>(((control & 0x02) << 3) | ((control & 0x01) << 5) | ((control & 0x0c) << 4));
  }

  private readModemStatus(): u8 {
    const status = this.modemLines | this.modemChanges;
    this.modemChanges = 0;
    return status;
  }
}
