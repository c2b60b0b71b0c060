// The local APIC of the VM's one processor (SDM 3A chapter 11, edition of 2023), as xAPIC and as x2APIC.

import { APIC_SOFTWARE_ENABLE, DELIVERY_MODE_NMI, X2APIC_DESTINATION_SHIFT } from "../../../x86/apic";
import { IA32_APIC_BASE, IA32_TSC_DEADLINE, X2APIC_MSR_FIRST } from "../../../x86/msr";
import { EoiListener, ExternalInterrupts, MessageSink, ProcessorPins } from "../../interrupts";
import { StateTable } from "../../state";
import { Alarms, Clock } from "../../time";
import { GuestTsc } from "../guest-tsc";
import { APIC_BASE_AT_RESET, isLegalApicBase, MODE_BITS, MODE_DISABLED, MODE_X2APIC } from "./apic-base";
import { ApicMode, SPURIOUS_AT_RESET, SPURIOUS_BITS } from "./apic-mode";
import { X2APIC_LOGICAL_ID } from "./destination";
import { COMMAND_BITS, InterruptMessages } from "./interrupt-messages";
import { Lint0 } from "./lint0";
import {
  DELIVERY_MODE_EXTINT,
  DELIVERY_MODE_FIXED,
  ERROR_ILLEGAL_REGISTER,
  LocalInterrupts,
  LVT_BITS,
  LVT_ENTRIES,
  LVT_LINT0,
  LVT_LINT1,
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
/** ICR's high half in xAPIC mode. */
const DESTINATION_BITS: u32 = 0xff000000;
const DIVIDE_BITS: u32 = 0xb;

export class LocalApic extends MessageSink {
  /** What `readMsr` has read. */
  value: u64 = 0;
  private readonly mode: ApicMode;
  private eoiListener: EoiListener | null = null;
  private readonly pending: PendingInterrupts;
  private readonly local: LocalInterrupts;
  private readonly timer: ApicTimer;
  private readonly lint0: Lint0;
  private readonly messages: InterruptMessages;

  constructor(clock: Clock, alarms: Alarms, tsc: GuestTsc, pins: ProcessorPins) {
    super();
    const mode = new ApicMode();
    const pending = new PendingInterrupts(pins);
    const local = new LocalInterrupts(pending, pins);
    this.mode = mode;
    this.pending = pending;
    this.local = local;
    this.timer = new ApicTimer(clock, alarms, tsc, local);
    this.lint0 = new Lint0(mode, pending, local);
    this.messages = new InterruptMessages(mode, local);
  }

  /** Wires LINT0 to the 8259s and tells who hears of level-triggered interrupts' ends. While the machine is put together only. */
  connect(external: ExternalInterrupts, eoiListener: EoiListener): void {
    this.pending.external = external;
    this.eoiListener = eoiListener;
    this.onExternalChange();
  }

  /** The state after power-up (SDM 3A 11.4.7.1). */
  reset(): void {
    this.mode.base = APIC_BASE_AT_RESET;
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
    else if (msr == IA32_APIC_BASE) this.value = this.mode.base;
    else return this.readX2Apic(msr - X2APIC_MSR_FIRST);
    return true;
  }

  /** WRMSR of the MSRs of `readMsr`; false for #GP, and then nothing has changed. */
  writeMsr(msr: u32, value: u64): bool {
    if (msr == X2APIC_EOI && this.mode.isX2Apic && value == 0) this.endOfInterrupt();
    else if (msr == IA32_TSC_DEADLINE) this.timer.tscDeadline = value;
    else if (msr == IA32_APIC_BASE) return this.writeBase(value);
    else return this.writeX2Apic(msr - X2APIC_MSR_FIRST, value);
    return true;
  }

  /** The registers' page is there: in xAPIC mode. */
  get hasPage(): bool {
    return this.mode.isXApic;
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
    if (register == REGISTER_COMMAND_HIGH) this.messages.destination = value & DESTINATION_BITS;
    else if (register == REGISTER_COMMAND) this.messages.writeCommand(value);
    else this.writeRegister(register, value);
  }

  /** CR8: bits 7:4 of TPR (SDM 3A 11.8.6), 0 to 15. */
  get taskPriority(): u32 {
    return this.pending.taskPriority >> 4;
  }

  set taskPriority(priority: u32) {
    this.pending.taskPriority = (priority & 0xf) << 4;
  }

  send(address: u64, data: u32): void {
    this.messages.send(address, data);
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
    this.lint0.look();
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
    return this.pending.isOffering || this.timer.isArmed || this.mode.isSoftwareEnabled || this.mode.isDisabled;
  }

  visit(table: StateTable): void {
    this.timer.settle();
    table.begin(STATE_TAG, STATE_VERSION);
    this.mode.visit(table);
    this.messages.visit(table);
    this.lint0.visit(table);
    this.local.visit(table);
    this.pending.visit(table);
    this.timer.visit(table);
    this.onExternalChange();
  }

  private writeBase(value: u64): bool {
    const current = this.mode.base & MODE_BITS;
    if (!isLegalApicBase(current, value)) return false;
    this.mode.base = value;
    const next = value & MODE_BITS;
    if (next == current) return true;
    if (next == MODE_DISABLED) this.resetRegisters();
    // The rest of the state is kept between the modes (SDM 3A 11.12.5.1).
    if (next == MODE_X2APIC) this.messages.destination = 0;
    this.onExternalChange();
    return true;
  }

  private resetRegisters(): void {
    this.mode.spurious = SPURIOUS_AT_RESET;
    this.messages.reset();
    this.local.reset();
    this.timer.reset();
    this.pending.reset();
    this.onExternalChange();
  }

  private readX2Apic(register: u32): bool {
    if (!this.mode.isX2Apic || (accessOf(register) & X2APIC_READ) == 0) return false;
    if (register == REGISTER_LOGICAL_DESTINATION) this.value = X2APIC_LOGICAL_ID;
    else this.value = this.readRegister(register);
    if (register == REGISTER_COMMAND) this.value |= (<u64>this.messages.destination) << X2APIC_DESTINATION_SHIFT;
    return true;
  }

  private writeX2Apic(register: u32, value: u64): bool {
    if (!this.mode.isX2Apic || (accessOf(register) & X2APIC_WRITE) == 0) return false;
    if (register == REGISTER_COMMAND) return this.writeWideCommand(value);
    if ((value & ~(<u64>bitsOf(register))) != 0) return false;
    if (register == REGISTER_SELF_IPI) this.messages.sendToSelf(DELIVERY_MODE_FIXED, <u32>value);
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
        return this.messages.logicalDestination;
      case REGISTER_DESTINATION_FORMAT:
        return this.messages.destinationFormat;
      case REGISTER_SPURIOUS:
        return this.mode.spurious;
      case REGISTER_ERROR_STATUS:
        return this.local.errorStatus;
      case REGISTER_COMMAND:
        return this.messages.command;
      case REGISTER_COMMAND_HIGH:
        return this.messages.destination;
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
        this.messages.logicalDestination = value;
        return;
      case REGISTER_DESTINATION_FORMAT:
        this.messages.destinationFormat = value;
    }
  }

  /** `entry` is an LVT_*. */
  private writeLvt(entry: u32, value: u32): void {
    if (entry == LVT_TIMER) this.timer.configure(value, this.mode.isSoftwareEnabled);
    else this.local.write(entry, value, this.mode.isSoftwareEnabled);
    if (entry == LVT_LINT0) this.onExternalChange();
  }

  private writeSpurious(value: u32): void {
    this.timer.settle();
    this.mode.spurious = value & SPURIOUS_BITS;
    if (this.mode.isSoftwareEnabled) return;
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
    this.lint0.endLevel(vector);
    const listener = this.eoiListener;
    if (listener) listener.endOfInterrupt(vector);
  }

  private writeWideCommand(value: u64): bool {
    if (((<u32>value) & ~COMMAND_BITS) != 0) return false;
    this.messages.destination = <u32>(value >> X2APIC_DESTINATION_SHIFT);
    this.messages.writeCommand(<u32>value);
    return true;
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
