// The operands of decoded instructions: registers, immediates and addresses.

import { CpuState } from "../../shared/vcpu-page";
import { RegisterFile } from "../memory/register-file";
import { Instruction } from "./instruction";
import { FORM_RM_IMMEDIATE, FORM_RM_REGISTER, NO_REGISTER, RSP } from "./operations";

const ALL_ONES: u64 = 0xffffffffffffffff;

/** The register operands of one vCPU's instructions. */
export class Operands {
  constructor(
    readonly registers: RegisterFile,
    private readonly cpu: CpuState,
  ) {}

  /** The offset in its segment of the operand in memory, cut to the address size (SDM 1 3.7.5). */
  offset(instruction: Instruction): u64 {
    let offset = <u64>instruction.displacement;
    if (instruction.base != NO_REGISTER) offset += this.registers.read64(instruction.base);
    if (instruction.index != NO_REGISTER) {
      offset += this.registers.read64(instruction.index) << instruction.scaleShift;
    }
    if (instruction.isRipRelative) offset += this.cpu.rip + instruction.length;
    return cut(offset, instruction.addressBytes);
  }

  /** The operand that is a register. */
  register(instruction: Instruction): u64 {
    if (isHighByte(instruction)) return this.registers.readHighByte(instruction.register);
    return this.registers.read(instruction.register, instruction.operandBytes);
  }

  setRegister(instruction: Instruction, value: u64): void {
    if (isHighByte(instruction)) this.registers.writeHighByte(instruction.register, value);
    else this.registers.write(instruction.register, instruction.operandBytes, value);
  }

  /** The source where the destination is RM: a register, an immediate, or 0 where there is none. */
  source(instruction: Instruction): u64 {
    if (instruction.form == FORM_RM_REGISTER) return this.register(instruction);
    if (instruction.form == FORM_RM_IMMEDIATE) return cut(<u64>instruction.immediate, instruction.operandBytes);
    return 0;
  }
}

/** The low `bytes`. */
export function cut(value: u64, bytes: u32): u64 {
  return value & (ALL_ONES >> (64 - 8 * bytes));
}

/** The low `bytes` as a number with a sign. */
export function signExtend(value: u64, bytes: u32): u64 {
  const unused = <u64>(64 - 8 * bytes);
  return <u64>((<i64>(value << unused)) >> (<i64>unused));
}

/** Whether the operand that is a register is AH, CH, DH or BH. */
export function isHighByte(instruction: Instruction): bool {
  return instruction.operandBytes == 1 && !instruction.hasRex && instruction.register >= RSP;
}
