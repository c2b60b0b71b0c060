// The local APIC of the VM's one processor (SDM 3A chapter 11, edition of 2023), as xAPIC and as x2APIC.

import {
  DELIVERY_MODE_MASK,
  DELIVERY_MODE_NMI,
  INTERRUPT_COMMAND_PENDING,
  INTERRUPT_MASKED,
  LEVEL_ASSERT,
  APIC_SOFTWARE_ENABLE,
  X2APIC_DESTINATION_SHIFT,
  XAPIC_BROADCAST,
  XAPIC_DESTINATION_SHIFT,
} from "../../../x86/apic";
import { IA32_APIC_BASE, IA32_TSC_DEADLINE, X2APIC_MSR_FIRST } from "../../../x86/msr";
import { EoiListener, ExternalInterrupts, MessageSink, ProcessorPins } from "../../interrupts";
import { StateTable } from "../../state";
import { Alarms, Clock } from "../../time";
import { GuestTsc } from "../guest-tsc";
import { APIC_BASE_AT_RESET, isLegalApicBase, MODE_BITS, MODE_DISABLED, MODE_X2APIC, MODE_XAPIC } from "./apic-base";
import { isX2ApicDestination, isXApicDestination, X2APIC_LOGICAL_ID } from "./destination";
import {
  DELIVERY_MODE_EXTINT,
  DELIVERY_MODE_FIXED,
  DELIVERY_MODE_LOWEST_PRIORITY,
  ERROR_ILLEGAL_REGISTER,
  ERROR_SEND_ILLEGAL_VECTOR,
  FIRST_LEGAL_VECTOR,
  LocalInterrupts,
  LVT_BITS,
  LVT_ENTRIES,
  LVT_LEVEL_TRIGGERED,
  LVT_LINT0,
  LVT_LINT1,
  LVT_REMOTE_IRR,
  LVT_TIMER,
} from "./local-interrupts";
import { PendingInterrupts } from "./pending-interrupts";
import {
  accessOf,
  REGISTER_COMMAND,
  REGISTER_COMMAND_HIGH,
  REGISTER_CURRENT_COUNT,
  REGISTER_DESTINATION_FORMAT,
  REGISTER_DIVIDE,
  REGISTER_EOI,
  REGISTER_ERROR_STATUS,
  REGISTER_IN_SERVICE,
  REGISTER_INITIAL_COUNT,
  REGISTER_LOGICAL_DESTINATION,
  REGISTER_LVT,
  REGISTER_PROCESSOR_PRIORITY,
  REGISTER_REQUESTED,
  REGISTER_SELF_IPI,
  REGISTER_SPURIOUS,
  REGISTER_TASK_PRIORITY,
  REGISTER_TRIGGER_MODE,
  REGISTER_VERSION,
  X2APIC_READ,
  X2APIC_WRITE,
  XAPIC_EXISTS,
  XAPIC_READ,
  XAPIC_WRITE,
} from "./registers";
import { ApicTimer } from "./timer";

const STATE_TAG: u32 = 0x43495041;
const STATE_VERSION: u32 = 1;

const X2APIC_EOI: u32 = X2APIC_MSR_FIRST + REGISTER_EOI;

/** An integrated APIC with the six entries of LVT_* and without suppression of EOI broadcasts (SDM 3A 11.4.8). */
const VERSION: u32 = 0x14 | ((LVT_ENTRIES - 1) << 16);

const VECTOR: u32 = 0xff;
const SPURIOUS_BITS: u32 = 0x3ff;
const SPURIOUS_AT_RESET: u32 = 0xff;
const LOGICAL_ID_BITS: u32 = 0xff000000;
const MODEL_BITS: u32 = 0xf0000000;
const DIVIDE_BITS: u32 = 0xb;

// The interrupt command register (SDM 3A figures 11-12 and 11-28).
const COMMAND_BITS: u32 = 0x000cdfff;
const COMMAND_IS_LOGICAL: u32 = 1 << 11;
const SHORTHAND_SHIFT: u32 = 18;
const SHORTHAND_NONE: u32 = 0;
const SHORTHAND_ALL_EXCLUDING_SELF: u32 = 3;

// An interrupt message (SDM 3A 11.11.1 and 11.11.2).
const MESSAGE_ADDRESS: u64 = 0xfee;
const MESSAGE_IS_LOGICAL: u64 = 1 << 2;
const MESSAGE_IS_LEVEL: u32 = 1 << 15;

export class LocalApic extends MessageSink {
  /** What `readMsr` has read. */
  value: u64 = 0;
  private base: u64 = APIC_BASE_AT_RESET;
  private spurious: u32 = SPURIOUS_AT_RESET;
  private logicalId: u32 = 0;
  /** DFR bits 31:28, the model; the others are ones. */
  private format: u32 = MODEL_BITS;
  private command: u32 = 0;
  private destination: u32 = 0;
  /** LINT0, which the 8259s' INTR is wired to. */
  private isLint0High: bool = false;
  private eoiListener: EoiListener | null = null;
  private readonly pending: PendingInterrupts;
  private readonly local: LocalInterrupts;
  private readonly timer: ApicTimer;

  constructor(
    clock: Clock,
    alarms: Alarms,
    tsc: GuestTsc,
    private readonly pins: ProcessorPins,
  ) {
    super();
    const pending = new PendingInterrupts(pins);
    const local = new LocalInterrupts(pending, pins);
    this.pending = pending;
    this.local = local;
    this.timer = new ApicTimer(clock, alarms, tsc, local);
  }

  /** Wires LINT0 to the 8259s and tells who hears of level-triggered interrupts' ends. While the machine is put together only. */
  connect(external: ExternalInterrupts, eoiListener: EoiListener): void {
    this.pending.external = external;
    this.eoiListener = eoiListener;
    this.onExternalChange();
  }

  /** The state after power-up (SDM 3A 11.4.7.1). */
  reset(): void {
    this.base = APIC_BASE_AT_RESET;
    this.resetRegisters();
  }

  /** From the state after `reset`: enabled, and the 8259s interrupt through LINT0, as a BIOS leaves it. */
  startLikeFirmware(): void {
    this.writeSpurious(APIC_SOFTWARE_ENABLE | SPURIOUS_AT_RESET);
    this.writeLvt(LVT_LINT0, DELIVERY_MODE_EXTINT);
    this.writeLvt(LVT_LINT1, DELIVERY_MODE_NMI);
  }

  /** RDMSR of IA32_APIC_BASE, IA32_TSC_DEADLINE or 0x800 to 0x8ff, into `value`; false for #GP. */
  readMsr(msr: u32): bool {
    if (msr == IA32_TSC_DEADLINE) this.value = this.timer.tscDeadline;
    else if (msr == IA32_APIC_BASE) this.value = this.base;
    else return this.readX2Apic(msr - X2APIC_MSR_FIRST);
    return true;
  }

  /** WRMSR of the MSRs of `readMsr`; false for #GP, and then nothing has changed. */
  writeMsr(msr: u32, value: u64): bool {
    if (msr == X2APIC_EOI && this.isX2Apic && value == 0) this.endOfInterrupt();
    else if (msr == IA32_TSC_DEADLINE) this.timer.tscDeadline = value;
    else if (msr == IA32_APIC_BASE) return this.writeBase(value);
    else return this.writeX2Apic(msr - X2APIC_MSR_FIRST, value);
    return true;
  }

  /** The registers' page is there: in xAPIC mode. */
  get hasPage(): bool {
    return (this.base & MODE_BITS) == MODE_XAPIC;
  }

  /** Reads a register in xAPIC mode; one that does not exist reads 0 and is an error. */
  readPage(register: u32): u32 {
    const access = accessOf(register);
    if ((access & XAPIC_EXISTS) == 0) this.local.report(ERROR_ILLEGAL_REGISTER);
    return access & XAPIC_READ ? this.readRegister(register) : 0;
  }

  /** Writes a register in xAPIC mode; its reserved bits stay as they are. */
  writePage(register: u32, value: u32): void {
    const access = accessOf(register);
    if ((access & XAPIC_EXISTS) == 0) this.local.report(ERROR_ILLEGAL_REGISTER);
    if ((access & XAPIC_WRITE) == 0) return;
    if (register == REGISTER_COMMAND_HIGH) this.destination = value & LOGICAL_ID_BITS;
    else if (register == REGISTER_COMMAND) this.writeCommand(value & COMMAND_BITS);
    else this.writeRegister(register, value);
  }

  /** CR8: bits 7:4 of TPR (SDM 3A 11.8.6), 0 to 15. */
  get taskPriority(): u32 {
    return this.pending.taskPriority >> 4;
  }

  set taskPriority(priority: u32) {
    this.pending.taskPriority = (priority & 0xf) << 4;
  }

  /** An interrupt message; for a destination that is not this processor it is dropped. */
  send(address: u64, data: u32): void {
    if (address >> 20 != MESSAGE_ADDRESS) return;
    const destination = (<u32>(address >> 12)) & 0xff;
    if (!this.isDestination(destination, (address & MESSAGE_IS_LOGICAL) != 0)) return;
    const isLevel = (data & MESSAGE_IS_LEVEL) != 0;
    // The de-assertion of a level says nothing.
    if (isLevel && (data & LEVEL_ASSERT) == 0) return;
    this.receive(data & DELIVERY_MODE_MASK, data & VECTOR, isLevel);
  }

  /**
   * Takes the processor's acknowledgement, if there is one. To be called at each entry of the vmm before any device is
   * accessed: what the 8259s would tell may be another vector afterwards.
   */
  hear(): void {
    this.pending.hear();
  }

  /** The 8259s' INTR, or what they would tell, may have changed. */
  onExternalChange(): void {
    this.pending.takeAcknowledged();
    this.lookAtLint0();
    this.pending.offer();
  }

  /** The guest's counter is another one from now on. */
  onTscOffsetChange(): void {
    this.timer.onTscOffsetChange();
  }

  /**
   * Whether a processor that halts could be woken: an interrupt waits, the timer is to interrupt, or something that devices
   * could interrupt through is open. Devices, which may have nothing to interrupt for, are not asked.
   */
  canInterrupt(): bool {
    this.pending.hear();
    return this.pending.isOffering || this.timer.isArmed || this.isSoftwareEnabled || this.isDisabled;
  }

  visit(table: StateTable): void {
    this.timer.settle();
    table.begin(STATE_TAG, STATE_VERSION);
    this.base = (APIC_BASE_AT_RESET & ~MODE_BITS) | (table.u32(<u32>this.base) & MODE_BITS);
    this.spurious = table.u32(this.spurious) & SPURIOUS_BITS;
    this.logicalId = table.u32(this.logicalId) & LOGICAL_ID_BITS;
    this.format = table.u32(this.format) & MODEL_BITS;
    this.command = table.u32(this.command) & COMMAND_BITS;
    this.destination = table.u32(this.destination);
    this.isLint0High = table.flag(this.isLint0High);
    this.local.visit(table);
    this.pending.visit(table);
    this.timer.visit(table);
    this.onExternalChange();
  }

  private get isX2Apic(): bool {
    return (this.base & MODE_BITS) == MODE_X2APIC;
  }

  private get isDisabled(): bool {
    return (this.base & MODE_BITS) == MODE_DISABLED;
  }

  private get isSoftwareEnabled(): bool {
    return (this.spurious & APIC_SOFTWARE_ENABLE) != 0;
  }

  private writeBase(value: u64): bool {
    const mode = this.base & MODE_BITS;
    if (!isLegalApicBase(mode, value)) return false;
    this.base = value;
    const next = value & MODE_BITS;
    if (next == mode) return true;
    if (next == MODE_DISABLED) this.resetRegisters();
    // The rest of the state is kept between the modes (SDM 3A 11.12.5.1).
    if (next == MODE_X2APIC) this.destination = 0;
    this.onExternalChange();
    return true;
  }

  private resetRegisters(): void {
    this.spurious = SPURIOUS_AT_RESET;
    this.logicalId = 0;
    this.format = MODEL_BITS;
    this.command = 0;
    this.destination = 0;
    this.local.reset();
    this.timer.reset();
    this.pending.reset();
    this.onExternalChange();
  }

  private readX2Apic(register: u32): bool {
    if (!this.isX2Apic || (accessOf(register) & X2APIC_READ) == 0) return false;
    if (register == REGISTER_LOGICAL_DESTINATION) this.value = X2APIC_LOGICAL_ID;
    else this.value = this.readRegister(register);
    if (register == REGISTER_COMMAND) this.value |= (<u64>this.destination) << X2APIC_DESTINATION_SHIFT;
    return true;
  }

  private writeX2Apic(register: u32, value: u64): bool {
    if (!this.isX2Apic || (accessOf(register) & X2APIC_WRITE) == 0) return false;
    if (register == REGISTER_COMMAND) return this.writeWideCommand(value);
    if ((value & ~(<u64>bitsOf(register))) != 0) return false;
    if (register == REGISTER_SELF_IPI) this.sendToSelf(DELIVERY_MODE_FIXED, <u32>value);
    else this.writeRegister(register, <u32>value);
    return true;
  }

  private readRegister(register: u32): u32 {
    if (register >= REGISTER_IN_SERVICE && register < REGISTER_ERROR_STATUS) return this.readVectors(register);
    if (register >= REGISTER_LVT && register < REGISTER_INITIAL_COUNT) return this.local.read(register - REGISTER_LVT);
    switch (register) {
      case REGISTER_VERSION:
        return VERSION;
      case REGISTER_TASK_PRIORITY:
        return this.pending.taskPriority;
      case REGISTER_PROCESSOR_PRIORITY:
        return this.pending.processorPriority;
      case REGISTER_LOGICAL_DESTINATION:
        return this.logicalId;
      case REGISTER_DESTINATION_FORMAT:
        return this.format | ~MODEL_BITS;
      case REGISTER_SPURIOUS:
        return this.spurious;
      case REGISTER_ERROR_STATUS:
        return this.local.errorStatus;
      case REGISTER_COMMAND:
        return this.command;
      case REGISTER_COMMAND_HIGH:
        return this.destination;
      case REGISTER_INITIAL_COUNT:
        return this.timer.initialCount;
      case REGISTER_CURRENT_COUNT:
        return this.timer.currentCount;
      case REGISTER_DIVIDE:
        return this.timer.divide;
      default:
        // The ID among them.
        return 0;
    }
  }

  private readVectors(register: u32): u32 {
    this.pending.hear();
    if (register >= REGISTER_REQUESTED) return this.pending.requested.segment(register - REGISTER_REQUESTED);
    if (register < REGISTER_TRIGGER_MODE) return this.pending.inService.segment(register - REGISTER_IN_SERVICE);
    return this.pending.levelTriggered.segment(register - REGISTER_TRIGGER_MODE);
  }

  /** Writes what is alike in both modes. */
  private writeRegister(register: u32, value: u32): void {
    if (register >= REGISTER_LVT && register < REGISTER_INITIAL_COUNT) {
      this.writeLvt(register - REGISTER_LVT, value);
      return;
    }
    switch (register) {
      case REGISTER_EOI:
        this.endOfInterrupt();
        return;
      case REGISTER_TASK_PRIORITY:
        this.pending.taskPriority = value;
        return;
      case REGISTER_INITIAL_COUNT:
        this.timer.start(value);
        return;
      case REGISTER_DIVIDE:
        this.timer.setDivide(value);
        return;
      case REGISTER_SPURIOUS:
        this.writeSpurious(value);
        return;
      case REGISTER_ERROR_STATUS:
        this.local.latchErrors();
        return;
      case REGISTER_LOGICAL_DESTINATION:
        this.logicalId = value & LOGICAL_ID_BITS;
        return;
      case REGISTER_DESTINATION_FORMAT:
        this.format = value & MODEL_BITS;
    }
  }

  /** `entry` is an LVT_*. */
  private writeLvt(entry: u32, value: u32): void {
    if (entry == LVT_TIMER) this.timer.configure(value, this.isSoftwareEnabled);
    else this.local.write(entry, value, this.isSoftwareEnabled);
    if (entry == LVT_LINT0) this.onExternalChange();
  }

  private writeSpurious(value: u32): void {
    this.timer.settle();
    this.spurious = value & SPURIOUS_BITS;
    if (this.isSoftwareEnabled) return;
    this.local.maskAll();
    this.timer.onMask();
    this.onExternalChange();
  }

  private endOfInterrupt(): void {
    const level = this.pending.end();
    if (level != 0) this.endLevel(level);
    this.pending.offer();
  }

  private endLevel(vector: u32): void {
    const lint0 = this.local.read(LVT_LINT0);
    if ((lint0 & LVT_REMOTE_IRR) != 0 && (lint0 & VECTOR) == vector) {
      this.local.setRemoteIrr(LVT_LINT0, false);
      this.lookAtLint0();
    }
    const listener = this.eoiListener;
    if (listener) listener.endOfInterrupt(vector);
  }

  /** What LINT0 does to the processor; `offer` is to be called then. */
  private lookAtLint0(): void {
    const external = this.pending.external;
    const isHigh = external ? external.isWaiting : false;
    const isEdge = isHigh && !this.isLint0High;
    this.isLint0High = isHigh;
    const entry = this.local.read(LVT_LINT0);
    const isExternal = (entry & (INTERRUPT_MASKED | DELIVERY_MODE_MASK)) == DELIVERY_MODE_EXTINT;
    this.pending.isExternalOpen = isHigh && (isExternal || this.isDisabled);
    if (!isHigh || isExternal || (entry & INTERRUPT_MASKED) != 0) return;
    const isLevel = (entry & (LVT_LEVEL_TRIGGERED | DELIVERY_MODE_MASK)) == LVT_LEVEL_TRIGGERED;
    if (isLevel ? (entry & LVT_REMOTE_IRR) != 0 : !isEdge) return;
    if (isLevel) this.local.setRemoteIrr(LVT_LINT0, true);
    this.local.fire(LVT_LINT0, isLevel);
  }

  private writeCommand(command: u32): void {
    this.command = command & ~INTERRUPT_COMMAND_PENDING;
    const shorthand = command >> SHORTHAND_SHIFT;
    if (shorthand == SHORTHAND_ALL_EXCLUDING_SELF) return;
    const destination = this.isX2Apic ? this.destination : this.destination >> XAPIC_DESTINATION_SHIFT;
    const isLogical = (command & COMMAND_IS_LOGICAL) != 0;
    const isSelf = shorthand != SHORTHAND_NONE || this.isTarget(destination, isLogical);
    const mode = command & DELIVERY_MODE_MASK;
    // To processors that the VM does not have, as INIT and startup messages are.
    if (isSelf) this.sendToSelf(mode, command & VECTOR);
    else this.checkVector(mode, command & VECTOR);
  }

  private writeWideCommand(value: u64): bool {
    if (((<u32>value) & ~COMMAND_BITS) != 0) return false;
    this.destination = <u32>(value >> X2APIC_DESTINATION_SHIFT);
    this.writeCommand(<u32>value);
    return true;
  }

  /** IPIs are edge-triggered. INIT, startup and SMI do nothing to the processor that sends them. */
  private sendToSelf(mode: u32, vector: u32): void {
    this.checkVector(mode, vector);
    this.receive(mode, vector, false);
  }

  private checkVector(mode: u32, vector: u32): void {
    const hasVector = mode == DELIVERY_MODE_FIXED || mode == DELIVERY_MODE_LOWEST_PRIORITY;
    if (hasVector && vector < FIRST_LEGAL_VECTOR) this.local.report(ERROR_SEND_ILLEGAL_VECTOR);
  }

  /** Disabled by software it still takes NMIs (SDM 3A 11.4.7.2); disabled by IA32_APIC_BASE it takes nothing. */
  private receive(mode: u32, vector: u32, isLevel: bool): void {
    if (this.isDisabled || (!this.isSoftwareEnabled && mode != DELIVERY_MODE_NMI)) return;
    this.local.deliver(mode, vector, isLevel);
  }

  /** Of an interrupt message, whose destination has 8 bits in x2APIC mode too. */
  private isDestination(destination: u32, isLogical: bool): bool {
    if (destination == XAPIC_BROADCAST) return true;
    return this.isTarget(destination, isLogical);
  }

  private isTarget(destination: u32, isLogical: bool): bool {
    if (this.isX2Apic) return isX2ApicDestination(destination, isLogical);
    return isXApicDestination(destination, isLogical, this.logicalId, this.format);
  }
}

/** The bits that WRMSR may set in a register. */
function bitsOf(register: u32): u32 {
  if (register >= REGISTER_LVT && register < REGISTER_INITIAL_COUNT) return LVT_BITS[register - REGISTER_LVT];
  if (register == REGISTER_INITIAL_COUNT) return u32.MAX_VALUE;
  if (register == REGISTER_TASK_PRIORITY || register == REGISTER_SELF_IPI) return VECTOR;
  if (register == REGISTER_SPURIOUS) return SPURIOUS_BITS;
  return register == REGISTER_DIVIDE ? DIVIDE_BITS : 0;
}
