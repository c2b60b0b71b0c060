// The local vector table (SDM 3A 11.5.1) and the errors that are one of its interrupts (11.5.3).

import { DELIVERY_MODE_MASK, DELIVERY_MODE_NMI, INTERRUPT_MASKED } from "../../../x86/apic";
import { ProcessorPins } from "../../interrupts";
import { StateTable } from "../../state";
import { PendingInterrupts } from "./pending-interrupts";

// The entries in the order of their registers.
export const LVT_TIMER: u32 = 0;
export const LVT_THERMAL: u32 = 1;
export const LVT_PERFORMANCE: u32 = 2;
export const LVT_LINT0: u32 = 3;
export const LVT_LINT1: u32 = 4;
export const LVT_ERROR: u32 = 5;
export const LVT_ENTRIES: u32 = 6;

// SDM 3A figure 11-8. Delivery status and remote IRR are for reading.
export const LVT_DELIVERY_STATUS: u32 = 1 << 12;
export const LVT_REMOTE_IRR: u32 = 1 << 14;
export const LVT_LEVEL_TRIGGERED: u32 = 1 << 15;
const LVT_READ_ONLY: u32 = LVT_DELIVERY_STATUS | LVT_REMOTE_IRR;
const VECTOR: u32 = 0xff;

/** The bits that each entry has. */
export const LVT_BITS: StaticArray<u32> = [0x000710ff, 0x000117ff, 0x000117ff, 0x0001f7ff, 0x0001f7ff, 0x000110ff];

export const DELIVERY_MODE_FIXED: u32 = 0;
export const DELIVERY_MODE_LOWEST_PRIORITY: u32 = 1 << 8;
export const DELIVERY_MODE_EXTINT: u32 = 7 << 8;

/** Vectors below are illegal (SDM 3A 11.5.2). */
export const FIRST_LEGAL_VECTOR: u32 = 16;

// ESR (SDM 3A 11.5.3).
export const ERROR_SEND_ILLEGAL_VECTOR: u32 = 1 << 5;
export const ERROR_RECEIVED_ILLEGAL_VECTOR: u32 = 1 << 6;
export const ERROR_ILLEGAL_REGISTER: u32 = 1 << 7;
const ERRORS: u32 = ERROR_SEND_ILLEGAL_VECTOR | ERROR_RECEIVED_ILLEGAL_VECTOR | ERROR_ILLEGAL_REGISTER;

export class LocalInterrupts {
  /** ESR as it reads: the errors up to the last write to it. */
  errorStatus: u32 = 0;
  private errors: u32 = 0;
  /** An error interrupts: none has since the last write to ESR. */
  private isErrorArmed: bool = true;
  private readonly entries: StaticArray<u32> = new StaticArray<u32>(LVT_ENTRIES);

  constructor(
    private readonly pending: PendingInterrupts,
    private readonly pins: ProcessorPins,
  ) {
    this.reset();
  }

  /** `entry` is an LVT_*. */
  read(entry: u32): u32 {
    return this.entries[entry];
  }

  /** Writes an entry; it stays masked while the APIC is disabled by software (SDM 3A 11.4.7.2). */
  write(entry: u32, value: u32, isSoftwareEnabled: bool): void {
    const writable = LVT_BITS[entry] & ~LVT_READ_ONLY;
    const mask = isSoftwareEnabled ? 0 : INTERRUPT_MASKED;
    // Only a level-triggered input has a remote IRR.
    const kept = value & LVT_LEVEL_TRIGGERED ? this.entries[entry] & LVT_REMOTE_IRR : 0;
    this.entries[entry] = (value & writable) | mask | kept;
  }

  setRemoteIrr(entry: u32, isSet: bool): void {
    if (isSet) this.entries[entry] |= LVT_REMOTE_IRR;
    else this.entries[entry] &= ~LVT_REMOTE_IRR;
  }

  isMasked(entry: u32): bool {
    return (this.entries[entry] & INTERRUPT_MASKED) != 0;
  }

  /** The entry's interrupt happens, if it is not masked. */
  fire(entry: u32, isLevel: bool): void {
    const value = this.entries[entry];
    if (!(value & INTERRUPT_MASKED)) this.deliver(value & DELIVERY_MODE_MASK, value & VECTOR, isLevel);
  }

  /** As `deliver`, fixed and edge-triggered, of a legal vector. */
  accept(vector: u32): void {
    this.pending.accept(vector, false);
  }

  /** An interrupt message or a local interrupt has arrived. Modes that this processor has no use for do nothing. */
  deliver(mode: u32, vector: u32, isLevel: bool): void {
    if (mode == DELIVERY_MODE_FIXED || mode == DELIVERY_MODE_LOWEST_PRIORITY) {
      if (vector >= FIRST_LEGAL_VECTOR) this.pending.accept(vector, isLevel);
      else this.report(ERROR_RECEIVED_ILLEGAL_VECTOR);
    } else if (mode == DELIVERY_MODE_NMI) this.pins.raiseNmi();
  }

  /** An error has been detected. */
  report(error: u32): void {
    this.errors |= error;
    if (!this.isErrorArmed) return;
    this.isErrorArmed = false;
    this.fire(LVT_ERROR, false);
  }

  /** A write to ESR: it shows what has been detected since the last one, and the next error interrupts. */
  latchErrors(): void {
    this.errorStatus = this.errors;
    this.errors = 0;
    this.isErrorArmed = true;
  }

  /** The APIC has been disabled by software. */
  maskAll(): void {
    for (let i: u32 = 0; i < LVT_ENTRIES; i++) this.entries[i] |= INTERRUPT_MASKED;
  }

  reset(): void {
    for (let i: u32 = 0; i < LVT_ENTRIES; i++) this.entries[i] = INTERRUPT_MASKED;
    this.errorStatus = 0;
    this.errors = 0;
    this.isErrorArmed = true;
  }

  visit(table: StateTable): void {
    for (let i: u32 = 0; i < LVT_ENTRIES; i++) this.entries[i] = table.u32(this.entries[i]) & LVT_BITS[i];
    this.errorStatus = table.u32(this.errorStatus) & ERRORS;
    this.errors = table.u32(this.errors) & ERRORS;
    this.isErrorArmed = table.flag(this.isErrorArmed);
  }
}
