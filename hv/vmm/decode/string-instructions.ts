// Carries out the string instructions, repeated ones in bounded portions: MOVS, STOS, LODS, CMPS, SCAS, INS and OUTS.

import {
  IO_IS_IN,
  IO_IS_SINGLE,
  IO_IS_STRING,
  IO_PORT_MASK,
  IO_PORT_SHIFT,
  IO_SIZE_MASK,
} from "../../shared/port-access";
import { EXIT_STRING_PORT } from "../../shared/vcpu-page";
import { RFLAGS_DF, RFLAGS_TF, RFLAGS_ZF } from "../../x86/control-registers";
import { SEGMENT_ES } from "../../x86/segments";
import { Bus } from "../bus";
import { VcpuViews } from "../cpu/vcpu-views";
import { RegisterFile } from "../memory/register-file";
import { Arithmetic } from "./arithmetic";
import { Instruction } from "./instruction";
import { LinearMemory, NO_FAULT } from "./linear-memory";
import { CANNOT_EXECUTE } from "./memory-instructions";
import {
  OP_CMPS,
  OP_INS,
  OP_LODS,
  OP_MOVS,
  OP_OUTS,
  OP_SCAS,
  OP_STOS,
  RAX,
  RCX,
  RDI,
  RDX,
  REPEAT_EQUAL,
  REPEAT_NONE,
  RSI,
} from "./operations";

/** In place of a vector: no fault, and iterations are left. */
export const GOES_ON: u32 = 0x101;

/** Iterations of one exit: interrupts are taken between such portions. */
const PORTION: u64 = 64;

/** Operands of the operations: (R)SI and (R)DI move on. */
const HAS_SOURCE: u32 = (1 << OP_MOVS) | (1 << OP_LODS) | (1 << OP_CMPS) | (1 << OP_OUTS);
const HAS_DESTINATION: u32 = (1 << OP_MOVS) | (1 << OP_STOS) | (1 << OP_CMPS) | (1 << OP_SCAS) | (1 << OP_INS);
const WRITES_DESTINATION: u32 = (1 << OP_MOVS) | (1 << OP_STOS) | (1 << OP_INS);
const COMPARES: u32 = (1 << OP_CMPS) | (1 << OP_SCAS);
const USES_PORT: u32 = (1 << OP_INS) | (1 << OP_OUTS);

export class StringInstructions {
  /** Linear addresses of the iteration at hand. */
  private source: u64 = 0;
  private destination: u64 = 0;

  constructor(
    private readonly vcpu: VcpuViews,
    private readonly memory: LinearMemory,
    private readonly registers: RegisterFile,
    private readonly arithmetic: Arithmetic,
    private readonly ports: Bus,
  ) {}

  /**
   * Carries out `instruction`: NO_FAULT when it is done, GOES_ON, the vector of a fault that LinearMemory describes, or
   * CANNOT_EXECUTE. With GOES_ON and a fault the registers are those of the next iteration, and the flags are to stay as
   * they were before the first (SDM 2B, "REP").
   */
  execute(instruction: Instruction): u32 {
    const does: u32 = 1 << instruction.operation;
    if ((does & USES_PORT) != 0 && !this.isPermitted(instruction)) return CANNOT_EXECUTE;
    const isRepeated = instruction.repeat != REPEAT_NONE;
    const width = instruction.addressBytes;
    let count: u64 = isRepeated ? this.registers.read(RCX, width) : 1;
    let portion = min(count, this.isSingle(does) ? 1 : PORTION);
    while (portion != 0) {
      let status = this.check(instruction, does);
      if (status == NO_FAULT) status = this.iterate(instruction);
      if (status != NO_FAULT) return status;
      this.advance(instruction, does);
      count--;
      portion--;
      if (!isRepeated) return NO_FAULT;
      this.registers.write(RCX, width, count);
      // What a device has for the vmm to do comes before the next access to it.
      if (this.ports.isWaiting) portion = 0;
      if ((does & COMPARES) != 0) {
        const isEqual = (this.arithmetic.flags & RFLAGS_ZF) != 0;
        if (isEqual != (instruction.repeat == REPEAT_EQUAL)) return NO_FAULT;
      }
    }
    return count == 0 ? NO_FAULT : GOES_ON;
  }

  /** A debug trap comes behind each iteration: of a single step (SDM 3B 17.3.1.4), or of a breakpoint on the port. */
  private isSingle(does: u32): bool {
    if (this.vcpu.cpu.rflags & RFLAGS_TF) return true;
    return (does & USES_PORT) != 0 && (this.vcpu.page.access & IO_IS_SINGLE) != 0;
  }

  /**
   * Whether the access to a port is the one that exited: its permission was checked by the CPU, which leaves out what the
   * guest writes over the instruction afterwards.
   */
  private isPermitted(instruction: Instruction): bool {
    const page = this.vcpu.page;
    const access = page.access;
    return (
      page.exitKind == EXIT_STRING_PORT &&
      (access & IO_IS_STRING) != 0 &&
      ((access & IO_IS_IN) != 0) == (instruction.operation == OP_INS) &&
      (access & IO_SIZE_MASK) + 1 == instruction.operandBytes &&
      ((access >> IO_PORT_SHIFT) & IO_PORT_MASK) == this.port
    );
  }

  private get port(): u64 {
    return this.registers.read(RDX, 2);
  }

  /** Finds the addresses of one iteration, and every fault of it, before anything is read: a device can notice that. */
  private check(instruction: Instruction, does: u32): u32 {
    const memory = this.memory;
    const bytes = instruction.operandBytes;
    const width = instruction.addressBytes;
    let status = NO_FAULT;
    if ((does & HAS_SOURCE) != 0) {
      status = memory.toLinear(instruction.segment, this.registers.read(RSI, width), bytes, false);
      if (status != NO_FAULT) return status;
      this.source = memory.linear;
      status = memory.checkRead(this.source, bytes);
      if (status != NO_FAULT) return status;
    }
    if ((does & HAS_DESTINATION) != 0) {
      const isWrite = (does & WRITES_DESTINATION) != 0;
      // A segment prefix does not count for the destination.
      status = memory.toLinear(SEGMENT_ES, this.registers.read(RDI, width), bytes, isWrite);
      if (status != NO_FAULT) return status;
      this.destination = memory.linear;
      status = isWrite ? memory.checkWrite(this.destination, bytes) : memory.checkRead(this.destination, bytes);
    }
    return status;
  }

  private iterate(instruction: Instruction): u32 {
    const bytes = instruction.operandBytes;
    switch (instruction.operation) {
      case OP_MOVS: {
        const status = this.memory.read(this.source, bytes);
        return status == NO_FAULT ? this.memory.write(this.destination, bytes, this.memory.value) : status;
      }
      case OP_STOS:
        return this.memory.write(this.destination, bytes, this.registers.read(RAX, bytes));
      case OP_LODS: {
        const status = this.memory.read(this.source, bytes);
        if (status == NO_FAULT) this.registers.write(RAX, bytes, this.memory.value);
        return status;
      }
      case OP_CMPS: {
        const status = this.memory.read(this.source, bytes);
        return status == NO_FAULT ? this.compare(this.memory.value, bytes) : status;
      }
      case OP_SCAS:
        return this.compare(this.registers.read(RAX, bytes), bytes);
      case OP_INS:
        return this.memory.write(this.destination, bytes, this.ports.read(this.port, bytes));
      default: {
        // OP_OUTS
        const status = this.memory.read(this.source, bytes);
        if (status == NO_FAULT) this.ports.write(this.port, bytes, this.memory.value);
        return status;
      }
    }
  }

  /** Subtracts the destination from `first`, for the flags alone. */
  private compare(first: u64, bytes: u32): u32 {
    const status = this.memory.read(this.destination, bytes);
    if (status == NO_FAULT) this.arithmetic.subtract(first, this.memory.value, 0, bytes);
    return status;
  }

  private advance(instruction: Instruction, does: u32): void {
    const width = instruction.addressBytes;
    const isDown = (this.vcpu.cpu.rflags & RFLAGS_DF) != 0;
    const step = isDown ? -(<i64>instruction.operandBytes) : <i64>instruction.operandBytes;
    if ((does & HAS_SOURCE) != 0) this.registers.write(RSI, width, this.registers.read(RSI, width) + <u64>step);
    if ((does & HAS_DESTINATION) != 0) this.registers.write(RDI, width, this.registers.read(RDI, width) + <u64>step);
  }
}
