// One decoded instruction. Made once and filled in again and again: the exit path allocates nothing.

import { NO_REGISTER } from "./operations";

export class Instruction {
  /** In bytes, prefixes included. */
  length: u32 = 0;
  /** One of OP_*. */
  operation: u32 = 0;
  /** One of FORM_*. */
  form: u32 = 0;
  /** The size of the operation and of its register, in bytes: 1, 2, 4 or 8. */
  operandBytes: u32 = 0;
  /** The size of RM: other than `operandBytes` with MOVZX, MOVSX and a segment register's MOV only. */
  memoryBytes: u32 = 0;
  /** 2, 4 or 8: addresses, and the counts of string instructions, wrap to so many bytes. */
  addressBytes: u32 = 0;
  /** The memory operand's segment, of an override or by default: hv/x86/segments.ts's SEGMENT_*. A string destination's is always ES. */
  segment: u32 = 0;
  /** REPEAT_*; what is no string instruction ignores it. */
  repeat: u32 = 0;
  isLocked: bool = false;
  /** With REX, byte registers 4 to 7 are SPL to DIL, without it AH to BH. */
  hasRex: bool = false;

  /** RM is in memory: base + (index << scaleShift) + displacement. */
  isMemory: bool = false;
  base: u32 = NO_REGISTER;
  index: u32 = NO_REGISTER;
  scaleShift: u32 = 0;
  /** Sign-extended; of FORM_*_MEMORY the whole address. */
  displacement: i64 = 0;
  /** The address of the next instruction is added. */
  isRipRelative: bool = false;

  /** The operand that is a register, or a segment register, by its number. */
  register: u32 = 0;
  /** RM's number where it is a register. */
  rm: u32 = 0;
  /** Sign-extended to 64 bits. */
  immediate: i64 = 0;
}
