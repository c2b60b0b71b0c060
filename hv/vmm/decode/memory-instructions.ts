// Carries out instructions with an operand in memory that ModRM, or an address in the instruction, names.

import { RFLAGS_ZF } from "../../x86/control-registers";
import { SEGMENT_DS, SEGMENT_ES } from "../../x86/segments";
import { VcpuViews } from "../cpu/vcpu-views";
import { Arithmetic } from "./arithmetic";
import { Instruction } from "./instruction";
import { LinearMemory, NO_FAULT } from "./linear-memory";
import { cut, Operands, signExtend } from "./operands";
import {
  FORM_ACCUMULATOR_MEMORY,
  FORM_REGISTER_RM,
  FORM_RM_IMMEDIATE,
  FORM_RM_REGISTER,
  FORM_RM_SEGMENT,
  FORM_SEGMENT_RM,
  OP_ADD,
  OP_AND,
  OP_BT,
  OP_BTC,
  OP_CMP,
  OP_CMPXCHG,
  OP_DEC,
  OP_INC,
  OP_MOV,
  OP_MOVBE,
  OP_MOVSX,
  OP_MOVZX,
  OP_NEG,
  OP_NOT,
  OP_TEST,
  OP_XADD,
  OP_XCHG,
  RAX,
} from "./operations";

/** In place of a vector: this is not carried out here. */
export const CANNOT_EXECUTE: u32 = 0x100;

/**
 * Each method returns NO_FAULT, the vector of a fault that LinearMemory describes, or CANNOT_EXECUTE. Registers, flags and
 * memory change only where it is NO_FAULT.
 */
export class MemoryInstructions {
  constructor(
    private readonly vcpu: VcpuViews,
    private readonly memory: LinearMemory,
    private readonly operands: Operands,
    private readonly arithmetic: Arithmetic,
  ) {}

  /** What is locked is a read and a write like any other: no device is asked by two vCPUs at once. */
  execute(instruction: Instruction): u32 {
    const operation = instruction.operation;
    if (operation == OP_MOV) return this.move(instruction);
    if (instruction.form == FORM_REGISTER_RM) return this.toRegister(instruction);
    if (operation != OP_MOVBE) return this.modify(instruction);
    return this.store(instruction, reverse(this.operands.register(instruction), instruction.operandBytes));
  }

  private move(instruction: Instruction): u32 {
    const form = instruction.form;
    if (form == FORM_RM_IMMEDIATE) return this.store(instruction, <u64>instruction.immediate);
    if (form == FORM_RM_SEGMENT) return this.storeSelector(instruction);
    // Loading a segment register takes its descriptor too.
    if (form == FORM_SEGMENT_RM) return CANNOT_EXECUTE;
    if (form != FORM_REGISTER_RM && form != FORM_ACCUMULATOR_MEMORY) {
      return this.store(instruction, this.operands.register(instruction));
    }
    const status = this.load(instruction);
    if (status == NO_FAULT) this.operands.setRegister(instruction, this.memory.value);
    return status;
  }

  private storeSelector(instruction: Instruction): u32 {
    const segment = instruction.register;
    // CpuState has these outside 64-bit mode only.
    if (this.memory.isIn64BitMode && (segment == SEGMENT_ES || segment == SEGMENT_DS)) return CANNOT_EXECUTE;
    return this.store(instruction, this.vcpu.segments[segment].selector);
  }

  /** Reads RM into `memory.value`. */
  private load(instruction: Instruction): u32 {
    const bytes = instruction.memoryBytes;
    const status = this.memory.toLinear(instruction.segment, this.operands.offset(instruction), bytes, false);
    return status == NO_FAULT ? this.memory.read(this.memory.linear, bytes) : status;
  }

  private store(instruction: Instruction, value: u64): u32 {
    const bytes = instruction.memoryBytes;
    const status = this.memory.toLinear(instruction.segment, this.operands.offset(instruction), bytes, true);
    return status == NO_FAULT ? this.memory.write(this.memory.linear, bytes, value) : status;
  }

  /** Instructions that read RM and write a register. */
  private toRegister(instruction: Instruction): u32 {
    const status = this.load(instruction);
    if (status != NO_FAULT) return status;
    const operation = instruction.operation;
    const bytes = instruction.operandBytes;
    const value = this.memory.value;
    if (operation == OP_MOVZX) this.operands.setRegister(instruction, value);
    else if (operation == OP_MOVSX) this.operands.setRegister(instruction, signExtend(value, instruction.memoryBytes));
    else if (operation == OP_MOVBE) this.operands.setRegister(instruction, reverse(value, bytes));
    else {
      const result = this.arithmetic.compute(operation, this.operands.register(instruction), value, bytes);
      if (operation != OP_CMP) this.operands.setRegister(instruction, result);
    }
    return NO_FAULT;
  }

  /** Instructions that read RM and, but for CMP, TEST and BT, write it. */
  private modify(instruction: Instruction): u32 {
    const memory = this.memory;
    const operation = instruction.operation;
    const bytes = instruction.memoryBytes;
    let source = this.operands.source(instruction);
    let offset = this.operands.offset(instruction);
    if (operation >= OP_BT && operation <= OP_BTC) {
      if (instruction.form == FORM_RM_REGISTER) {
        // The bit can lie outside the operand: which of the operands around it has it (SDM 2A, "BT").
        const operandShift = ctz(8 * bytes);
        const operands = (<i64>signExtend(source, bytes)) >> operandShift;
        offset = cut(offset + <u64>operands * bytes, instruction.addressBytes);
      }
      source &= 8 * bytes - 1;
    }

    const isWrite = operation != OP_CMP && operation != OP_TEST && operation != OP_BT;
    let status = memory.toLinear(instruction.segment, offset, bytes, isWrite);
    if (status != NO_FAULT) return status;
    const linear = memory.linear;
    if (isWrite) {
      // A fault of the write comes before the read, which a device can notice.
      status = memory.checkWrite(linear, bytes);
      if (status != NO_FAULT) return status;
    }
    status = memory.read(linear, bytes);
    if (status != NO_FAULT) return status;
    const old = memory.value;
    const result = this.result(operation, old, source, bytes);
    if (isWrite) {
      status = memory.write(linear, bytes, result);
      if (status != NO_FAULT) return status;
    }
    if (operation == OP_XCHG || operation == OP_XADD) this.operands.setRegister(instruction, old);
    else if (operation == OP_CMPXCHG && (this.arithmetic.flags & RFLAGS_ZF) == 0) {
      this.operands.registers.write(RAX, bytes, old);
    }
    return NO_FAULT;
  }

  /** What becomes of RM, and of the flags. */
  private result(operation: u32, old: u64, source: u64, bytes: u32): u64 {
    const arithmetic = this.arithmetic;
    if (operation <= OP_CMP) return arithmetic.compute(operation, old, source, bytes);
    if (operation <= OP_BTC && operation >= OP_BT) return arithmetic.bit(operation, old, source);
    switch (operation) {
      case OP_TEST:
        return arithmetic.compute(OP_AND, old, source, bytes);
      case OP_INC:
      case OP_DEC:
        return arithmetic.step(old, operation == OP_INC, bytes);
      case OP_NOT:
        return cut(~old, bytes);
      case OP_NEG:
        return arithmetic.subtract(0, old, 0, bytes);
      case OP_XADD:
        return arithmetic.compute(OP_ADD, old, source, bytes);
      case OP_CMPXCHG:
        arithmetic.subtract(this.operands.registers.read(RAX, bytes), old, 0, bytes);
        // Unequal, the old value is written back (SDM 2A, "CMPXCHG").
        return (arithmetic.flags & RFLAGS_ZF) != 0 ? source : old;
      default:
        // OP_XCHG
        return source;
    }
  }
}

/** The low `bytes` in the opposite order. */
function reverse(value: u64, bytes: u32): u64 {
  return bswap<u64>(value) >> (64 - 8 * bytes);
}
