// What the arithmetic instructions compute, and what they do to the flags (SDM 1 3.4.3.1 and appendix A).

import { RFLAGS_AF, RFLAGS_CF, RFLAGS_OF, RFLAGS_PF, RFLAGS_SF, RFLAGS_ZF } from "../../x86/control-registers";
import { OP_ADC, OP_ADD, OP_AND, OP_BTC, OP_BTR, OP_BTS, OP_OR, OP_SBB, OP_XOR } from "./operations";

/** The flags that these instructions change. */
export const ARITHMETIC_FLAGS: u64 = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;
const ALL_ONES: u64 = 0xffffffffffffffff;
/** The parity of a number of 4 bits, at the bit with that number: 1 is odd. */
const ODD_PARITY: u32 = 0x6996;

/** Operands come with the bits beyond their size as 0, and results leave so. */
export class Arithmetic {
  /** RFLAGS, of which only ARITHMETIC_FLAGS are changed. */
  flags: u64 = 0;

  /** OP_ADD to OP_XOR; OP_CMP, which is OP_SUB, and OP_TEST, which is OP_AND, without their result. */
  compute(operation: u32, first: u64, second: u64, bytes: u32): u64 {
    const carry = this.flags & RFLAGS_CF;
    if (operation == OP_ADD) return this.add(first, second, 0, bytes);
    if (operation == OP_ADC) return this.add(first, second, carry, bytes);
    if (operation == OP_SBB) return this.subtract(first, second, carry, bytes);
    if (operation == OP_OR) return this.logical(first | second, bytes);
    if (operation == OP_XOR) return this.logical(first ^ second, bytes);
    if (operation == OP_AND) return this.logical(first & second, bytes);
    return this.subtract(first, second, 0, bytes);
  }

  add(first: u64, second: u64, carry: u64, bytes: u32): u64 {
    const sign = (<u64>1) << (8 * bytes - 1);
    const result = (first + second + carry) & (ALL_ONES >> (64 - 8 * bytes));
    let flags = (first ^ second ^ result) & RFLAGS_AF;
    if ((((first & second) | ((first | second) & ~result)) & sign) != 0) flags |= RFLAGS_CF;
    if (((first ^ result) & (second ^ result) & sign) != 0) flags |= RFLAGS_OF;
    this.conclude(flags, result, sign);
    return result;
  }

  subtract(first: u64, second: u64, borrow: u64, bytes: u32): u64 {
    const sign = (<u64>1) << (8 * bytes - 1);
    const result = (first - second - borrow) & (ALL_ONES >> (64 - 8 * bytes));
    let flags = (first ^ second ^ result) & RFLAGS_AF;
    if ((((~first & second) | ((~first | second) & result)) & sign) != 0) flags |= RFLAGS_CF;
    if (((first ^ second) & (first ^ result) & sign) != 0) flags |= RFLAGS_OF;
    this.conclude(flags, result, sign);
    return result;
  }

  /** AND, OR, XOR, TEST: CF and OF are 0; AF is undefined, and 0 here as on Intel's processors. */
  logical(result: u64, bytes: u32): u64 {
    this.conclude(0, result, (<u64>1) << (8 * bytes - 1));
    return result;
  }

  /** INC by 1, DEC by -1: CF stays. */
  step(value: u64, isIncrement: bool, bytes: u32): u64 {
    const carry = this.flags & RFLAGS_CF;
    const result = isIncrement ? this.add(value, 1, 0, bytes) : this.subtract(value, 1, 0, bytes);
    this.flags = (this.flags & ~RFLAGS_CF) | carry;
    return result;
  }

  /** BT, BTS, BTR, BTC of bit `number`: CF is what the bit was, the other flags stay. */
  bit(operation: u32, value: u64, number: u64): u64 {
    const bit = (<u64>1) << number;
    this.flags = (this.flags & ~RFLAGS_CF) | ((value & bit) != 0 ? RFLAGS_CF : 0);
    if (operation == OP_BTS) return value | bit;
    if (operation == OP_BTR) return value & ~bit;
    return operation == OP_BTC ? value ^ bit : value;
  }

  /** Adds SF, ZF and PF, which all take from the result. */
  private conclude(flags: u64, result: u64, sign: u64): void {
    if ((result & sign) != 0) flags |= RFLAGS_SF;
    if (result == 0) flags |= RFLAGS_ZF;
    if (((ODD_PARITY >> (<u32>((result ^ (result >> 4)) & 15))) & 1) == 0) flags |= RFLAGS_PF;
    this.flags = (this.flags & ~ARITHMETIC_FLAGS) | flags;
  }
}
