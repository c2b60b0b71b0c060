// Two ports that reset a PC: the reset control register 0xcf9 (Intel ICH/PCH data sheets, "RST_CNT"), and system
// control port A 0x92 (IBM PS/2 Technical Reference), which also has the fast A20 gate.

import { Device } from "../bus";
import { SIGNAL_RESET, Signals } from "../signals";
import { StateTable } from "../state";

/**
 * The register lies at 0xcf9, among the four ports of the PCI configuration address, which is double words only: as the
 * device beside that, this one takes what is narrower.
 */
export const RESET_CONTROL_START: u32 = 0xcf8;
export const RESET_CONTROL_PORTS: u32 = 4;
export const SYSTEM_CONTROL_PORT_A: u32 = 0x92;

/** Of the register in that range. */
const RESET_CONTROL: u32 = 1;
const ALL_ONES: u64 = 0xffffffff;

/** A hard reset, a reset of the processor (its change from 0 to 1 is the reset), a full reset. */
const RESET_CONTROL_BITS: u8 = 0x0e;
const RESET_PROCESSOR: u8 = 0x04;

/** Its change from 0 to 1 is the reset. */
const FAST_RESET: u8 = 0x01;
const FAST_A20: u8 = 0x02;
/** The others that there are: password lock and two lights. */
const PORT_A_BITS: u8 = 0xcb;

/** "RCR " and "PA92" */
const RESET_CONTROL_TAG: u32 = 0x52435220;
const PORT_A_TAG: u32 = 0x50413932;
const VERSION: u32 = 1;

/** Every kind of reset is the machine's. The ports around the register read all ones. */
export class ResetControl extends Device {
  private value: u8 = 0;

  constructor(private readonly signals: Signals) {
    super();
  }

  reset(): void {
    this.value = 0;
  }

  read(offset: u32, bytes: u32): u64 {
    const ones = ALL_ONES >> (32 - 8 * bytes);
    if (!this.isWithin(offset, bytes)) return ones;
    const shift = 8 * (RESET_CONTROL - offset);
    return (ones & ~((<u64>0xff) << shift)) | ((<u64>this.value) << shift);
  }

  write(offset: u32, bytes: u32, value: u64): void {
    if (!this.isWithin(offset, bytes)) return;
    const written = (<u8>(value >> (8 * (RESET_CONTROL - offset)))) & RESET_CONTROL_BITS;
    if (written & ~this.value & RESET_PROCESSOR) this.signals.raised |= SIGNAL_RESET;
    this.value = written;
  }

  visit(table: StateTable): void {
    table.begin(RESET_CONTROL_TAG, VERSION);
    this.value = <u8>table.atMost(this.value, RESET_CONTROL_BITS);
  }

  private isWithin(offset: u32, bytes: u32): bool {
    return offset <= RESET_CONTROL && offset + bytes > RESET_CONTROL;
  }
}

/** A20 is never masked, whatever its bit says. */
export class SystemControlPortA extends Device {
  private value: u8 = FAST_A20;

  constructor(private readonly signals: Signals) {
    super();
  }

  reset(): void {
    this.value = FAST_A20;
  }

  read(_offset: u32, _bytes: u32): u64 {
    return this.value;
  }

  write(_offset: u32, _bytes: u32, value: u64): void {
    const written = (<u8>value) & PORT_A_BITS;
    if (written & ~this.value & FAST_RESET) this.signals.raised |= SIGNAL_RESET;
    this.value = written;
  }

  visit(table: StateTable): void {
    table.begin(PORT_A_TAG, VERSION);
    this.value = <u8>table.atMost(this.value, PORT_A_BITS);
  }
}
