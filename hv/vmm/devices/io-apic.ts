// An I/O APIC (Intel 82093AA data sheet, 290566) of version 0x20, which has an EOI register too, with 24 inputs.

// Messages are accepted as they are sent, so the delivery status is always idle. An entry with delivery mode ExtINT sends
// nothing: the 8259s reach the local APIC by its LINT0. Arbitration needs no bus, so its register is just the ID.

import {
  DELIVERY_MODE_MASK,
  INTERRUPT_MASKED,
  IO_APIC_DATA,
  IO_APIC_REDIRECTION,
  IO_APIC_SELECT,
} from "../../x86/apic";
import { Device } from "../bus";
import { EoiListener, MessageSink } from "../interrupts";
import { StateTable } from "../state";

/** Where a guest expects the first I/O APIC, and how much of its memory is the device's. */
export const IO_APIC_ADDRESS: u32 = 0xfec00000;
export const IO_APIC_BYTES: u32 = 0x1000;
export const IO_APIC_INPUTS: u32 = 24;

const SELECT: u32 = <u32>IO_APIC_SELECT;
const DATA: u32 = <u32>IO_APIC_DATA;
const EOI: u32 = 0x40;

// Registers by their number, below IO_APIC_REDIRECTION.
const ID: u32 = 0;
const VERSION: u32 = 1;
const ARBITRATION: u32 = 2;
const ID_BITS: u32 = 0x0f000000;
/** Version 0x20, and the number of the last redirection entry. */
const VERSION_VALUE: u32 = 0x20 | ((IO_APIC_INPUTS - 1) << 16);

// The low half of a redirection entry (data sheet, 3.2.4).
const VECTOR: u32 = 0xff;
const LOGICAL_DESTINATION: u32 = 1 << 11;
const ACTIVE_LOW: u32 = 1 << 13;
const REMOTE_IRR: u32 = 1 << 14;
const LEVEL_TRIGGERED: u32 = 1 << 15;
/** What a guest writes of it. */
const WRITABLE: u32 =
  VECTOR | DELIVERY_MODE_MASK | LOGICAL_DESTINATION | ACTIVE_LOW | LEVEL_TRIGGERED | INTERRUPT_MASKED;
/** The high half: the destination. */
const DESTINATION: u32 = 0xff000000;
const DESTINATION_SHIFT: u32 = 24;

const DELIVERY_MODE_SHIFT: u32 = 8;
/** A bit a delivery mode: fixed, lowest priority, SMI, NMI and INIT; not the two reserved ones and ExtINT. */
const SENT_MODES: u32 = 0b00110111;
/** Fixed and lowest priority: the others are edge-triggered whatever the entry says. */
const LEVEL_MODES: u32 = 0b00000011;

// Interrupt messages (SDM 3A 11.11).
const MESSAGE_ADDRESS: u32 = 0xfee00000;
const MESSAGE_DESTINATION_SHIFT: u32 = 12;
const MESSAGE_LOGICAL: u32 = 1 << 2;
const MESSAGE_ASSERT: u32 = 1 << 14;
const MESSAGE_LEVEL: u32 = 1 << 15;

const STATE_TAG: u32 = 0x494f4150; // "IOAP"
const STATE_VERSION: u32 = 1;

export class IoApic extends EoiListener {
  private select: u32 = 0;
  private id: u32 = 0;
  /** The inputs that are high. */
  private lines: u32;
  /** The halves of the redirection entries. */
  private readonly low: StaticArray<u32> = new StaticArray<u32>(IO_APIC_INPUTS);
  private readonly destination: StaticArray<u32> = new StaticArray<u32>(IO_APIC_INPUTS);

  /** `idleHigh`: a bit an input whose wire is high while no device asserts it, as PCI's INTA# to INTD# are. */
  constructor(
    private readonly messages: MessageSink,
    private readonly idleHigh: u32,
  ) {
    super();
    this.lines = idleHigh;
    this.reset();
  }

  /** As after power on; the inputs stay as they are driven. */
  reset(): void {
    this.select = 0;
    this.id = 0;
    for (let pin: u32 = 0; pin < IO_APIC_INPUTS; pin++) {
      this.low[pin] = INTERRUPT_MASKED;
      this.destination[pin] = 0;
    }
  }

  /** A device asserts what is at input `pin`, from 0 to 23, from now on, or does no longer; others do not exist. */
  setAsserted(pin: u32, isAsserted: bool): void {
    if (pin >= IO_APIC_INPUTS) return;
    const bit: u32 = 1 << pin;
    const was = this.lines;
    this.lines = isAsserted == ((this.idleHigh & bit) == 0) ? was | bit : was & ~bit;
    if (this.lines == was || !this.isActive(pin)) return;
    if (this.isLevel(pin)) this.serve(pin);
    else if (!(this.low[pin] & INTERRUPT_MASKED)) this.send(pin, 0);
  }

  /** What the register at `offset` of the device's memory holds; 0 where there is none. Registers have 32 bits. */
  readMemory(offset: u32, bytes: u32): u32 {
    if (bytes != 4) return 0;
    if (offset == SELECT) return this.select;
    return offset == DATA ? this.readRegister(this.select) : 0;
  }

  writeMemory(offset: u32, bytes: u32, value: u32): void {
    if (bytes != 4) return;
    if (offset == SELECT) this.select = value & 0xff;
    else if (offset == DATA) this.writeRegister(this.select, value);
    else if (offset == EOI) this.endOfInterrupt(value & VECTOR);
  }

  /** The local APIC, or a guest by the EOI register, has ended `vector`: what is still asserted interrupts again. */
  endOfInterrupt(vector: u32): void {
    for (let pin: u32 = 0; pin < IO_APIC_INPUTS; pin++) {
      const low = this.low[pin];
      if (!(low & REMOTE_IRR) || (low & VECTOR) != vector) continue;
      this.low[pin] = low & ~REMOTE_IRR;
      this.serve(pin);
    }
  }

  visit(table: StateTable): void {
    table.begin(STATE_TAG, STATE_VERSION);
    this.select = <u32>table.atMost(this.select, 0xff);
    this.id = table.u32(this.id) & ID_BITS;
    this.lines = <u32>table.atMost(this.lines, (1 << IO_APIC_INPUTS) - 1);
    for (let pin: u32 = 0; pin < IO_APIC_INPUTS; pin++) {
      this.low[pin] = table.u32(this.low[pin]) & (WRITABLE | REMOTE_IRR);
      this.destination[pin] = table.u32(this.destination[pin]) & DESTINATION;
    }
  }

  private readRegister(register: u32): u32 {
    if (register == ID || register == ARBITRATION) return this.id;
    if (register == VERSION) return VERSION_VALUE;
    const pin = this.pinOf(register);
    if (pin >= IO_APIC_INPUTS) return 0;
    return register & 1 ? this.destination[pin] : this.low[pin];
  }

  private writeRegister(register: u32, value: u32): void {
    const pin = this.pinOf(register);
    if (register == ID) this.id = value & ID_BITS;
    else if (pin >= IO_APIC_INPUTS) return;
    else if (register & 1) this.destination[pin] = value & DESTINATION;
    else this.writeLow(pin, value);
  }

  /** Of a register's number below the redirection entries: more than any input's. */
  private pinOf(register: u32): u32 {
    return (register - IO_APIC_REDIRECTION) >> 1;
  }

  private writeLow(pin: u32, value: u32): void {
    // An entry that is not level-triggered has no remote IRR: to switch to and fro is the old way of ending an interrupt.
    const kept = value & LEVEL_TRIGGERED ? this.low[pin] & REMOTE_IRR : 0;
    this.low[pin] = (value & WRITABLE) | kept;
    this.serve(pin);
  }

  private isActive(pin: u32): bool {
    const isHigh = (this.lines & (1 << pin)) != 0;
    const isActiveLow = (this.low[pin] & ACTIVE_LOW) != 0;
    return isHigh != isActiveLow;
  }

  private isLevel(pin: u32): bool {
    const low = this.low[pin];
    return (low & LEVEL_TRIGGERED) != 0 && this.hasMode(low, LEVEL_MODES);
  }

  private hasMode(low: u32, modes: u32): bool {
    return (modes & (1 << ((low & DELIVERY_MODE_MASK) >> DELIVERY_MODE_SHIFT))) != 0;
  }

  /** Sends a level-triggered interrupt that is due: it is active, and the one before has ended. */
  private serve(pin: u32): void {
    const low = this.low[pin];
    if (low & (INTERRUPT_MASKED | REMOTE_IRR) || !this.isLevel(pin) || !this.isActive(pin)) return;
    this.low[pin] = low | REMOTE_IRR;
    this.send(pin, MESSAGE_LEVEL);
  }

  private send(pin: u32, trigger: u32): void {
    const low = this.low[pin];
    if (!this.hasMode(low, SENT_MODES)) return;
    const destination = this.destination[pin] >> DESTINATION_SHIFT;
    const logical = low & LOGICAL_DESTINATION ? MESSAGE_LOGICAL : 0;
    const address = MESSAGE_ADDRESS | (destination << MESSAGE_DESTINATION_SHIFT) | logical;
    this.messages.send(address, (low & (VECTOR | DELIVERY_MODE_MASK)) | MESSAGE_ASSERT | trigger);
  }
}

/** The I/O APIC's memory, to be attached at IO_APIC_ADDRESS. */
export class IoApicMemory extends Device {
  constructor(private readonly ioApic: IoApic) {
    super();
  }

  read(offset: u32, bytes: u32): u64 {
    return this.ioApic.readMemory(offset, bytes);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    this.ioApic.writeMemory(offset, bytes, <u32>value);
  }
}
