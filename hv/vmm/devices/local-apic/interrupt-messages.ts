// The interrupts that come by messages: other devices' (SDM 3A 11.11) and the processor's own (11.6).

import {
  DELIVERY_MODE_MASK,
  DELIVERY_MODE_NMI,
  INTERRUPT_COMMAND_PENDING,
  LEVEL_ASSERT,
  XAPIC_BROADCAST,
  XAPIC_DESTINATION_SHIFT,
} from "../../../x86/apic";
import { StateTable } from "../../state";
import { ApicMode } from "./apic-mode";
import { isX2ApicDestination, isXApicDestination } from "./destination";
import {
  DELIVERY_MODE_FIXED,
  DELIVERY_MODE_LOWEST_PRIORITY,
  ERROR_SEND_ILLEGAL_VECTOR,
  FIRST_LEGAL_VECTOR,
  LocalInterrupts,
} from "./local-interrupts";

const VECTOR: u32 = 0xff;
/** LDR and the destination in xAPIC mode: bits 31:24. */
const ID_BITS: u32 = 0xff000000;
/** DFR bits 31:28, the model; the others are ones. */
const MODEL_BITS: u32 = 0xf0000000;

// The interrupt command register (SDM 3A figures 11-12 and 11-28).
export const COMMAND_BITS: u32 = 0x000cdfff;
const COMMAND_IS_LOGICAL: u32 = 1 << 11;
const SHORTHAND_SHIFT: u32 = 18;
const SHORTHAND_NONE: u32 = 0;
const SHORTHAND_ALL_EXCLUDING_SELF: u32 = 3;

// An interrupt message (SDM 3A 11.11.1 and 11.11.2).
const MESSAGE_ADDRESS: u64 = 0xfee;
const USUAL_ADDRESS: u64 = 0xfee00000;
const MESSAGE_IS_LOGICAL: u64 = 1 << 2;
const MESSAGE_IS_LEVEL: u32 = 1 << 15;

/** The interrupt command register, LDR and DFR, and what is for this processor. */
export class InterruptMessages {
  /** ICR's low half as it was written. */
  command: u32 = 0;
  /** ICR's high half: in x2APIC mode a destination of 32 bits, in xAPIC mode one in bits 31:24. */
  destination: u32 = 0;
  private logicalId: u32 = 0;
  private model: u32 = MODEL_BITS;

  constructor(
    private readonly mode: ApicMode,
    private readonly local: LocalInterrupts,
  ) {}

  /** An interrupt message; for a destination that is not this processor it is dropped. */
  send(address: u64, data: u32): void {
    // The usual message at once: for the processor 0 by its physical ID, of fixed delivery, edge-triggered.
    const isUsual = address == USUAL_ADDRESS && data <= VECTOR && data >= FIRST_LEGAL_VECTOR;
    if (isUsual && this.mode.isSoftwareEnabled && !this.mode.isDisabled) return this.local.accept(data);
    if (address >> 20 != MESSAGE_ADDRESS) return;
    const destination = (<u32>(address >> 12)) & 0xff;
    if (!this.isDestination(destination, (address & MESSAGE_IS_LOGICAL) != 0)) return;
    const isLevel = (data & MESSAGE_IS_LEVEL) != 0;
    // The de-assertion of a level says nothing.
    if (isLevel && (data & LEVEL_ASSERT) == 0) return;
    this.receive(data & DELIVERY_MODE_MASK, data & VECTOR, isLevel);
  }

  /** LDR in xAPIC mode. */
  get logicalDestination(): u32 {
    return this.logicalId;
  }

  set logicalDestination(value: u32) {
    this.logicalId = value & ID_BITS;
  }

  /** DFR. */
  get destinationFormat(): u32 {
    return this.model | ~MODEL_BITS;
  }

  set destinationFormat(value: u32) {
    this.model = value & MODEL_BITS;
  }

  /** Writes the low half, which sends. */
  writeCommand(value: u32): void {
    const command = value & COMMAND_BITS;
    this.command = command & ~INTERRUPT_COMMAND_PENDING;
    const shorthand = command >> SHORTHAND_SHIFT;
    if (shorthand == SHORTHAND_ALL_EXCLUDING_SELF) return;
    const destination = this.mode.isX2Apic ? this.destination : this.destination >> XAPIC_DESTINATION_SHIFT;
    const isLogical = (command & COMMAND_IS_LOGICAL) != 0;
    const isSelf = shorthand != SHORTHAND_NONE || this.isTarget(destination, isLogical);
    const mode = command & DELIVERY_MODE_MASK;
    // To processors that the VM does not have, as INIT and startup messages are.
    if (isSelf) this.sendToSelf(mode, command & VECTOR);
    else this.checkVector(mode, command & VECTOR);
  }

  /** IPIs are edge-triggered. INIT, startup and SMI do nothing to the processor that sends them. */
  sendToSelf(mode: u32, vector: u32): void {
    this.checkVector(mode, vector);
    this.receive(mode, vector, false);
  }

  private checkVector(mode: u32, vector: u32): void {
    const hasVector = mode == DELIVERY_MODE_FIXED || mode == DELIVERY_MODE_LOWEST_PRIORITY;
    if (hasVector && vector < FIRST_LEGAL_VECTOR) this.local.report(ERROR_SEND_ILLEGAL_VECTOR);
  }

  /** Disabled by software it still takes NMIs (SDM 3A 11.4.7.2); disabled by IA32_APIC_BASE it takes nothing. */
  private receive(mode: u32, vector: u32, isLevel: bool): void {
    if (this.mode.isDisabled || (!this.mode.isSoftwareEnabled && mode != DELIVERY_MODE_NMI)) return;
    this.local.deliver(mode, vector, isLevel);
  }

  /** Of an interrupt message, whose destination has 8 bits in x2APIC mode too. */
  private isDestination(destination: u32, isLogical: bool): bool {
    if (destination == XAPIC_BROADCAST) return true;
    return this.isTarget(destination, isLogical);
  }

  private isTarget(destination: u32, isLogical: bool): bool {
    if (this.mode.isX2Apic) return isX2ApicDestination(destination, isLogical);
    return isXApicDestination(destination, isLogical, this.logicalId, this.model);
  }

  reset(): void {
    this.command = 0;
    this.destination = 0;
    this.logicalId = 0;
    this.model = MODEL_BITS;
  }

  visit(table: StateTable): void {
    this.command = table.u32(this.command) & COMMAND_BITS;
    this.destination = table.u32(this.destination);
    this.logicalId = table.u32(this.logicalId) & ID_BITS;
    this.model = table.u32(this.model) & MODEL_BITS;
  }
}
