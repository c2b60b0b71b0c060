// COM1: a 16550A UART (National Semiconductor PC16550D data sheet, section 8.0 "Registers") between a guest and its console.

// Bytes take no time: what is sent has left at once, and what came may be read at once. So the interrupt "character timeout",
// which tells that bytes below the trigger level have waited for four characters' time, comes as soon as such bytes wait.

import { Device } from "../../bus";
import { InterruptLine } from "../../interrupts";
import { StateTable } from "../../state";
import { ConsoleLine } from "../console-line";
import { UartModem } from "./modem";
import { BREAK_INTERRUPT, FRAMING_ERROR, UartReceiver } from "./receiver";

/** Where a guest expects COM1. */
export const COM1: u32 = 0x3f8;
export const UART_PORTS: u32 = 8;
export const COM1_IRQ: u32 = 4;

/** "UART". */
const TAG: u32 = 0x55415254;
const VERSION: u32 = 1;

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

// What interrupts may be for, in the interrupt enable register.
const ENABLE_RECEIVED: u8 = 0x01;
const ENABLE_TRANSMITTER_EMPTY: u8 = 0x02;
const ENABLE_LINE_STATUS: u8 = 0x04;
const ENABLE_MODEM_STATUS: u8 = 0x08;
const ENABLE_BITS: u8 = 0x0f;

// What the interrupt is for, in the interrupt identification register: the first of them that is due (8.6, table "Interrupt
// control functions").
const IS_LINE_STATUS: u8 = 0x06;
const IS_RECEIVED: u8 = 0x04;
const IS_CHARACTER_TIMEOUT: u8 = 0x0c;
const IS_TRANSMITTER_EMPTY: u8 = 0x02;
const IS_MODEM_STATUS: u8 = 0x00;
const IS_NONE: u8 = 0x01;
/** Both bits: the FIFOs are on. */
const FIFOS_ARE_ON: u8 = 0xc0;

const FIFO_ENABLE: u8 = 0x01;
const FIFO_CLEAR_RECEIVER: u8 = 0x02;
const FIFO_TRIGGER_SHIFT: u8 = 6;

/** The bits of a byte, from 5 to 8, less 5. */
const LINE_CONTROL_LENGTH: u8 = 0x03;
const LONGEST_BYTE: u8 = 0xff;
const LINE_CONTROL_DIVISOR: u8 = 0x80;

/** The transmitter holds nothing: each byte has left at once. */
const TRANSMITTER_IS_EMPTY: u8 = 0x60;

/** As firmware leaves it: 9600 baud. Nothing here takes longer at a lower rate. */
const DIVISOR_AT_START: u32 = 12;

export class Uart extends Device {
  /** A byte for the data register goes to the line and does nothing else: no divisor, no loopback, no interrupt. */
  isPlain: bool = true;
  private divisor: u32 = DIVISOR_AT_START;
  private interruptEnable: u8 = 0;
  private lineControl: u8 = 0;
  private scratch: u8 = 0;
  /** The interrupt "transmitter holding register empty" is due: nothing has been sent since it was told. */
  private isEmptyDue: bool = false;
  private readonly receiver: UartReceiver = new UartReceiver();
  private readonly modem: UartModem = new UartModem();

  /** `interrupt` is input COM1_IRQ. */
  constructor(
    readonly line: ConsoleLine,
    private readonly interrupt: InterruptLine,
  ) {
    super();
  }

  /** The guest has enabled an interrupt: what is typed may wake it. */
  get listens(): bool {
    return this.interruptEnable != 0;
  }

  /** How many bytes of the console's it takes now: none in loopback, where its input is not connected. */
  get room(): u32 {
    return this.modem.isLoop ? 0 : this.receiver.room;
  }

  /** A byte that was typed at the console. Where there is no room for it, it is an overrun. */
  receive(byte: u8): void {
    this.take(byte, 0);
  }

  /** A break at the console: the line was held for longer than a character takes. */
  receiveBreak(): void {
    this.take(0, BREAK_INTERRUPT | FRAMING_ERROR);
  }

  reset(): void {
    this.divisor = DIVISOR_AT_START;
    this.interruptEnable = 0;
    this.lineControl = 0;
    this.scratch = 0;
    this.isEmptyDue = false;
    this.receiver.reset();
    this.modem.reset();
    this.settle();
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.divisor = table.u16(<u16>this.divisor);
    this.interruptEnable = <u8>table.atMost(this.interruptEnable, ENABLE_BITS);
    this.lineControl = table.u8(this.lineControl);
    this.scratch = table.u8(this.scratch);
    this.isEmptyDue = table.flag(this.isEmptyDue);
    this.receiver.visit(table);
    this.modem.visit(table);
    this.settle();
  }

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
    if (register == IDENTIFICATION) return this.readIdentification();
    if (register == LINE_CONTROL) return this.lineControl;
    if (register == MODEM_CONTROL) return this.modem.control;
    return register == MODEM_STATUS ? this.readModemStatus() : this.scratch;
  }

  private writeRegister(register: u32, value: u8): void {
    const isDivisor = (this.lineControl & LINE_CONTROL_DIVISOR) != 0;
    if (register == DATA) {
      if (isDivisor) this.divisor = (this.divisor & 0xff00) | value;
      else this.send(value);
    } else if (register == INTERRUPT_ENABLE) {
      if (isDivisor) this.divisor = (this.divisor & 0xff) | ((<u32>value) << 8);
      else this.enableInterrupts(value & ENABLE_BITS);
    } else if (register == IDENTIFICATION) this.controlFifos(value);
    else if (register == LINE_CONTROL) this.lineControl = value;
    else if (register == MODEM_CONTROL) this.modem.setControl(value);
    else if (register == SCRATCH) this.scratch = value;
    // The line status and the modem status are for reading.
    this.settle();
  }

  /** After any change: the interrupt's line, and whether a byte that is sent is plain. */
  private settle(): void {
    const isDivisor = (this.lineControl & LINE_CONTROL_DIVISOR) != 0;
    this.isPlain = !isDivisor && !this.modem.isLoop && (this.interruptEnable & ENABLE_TRANSMITTER_EMPTY) == 0;
    this.driveLine();
  }

  private driveLine(): void {
    this.interrupt.level = this.modem.letsInterruptsThrough && this.identify() != IS_NONE;
  }

  /** What the interrupt is for. */
  private identify(): u8 {
    const enabled = this.interruptEnable;
    const receiver = this.receiver;
    if (enabled & ENABLE_LINE_STATUS && receiver.hasErrors) return IS_LINE_STATUS;
    if (enabled & ENABLE_RECEIVED && receiver.isTriggered) return IS_RECEIVED;
    if (enabled & ENABLE_RECEIVED && receiver.count != 0) return IS_CHARACTER_TIMEOUT;
    if (enabled & ENABLE_TRANSMITTER_EMPTY && this.isEmptyDue) return IS_TRANSMITTER_EMPTY;
    return enabled & ENABLE_MODEM_STATUS && this.modem.hasChanges ? IS_MODEM_STATUS : IS_NONE;
  }

  /** To read that the transmitter is empty ends that interrupt; the others last as long as their cause. */
  private readIdentification(): u8 {
    const found = this.identify();
    if (found == IS_TRANSMITTER_EMPTY) {
      this.isEmptyDue = false;
      this.driveLine();
    }
    return this.receiver.hasFifo ? FIFOS_ARE_ON | found : found;
  }

  /** To enable an interrupt whose cause is there makes it due: the transmitter is always empty. */
  private enableInterrupts(value: u8): void {
    if (value & ~this.interruptEnable & ENABLE_TRANSMITTER_EMPTY) this.isEmptyDue = true;
    this.interruptEnable = value;
  }

  private send(value: u8): void {
    if (this.modem.isLoop) this.receiver.put(this.cut(value), 0);
    else this.line.put(value);
    // While the byte is in the transmitter its interrupt is not due: who looks for edges sees one a byte.
    this.isEmptyDue = false;
    this.driveLine();
    this.isEmptyDue = true;
  }

  private controlFifos(value: u8): void {
    const receiver = this.receiver;
    const hasFifos = (value & FIFO_ENABLE) != 0;
    // To switch between the modes empties the receiver, too.
    if (hasFifos != receiver.hasFifo || (hasFifos && value & FIFO_CLEAR_RECEIVER)) receiver.clear();
    receiver.hasFifo = hasFifos;
    if (hasFifos) receiver.setTrigger(value >> FIFO_TRIGGER_SHIFT);
  }

  private take(byte: u8, errors: u8): void {
    this.receiver.put(this.cut(byte), errors);
    this.driveLine();
  }

  /** As many bits of a byte as the line control says. */
  private cut(byte: u8): u8 {
    return byte & (LONGEST_BYTE >> (3 - (this.lineControl & LINE_CONTROL_LENGTH)));
  }

  private takeReceived(): u8 {
    const byte = this.receiver.take();
    // The time of a character timeout starts anew: the line falls, and rises again for the bytes that are left.
    const isBelowTrigger = this.receiver.count != 0 && !this.receiver.isTriggered;
    if (isBelowTrigger && this.identify() == IS_CHARACTER_TIMEOUT) this.interrupt.level = false;
    this.driveLine();
    return byte;
  }

  private readLineStatus(): u8 {
    const status = this.receiver.readStatus();
    this.driveLine();
    this.line.notePoll(this.receiver.count == 0);
    return status | TRANSMITTER_IS_EMPTY;
  }

  private readModemStatus(): u8 {
    const status = this.modem.readStatus();
    this.driveLine();
    return status;
  }
}
