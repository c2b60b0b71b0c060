// Task switches, which virtualisation leaves to software (SDM 3A 8.3, 3C 26.4.2): from one TSS in guest memory to another.

// The CPU has checked the gate's and the descriptor's privileges before it asked. Everything that is in memory is checked
// again here, for other vCPUs may have written it since.

import {
  NO_EXCEPTION,
  TASK_BY_CALL,
  TASK_BY_INTERRUPT,
  TASK_BY_IRET,
  TASK_ERROR_CODE_SHIFT,
  TASK_HAS_ERROR_CODE,
  TASK_IS_EXTERNAL,
  TASK_SELECTOR_MASK,
  TASK_SOURCE_MASK,
  TASK_SOURCE_SHIFT,
} from "../../shared/task-switch";
import { ANSWER_FAULT, ANSWER_LOAD_STATE, ANSWER_NOT_HANDLED, NO_ERROR_CODE } from "../../shared/vcpu-page";
import { CR0_PE, CR0_PG, CR0_TS, CR4_PAE, RFLAGS_ALWAYS_ONE, RFLAGS_NT, RFLAGS_VM } from "../../x86/control-registers";
import {
  VECTOR_DEBUG,
  VECTOR_GENERAL_PROTECTION,
  VECTOR_INVALID_TSS,
  VECTOR_PAGE_FAULT,
  VECTOR_SEGMENT_NOT_PRESENT,
} from "../../x86/exceptions";
import { EFER_LMA } from "../../x86/msr";
import { PAGE_ADDRESS_MASK, PAGE_PRESENT } from "../../x86/paging";
import {
  ACCESS_RIGHTS_32_BIT,
  ACCESS_RIGHTS_CODE_OR_DATA,
  ACCESS_RIGHTS_PRESENT,
  ACCESS_RIGHTS_TYPE_MASK,
  SEGMENT_CS,
  SEGMENT_LDTR,
  SEGMENT_SS,
  SEGMENT_TR,
  SEGMENT_TYPE_BUSY_16_BIT_TSS,
  SEGMENT_TYPE_BUSY_TSS,
} from "../../x86/segments";
import { LinearMemory, NO_FAULT } from "../decode/linear-memory";
import {
  baseOfDescriptor,
  Descriptors,
  limitOfDescriptor,
  rightsOfDescriptor,
  SELECTOR_IN_LDT,
  SELECTOR_RPL,
} from "./descriptors";
import { GENERAL_REGISTERS, taskState16Bit, taskState32Bit, TaskStateFormat } from "./task-state";
import { VcpuViews } from "./vcpu-views";

/** Of a TSS descriptor's type: 286's and 386's differ in bit 3, busy ones from available ones in bit 1. */
const TYPE_BUSY: u32 = 2;
const TYPE_AVAILABLE_16_BIT: u32 = SEGMENT_TYPE_BUSY_16_BIT_TSS & ~TYPE_BUSY;
const TYPE_AVAILABLE_32_BIT: u32 = SEGMENT_TYPE_BUSY_TSS & ~TYPE_BUSY;
/** The type's busy bit in the descriptor's upper half. */
const UPPER_BUSY: u64 = 1 << 9;
const UPPER_HALF: u64 = 4;
const EXTERNAL_EVENT: u32 = 1;
/** The flags that EFLAGS has; the others read as 0. */
const EFLAGS_MASK: u64 = 0x3f7fd7;
const MASK_32_BIT: u64 = 0xffffffff;
/** What the upper halves of registers hold after a 16-bit TSS was loaded (not architectural; as in Bochs). */
const UPPER_REGISTER: u64 = 0xffff0000;
const SEGMENTS: u32 = 6;
const PDPTES: u64 = 4;
/** Bits 2:1 and 8:5 of a PDPTE of PAE paging (SDM 3A table 4-8), with which those from MAXPHYADDR up are reserved. */
const PDPTE_RESERVED: u64 = 0x1e6;
const STACK_POINTER: u32 = 4;

/** Switches tasks for one vCPU. */
export class TaskSwitch {
  /** Why ANSWER_NOT_HANDLED was answered: a sentence for the console. */
  failure: string = "";

  private readonly descriptors: Descriptors;
  private readonly format16Bit: TaskStateFormat;
  private readonly format32Bit: TaskStateFormat;
  private newFormat: TaskStateFormat;
  private newDescriptor: u64 = 0;
  private newDescriptorAddress: u64 = 0;
  // The new task, as read from its TSS before anything is written.
  private readonly registers: StaticArray<u64> = new StaticArray<u64>(<i32>GENERAL_REGISTERS);
  private readonly selectors: StaticArray<u32> = new StaticArray<u32>(<i32>SEGMENTS);
  private readonly pdptes: StaticArray<u64> = new StaticArray<u64>(<i32>PDPTES);
  private ldtr: u32 = 0;
  private instructionPointer: u64 = 0;
  private flags: u64 = 0;
  private cr3: u64 = 0;
  private hasDebugTrap: bool = false;

  constructor(
    private readonly vcpu: VcpuViews,
    private readonly memory: LinearMemory,
  ) {
    this.descriptors = new Descriptors(vcpu, memory);
    this.format16Bit = taskState16Bit();
    const format32Bit = taskState32Bit();
    this.format32Bit = format32Bit;
    this.newFormat = format32Bit;
  }

  /**
   * Answers EXIT_TASK_SWITCH: ANSWER_LOAD_STATE (and see NO_EXCEPTION), ANSWER_FAULT with nothing changed, in the old task,
   * or ANSWER_NOT_HANDLED and `failure`.
   */
  exit(): u32 {
    const page = this.vcpu.page;
    const cpu = this.vcpu.cpu;
    if ((cpu.cr0 & CR0_PE) == 0 || (cpu.efer & EFER_LMA) != 0) {
      this.failure = "found a task switch in real-address or IA-32e mode, expected one in protected mode";
      return ANSWER_NOT_HANDLED;
    }
    const source = (page.access >> TASK_SOURCE_SHIFT) & TASK_SOURCE_MASK;
    const selector = <u32>(page.access & TASK_SELECTOR_MASK);
    const status = this.prepare(source, selector);
    if (status != NO_FAULT) return this.fault(status);
    const exception = this.enter(source, selector);
    if (exception == NO_FAULT) page.faultVector = this.hasDebugTrap ? VECTOR_DEBUG : NO_EXCEPTION;
    else this.fault(exception);
    if (page.faultVector == VECTOR_DEBUG) page.faultErrorCode = NO_ERROR_CODE;
    return ANSWER_LOAD_STATE;
  }

  /** All that can fault in the old task: reads the new one, and checks that both TSSs and their descriptors can be written. */
  private prepare(source: u64, selector: u32): u32 {
    const descriptors = this.descriptors;
    const refusal = source == TASK_BY_IRET ? VECTOR_INVALID_TSS : VECTOR_GENERAL_PROTECTION;
    if ((selector & SELECTOR_IN_LDT) != 0 || (selector & ~SELECTOR_RPL) == 0) return this.refuse(refusal, selector);
    let status = descriptors.read(selector, refusal);
    if (status != NO_FAULT) return status;
    this.newDescriptor = descriptors.descriptor;
    this.newDescriptorAddress = descriptors.address;
    const rights = rightsOfDescriptor(this.newDescriptor);
    const busy: u32 = source == TASK_BY_IRET ? TYPE_BUSY : 0;
    const type = rights & (ACCESS_RIGHTS_TYPE_MASK | ACCESS_RIGHTS_CODE_OR_DATA);
    const is32Bit = type == (TYPE_AVAILABLE_32_BIT | busy);
    if (!is32Bit && type != (TYPE_AVAILABLE_16_BIT | busy)) return this.refuse(refusal, selector);
    if ((rights & ACCESS_RIGHTS_PRESENT) == 0) return this.refuse(VECTOR_SEGMENT_NOT_PRESENT, selector);
    this.newFormat = is32Bit ? this.format32Bit : this.format16Bit;
    if (limitOfDescriptor(this.newDescriptor) < this.newFormat.leastLimit)
      return this.refuse(VECTOR_INVALID_TSS, selector);

    const old = this.vcpu.segments[SEGMENT_TR];
    const oldFormat = this.oldFormat();
    if (old.limit < oldFormat.ldtr - 1) return this.refuse(VECTOR_INVALID_TSS, old.selector);
    status = this.checkWritable(old.base + oldFormat.instructionPointer, old.base + oldFormat.ldtr - 1);
    if (status == NO_FAULT && isNesting(source)) status = this.checkWritable(this.newBase(), this.newBase() + 1);
    if (status == NO_FAULT) status = this.checkWritable(this.newDescriptorAddress, this.newDescriptorAddress + 7);
    if (status == NO_FAULT && !isNesting(source)) {
      status = descriptors.read(old.selector, VECTOR_INVALID_TSS);
      if (status == NO_FAULT) status = this.checkWritable(descriptors.address, descriptors.address + 7);
    }
    if (status == NO_FAULT) status = this.readNewTask();
    return status;
  }

  private oldFormat(): TaskStateFormat {
    const type = this.vcpu.segments[SEGMENT_TR].accessRights & ACCESS_RIGHTS_TYPE_MASK;
    return type == SEGMENT_TYPE_BUSY_16_BIT_TSS ? this.format16Bit : this.format32Bit;
  }

  private newBase(): u64 {
    return baseOfDescriptor(this.newDescriptor);
  }

  /** Whether all pages of [first, last] can be written; a TSS lies in two at most. */
  private checkWritable(first: u64, last: u64): u32 {
    const status = this.memory.checkImplicitWrite(first & MASK_32_BIT, 1);
    return this.memoryStatus(status == NO_FAULT ? this.memory.checkImplicitWrite(last & MASK_32_BIT, 1) : status);
  }

  private readNewTask(): u32 {
    const format = this.newFormat;
    const is32Bit = format.width == 4;
    let status = this.readField(format.instructionPointer);
    this.instructionPointer = this.memory.value;
    if (status == NO_FAULT) status = this.readField(format.flags);
    this.flags = (this.memory.value & EFLAGS_MASK) | RFLAGS_ALWAYS_ONE;
    for (let i: u32 = 0; i < GENERAL_REGISTERS && status == NO_FAULT; i++) {
      status = this.readField(format.registers + i * format.width);
      this.registers[i] = is32Bit ? this.memory.value : this.memory.value | UPPER_REGISTER;
    }
    for (let i: u32 = 0; i < SEGMENTS && status == NO_FAULT; i++) {
      this.selectors[i] = 0;
      if (i >= format.segmentCount) continue;
      status = this.readField(format.segments + i * format.width);
      this.selectors[i] = <u32>(this.memory.value & 0xffff);
    }
    if (status == NO_FAULT) status = this.readField(format.ldtr);
    this.ldtr = <u32>(this.memory.value & 0xffff);
    this.hasDebugTrap = false;
    this.cr3 = this.vcpu.cpu.cr3;
    if (status != NO_FAULT || !is32Bit) return status;
    status = this.readField(format.debugTrap);
    this.hasDebugTrap = (this.memory.value & 1) != 0;
    if (status != NO_FAULT || (this.vcpu.cpu.cr0 & CR0_PG) == 0) return status;
    status = this.readField(format.cr3);
    this.cr3 = this.memory.value;
    return status == NO_FAULT && (this.vcpu.cpu.cr4 & CR4_PAE) != 0 ? this.readPageDirectoryPointers() : status;
  }

  private readField(offset: u32): u32 {
    return this.memoryStatus(this.memory.readImplicitly((this.newBase() + offset) & MASK_32_BIT, this.newFormat.width));
  }

  /** The PDPTEs of the new CR3 (SDM 3A 4.4.1): reserved bits in one that is present are #GP(0). */
  private readPageDirectoryPointers(): u32 {
    const bits = <u64>this.vcpu.cpu.physicalAddressBits;
    const allowed = (((<u64>1) << bits) - 1) & ~PDPTE_RESERVED;
    for (let i: u64 = 0; i < PDPTES; i++) {
      const pdpte = this.memory.readPhysical((this.cr3 & (PAGE_ADDRESS_MASK | 0xfe0)) + 8 * i, 8);
      if ((pdpte & PAGE_PRESENT) != 0 && (pdpte & ~allowed) != 0) return this.refuse(VECTOR_GENERAL_PROTECTION, 0);
      this.pdptes[<i32>i] = pdpte;
    }
    return NO_FAULT;
  }

  /** Leaves the old task and loads the new one. A fault is one of the new task, which is loaded as far as it can be. */
  private enter(source: u64, selector: u32): u32 {
    const old = this.vcpu.segments[SEGMENT_TR].selector;
    if (!isNesting(source)) this.setBusy(old, false);
    this.saveOldTask(source == TASK_BY_IRET);
    if (isNesting(source)) this.memory.writeImplicitly(this.newBase(), 2, old);
    if (source != TASK_BY_IRET) this.setBusy(selector, true);
    this.loadRegisters(source, selector);
    const status = this.loadSegments();
    return status == NO_FAULT ? this.pushErrorCode() : status;
  }

  /** `prepare` has read the descriptor of `selector` and found that it can be written. */
  private setBusy(selector: u32, isBusy: bool): void {
    if (this.descriptors.read(selector, VECTOR_INVALID_TSS) != NO_FAULT) return;
    const upper = this.descriptors.descriptor >> 32;
    const value = isBusy ? upper | UPPER_BUSY : upper & ~UPPER_BUSY;
    this.memory.writeImplicitly(this.descriptors.address + UPPER_HALF, 4, value);
  }

  private saveOldTask(isReturn: bool): void {
    const vcpu = this.vcpu;
    const cpu = vcpu.cpu;
    const format = this.oldFormat();
    this.saveField(format.instructionPointer, cpu.rip + vcpu.page.instructionLength);
    this.saveField(format.flags, isReturn ? cpu.rflags & ~RFLAGS_NT : cpu.rflags);
    const registers = vcpu.registers;
    const first = format.registers;
    this.saveField(first, registers.rax);
    this.saveField(first + format.width, registers.rcx);
    this.saveField(first + 2 * format.width, registers.rdx);
    this.saveField(first + 3 * format.width, registers.rbx);
    this.saveField(first + 4 * format.width, registers.rsp);
    this.saveField(first + 5 * format.width, registers.rbp);
    this.saveField(first + 6 * format.width, registers.rsi);
    this.saveField(first + 7 * format.width, registers.rdi);
    for (let i: u32 = 0; i < format.segmentCount; i++) {
      // The upper half of such a field is reserved and stays.
      const address = vcpu.segments[SEGMENT_TR].base + format.segments + i * format.width;
      this.memory.writeImplicitly(address & MASK_32_BIT, 2, vcpu.segments[i].selector);
    }
  }

  private saveField(offset: u32, value: u64): void {
    const address = this.vcpu.segments[SEGMENT_TR].base + offset;
    this.memory.writeImplicitly(address & MASK_32_BIT, this.oldFormat().width, value);
  }

  private loadRegisters(source: u64, selector: u32): void {
    const cpu = this.vcpu.cpu;
    const registers = this.vcpu.registers;
    const task = this.vcpu.segments[SEGMENT_TR];
    task.selector = selector;
    task.base = this.newBase();
    task.limit = limitOfDescriptor(this.newDescriptor);
    task.accessRights = rightsOfDescriptor(this.newDescriptor) | TYPE_BUSY;
    cpu.cr0 |= CR0_TS;
    cpu.cr3 = this.cr3;
    if ((cpu.cr0 & CR0_PG) != 0 && (cpu.cr4 & CR4_PAE) != 0 && this.newFormat.width == 4) {
      cpu.pdpte0 = this.pdptes[0];
      cpu.pdpte1 = this.pdptes[1];
      cpu.pdpte2 = this.pdptes[2];
      cpu.pdpte3 = this.pdptes[3];
    }
    cpu.rip = this.instructionPointer;
    cpu.rflags = isNesting(source) ? this.flags | RFLAGS_NT : this.flags;
    registers.rax = this.registers[0];
    registers.rcx = this.registers[1];
    registers.rdx = this.registers[2];
    registers.rbx = this.registers[3];
    registers.rsp = this.registers[STACK_POINTER];
    registers.rbp = this.registers[5];
    registers.rsi = this.registers[6];
    registers.rdi = this.registers[7];
    for (let i: u32 = 0; i < SEGMENTS; i++) this.descriptors.clear(i, this.selectors[i]);
    this.descriptors.clear(SEGMENT_LDTR, this.ldtr);
  }

  private loadSegments(): u32 {
    const descriptors = this.descriptors;
    const cpu = this.vcpu.cpu;
    const isVirtual8086 = (cpu.rflags & RFLAGS_VM) != 0;
    cpu.cpl = isVirtual8086 ? 3 : this.selectors[SEGMENT_CS] & SELECTOR_RPL;
    let status = descriptors.loadLdtr(this.ldtr);
    if (isVirtual8086) {
      for (let i: u32 = 0; i < SEGMENTS; i++) descriptors.loadVirtual8086(i, this.selectors[i]);
      return status;
    }
    if (status == NO_FAULT) status = descriptors.load(SEGMENT_CS, this.selectors[SEGMENT_CS], cpu.cpl);
    if (status == NO_FAULT) status = descriptors.load(SEGMENT_SS, this.selectors[SEGMENT_SS], cpu.cpl);
    for (let i: u32 = 0; i < SEGMENTS && status == NO_FAULT; i++) {
      if (i != SEGMENT_CS && i != SEGMENT_SS) status = descriptors.load(i, this.selectors[i], cpu.cpl);
    }
    if (status != NO_FAULT) return status;
    return cpu.rip > this.vcpu.codeSegment.limit ? this.refuse(VECTOR_GENERAL_PROTECTION, 0) : NO_FAULT;
  }

  /** The error code of the exception that came by a gate, on the new task's stack, as wide as its TSS. */
  private pushErrorCode(): u32 {
    const access = this.vcpu.page.access;
    if ((access & TASK_HAS_ERROR_CODE) == 0) return NO_FAULT;
    const registers = this.vcpu.registers;
    const isBig = (this.vcpu.segments[SEGMENT_SS].accessRights & ACCESS_RIGHTS_32_BIT) != 0;
    const mask: u64 = isBig ? MASK_32_BIT : 0xffff;
    const width = this.newFormat.width;
    const top = (registers.rsp - width) & mask;
    let status = this.memory.toLinear(SEGMENT_SS, top, width, true);
    if (status == NO_FAULT) status = this.memory.write(this.memory.linear, width, access >> TASK_ERROR_CODE_SHIFT);
    if (status == NO_FAULT) registers.rsp = (registers.rsp & ~mask) | top;
    return this.memoryStatus(status);
  }

  private refuse(vector: u32, selector: u32): u32 {
    this.descriptors.faultErrorCode = selector & ~SELECTOR_RPL;
    return vector;
  }

  private memoryStatus(status: u32): u32 {
    if (status != NO_FAULT) this.descriptors.faultErrorCode = this.memory.faultErrorCode;
    return status;
  }

  /** Tells of an exception, to which hardware's interrupts and exceptions add EXT, but for page faults. */
  private fault(vector: u32): u32 {
    const page = this.vcpu.page;
    const isExternal = (page.access & TASK_IS_EXTERNAL) != 0 && vector != VECTOR_PAGE_FAULT;
    page.faultVector = vector;
    page.faultErrorCode = this.descriptors.faultErrorCode | (isExternal ? EXTERNAL_EVENT : 0);
    page.faultAddress = this.memory.faultAddress;
    return ANSWER_FAULT;
  }
}

/** Whether the new task will return to the old one, which therefore stays busy. */
function isNesting(source: u64): bool {
  return source == TASK_BY_CALL || source == TASK_BY_INTERRUPT;
}
