// From bytes to an Instruction: prefixes, opcode, ModRM, SIB, displacement, immediate (SDM 2A chapter 2).

import { SEGMENT_CS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS, SEGMENT_SS } from "../../x86/segments";
import { InstructionBytes } from "../memory/instruction-bytes";
import { Instruction } from "./instruction";
import { INSTRUCTION_BYTES } from "./linear-memory";
import {
  GROUP_ROWS,
  MOVBE_ROWS,
  OPCODE_ROWS,
  ROW_BYTE,
  ROW_ESCAPE,
  ROW_FORM_MASK,
  ROW_FORM_SHIFT,
  ROW_FROM_BYTE,
  ROW_FROM_DOUBLEWORD,
  ROW_FROM_WORD,
  ROW_GROUP,
  ROW_IMMEDIATE,
  ROW_IMMEDIATE_BYTE,
  ROW_LOCKABLE,
  ROW_MEMORY_ONLY,
  ROW_NOT_2_BYTES,
  ROW_NOT_8_BYTES,
  ROW_NOT_IN_64_BIT,
  ROW_NOT_WITH_OPERAND_SIZE,
  ROW_NOT_WITH_REPEAT,
  ROW_OPERATION_MASK,
  ROW_PREFIX,
  ROW_VALID,
} from "./opcode-rows";
import {
  CODE_16_BIT,
  CODE_64_BIT,
  DECODE_LOCK_INVALID,
  DECODE_NEEDS_MORE,
  DECODE_NOT_SUPPORTED,
  DECODE_TOO_LONG,
  DECODED,
  FORM_ACCUMULATOR_MEMORY,
  FORM_RM_SEGMENT,
  FORM_SEGMENT_RM,
  FORM_STRING,
  NO_REGISTER,
  RAX,
  RBP,
  RBX,
  RDI,
  REPEAT_EQUAL,
  REPEAT_NONE,
  REPEAT_NOT_EQUAL,
  RSI,
  RSP,
} from "./operations";

const REX_B: u32 = 1;
const REX_X: u32 = 2;
const REX_R: u32 = 4;
const REX_W: u32 = 8;

/** No segment prefix that counts was there. */
const NO_SEGMENT: u32 = 6;

/** ModRM's rm in 16-bit addressing: base and index (SDM 2A table 2-1). */
const BASES_16: StaticArray<u32> = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX];
const INDEXES_16: StaticArray<u32> = [RSI, RDI, RSI, RDI, NO_REGISTER, NO_REGISTER, NO_REGISTER, NO_REGISTER];

/** ModRM's bits 7:6: RM is a register. */
const MOD_REGISTER: u32 = 3;
/** ModRM's rm: SIB follows; and with mod 0, 32 bits of displacement alone. */
const RM_SIB: u32 = 4;
const RM_DISPLACEMENT: u32 = 5;
/** The same with mod 0 in 16-bit addressing. */
const RM_DISPLACEMENT_16: u32 = 6;

export class Decoder {
  /** OPCODE_ROWS by opcode. */
  private readonly rows: StaticArray<u32> = new StaticArray<u32>(0x200);

  constructor() {
    for (let i = 0; i < OPCODE_ROWS.length; i += 2) this.rows[OPCODE_ROWS[i]] = OPCODE_ROWS[i + 1];
  }

  /**
   * Decodes the instruction that `code` starts with. `mode` is CODE_*. Returns DECODED or DECODE_*; what `into` then
   * holds is complete with DECODED and DECODE_LOCK_INVALID only.
   */
  decode(code: InstructionBytes, mode: u32, into: Instruction): u32 {
    let position: u32 = 1;
    let opcode = code.u8(0);
    let row = this.rows[opcode];
    let rex: u32 = 0;
    let segment = NO_SEGMENT;
    let repeat = REPEAT_NONE;
    let isLocked = false;
    let hasOperandSize = false;
    let addressBytes = mode;

    while (row & ROW_PREFIX) {
      // A REX counts only if it is the last prefix (SDM 2A 2.2.1); so does, of a group of prefixes, the last one.
      rex = 0;
      if ((opcode & 0xf0) == 0x40) {
        if (mode != CODE_64_BIT) return DECODE_NOT_SUPPORTED;
        rex = opcode;
      } else if (opcode == 0x66) hasOperandSize = true;
      else if (opcode == 0x67) addressBytes = mode == 4 ? 2 : 4;
      else if (opcode == 0xf0) isLocked = true;
      else if (opcode == 0xf2) repeat = REPEAT_NOT_EQUAL;
      else if (opcode == 0xf3) repeat = REPEAT_EQUAL;
      else if (opcode == 0x64) segment = SEGMENT_FS;
      else if (opcode == 0x65) segment = SEGMENT_GS;
      // 26, 2E, 36 and 3E have no effect in 64-bit mode (SDM 1 3.3.7.1).
      else if (mode != CODE_64_BIT) segment = (opcode >> 3) & 3;
      if (position >= INSTRUCTION_BYTES) return DECODE_TOO_LONG;
      if (position >= code.count) return DECODE_NEEDS_MORE;
      opcode = code.u8(position++);
      row = this.rows[opcode];
    }
    if (row & ROW_ESCAPE) {
      opcode = code.u8(position++);
      row = this.rows[0x100 | opcode];
      if (opcode == 0x38) {
        opcode = code.u8(position++);
        row = (opcode & 0xfe) == 0xf0 ? MOVBE_ROWS[opcode & 1] : 0;
      }
    }
    if (position > code.count) return this.ended(code);
    const modRm = code.u8(position);
    if (row & ROW_GROUP) {
      if (position >= code.count) return this.ended(code);
      // The group's own bits stand where its number is, and where the form is.
      const group = GROUP_ROWS[((row & ROW_OPERATION_MASK) << 3) | ((modRm >> 3) & 7)];
      row = group == 0 ? 0 : (row & ~ROW_OPERATION_MASK) | group;
    }
    if (!(row & ROW_VALID)) return DECODE_NOT_SUPPORTED;

    // SDM 2A 2.2.1.2 and table 3-4 of SDM 1 3.6.1: REX.W goes before 66.
    let operandBytes: u32 = mode == CODE_16_BIT ? (hasOperandSize ? 4 : 2) : hasOperandSize ? 2 : 4;
    if (rex & REX_W) operandBytes = 8;
    if (row & ROW_BYTE) operandBytes = 1;

    const form = (row >> ROW_FORM_SHIFT) & ROW_FORM_MASK;
    into.operation = row & ROW_OPERATION_MASK;
    into.form = form;
    into.addressBytes = addressBytes;
    into.repeat = repeat;
    into.isLocked = isLocked;
    into.hasRex = rex != 0;
    into.segment = segment == NO_SEGMENT ? SEGMENT_DS : segment;
    into.base = NO_REGISTER;
    into.index = NO_REGISTER;
    into.isRipRelative = false;
    into.scaleShift = 0;
    into.displacement = 0;
    into.rm = 0;
    into.immediate = 0;

    let isMemory = true;
    let memoryBytes = operandBytes;
    const isRare =
      ROW_FROM_BYTE |
      ROW_FROM_WORD |
      ROW_FROM_DOUBLEWORD |
      ROW_NOT_IN_64_BIT |
      ROW_NOT_WITH_REPEAT |
      ROW_NOT_WITH_OPERAND_SIZE |
      ROW_NOT_8_BYTES |
      ROW_NOT_2_BYTES;
    if (row & isRare) {
      const isMissing =
        (row & ROW_NOT_IN_64_BIT && mode == CODE_64_BIT) ||
        (row & ROW_FROM_DOUBLEWORD && mode != CODE_64_BIT) ||
        (row & ROW_NOT_WITH_REPEAT && repeat != REPEAT_NONE) ||
        (row & ROW_NOT_WITH_OPERAND_SIZE && hasOperandSize);
      if (isMissing) return DECODE_NOT_SUPPORTED;
      if (row & ROW_NOT_8_BYTES && operandBytes == 8) operandBytes = 4;
      if (row & ROW_NOT_2_BYTES && operandBytes == 2) operandBytes = 4;
      memoryBytes = operandBytes;
      if (row & ROW_FROM_BYTE) memoryBytes = 1;
      if (row & ROW_FROM_WORD) memoryBytes = 2;
      // MOVSXD with an operand of 16 bits reads 16 bits (SDM 2B, "MOVSX/MOVSXD").
      if (row & ROW_FROM_DOUBLEWORD) memoryBytes = min(operandBytes, 4);
    }
    into.operandBytes = operandBytes;
    into.memoryBytes = memoryBytes;

    if (form < FORM_ACCUMULATOR_MEMORY) {
      position++;
      into.register = ((modRm >> 3) & 7) | ((rex & REX_R) << 1);
      const mod = modRm >> 6;
      if (mod == MOD_REGISTER) {
        isMemory = false;
        into.rm = (modRm & 7) | ((rex & REX_B) << 3);
      } else if (addressBytes == 2) {
        position = this.address16(code, position, modRm, segment, into);
      } else {
        position = this.address(code, position, modRm, rex, segment, into);
        if (mode != CODE_64_BIT) into.isRipRelative = false;
      }
      if (form == FORM_RM_SEGMENT || form == FORM_SEGMENT_RM) {
        if (position > code.count) return this.ended(code);
        const number = (modRm >> 3) & 7;
        into.register = number;
        if (number > SEGMENT_GS || (form == FORM_SEGMENT_RM && number == SEGMENT_CS)) return DECODE_NOT_SUPPORTED;
      }
    } else if (form != FORM_STRING) {
      into.register = RAX;
      position = this.absolute(code, position, addressBytes, into);
    } else {
      into.register = RAX;
    }

    if (row & ROW_IMMEDIATE_BYTE || (row & ROW_IMMEDIATE && operandBytes == 1)) {
      into.immediate = code.i8(position++);
    } else if (row & ROW_IMMEDIATE) {
      into.immediate = operandBytes == 2 ? code.i16(position) : code.i32(position);
      position += operandBytes == 2 ? 2 : 4;
    }

    if (position > code.count) return this.ended(code);
    into.length = position;
    into.isMemory = isMemory;
    if (row & ROW_MEMORY_ONLY && !isMemory) return DECODE_NOT_SUPPORTED;
    if (isLocked && !(row & ROW_LOCKABLE && isMemory)) return DECODE_LOCK_INVALID;
    return DECODED;
  }

  private ended(code: InstructionBytes): u32 {
    return code.count < INSTRUCTION_BYTES ? DECODE_NEEDS_MORE : DECODE_TOO_LONG;
  }

  /**
   * Decodes what follows ModRM in 32-bit and 64-bit addressing (SDM 2A tables 2-2 and 2-3); returns the position behind it.
   * `isRipRelative` is for 64-bit mode; elsewhere there is only the displacement.
   */
  private address(code: InstructionBytes, position: u32, modRm: u32, rex: u32, segment: u32, into: Instruction): u32 {
    const mod = modRm >> 6;
    let base = modRm & 7;
    if (base == RM_SIB) {
      const sib = code.u8(position++);
      const index = ((sib >> 3) & 7) | ((rex & REX_X) << 2);
      // Only REX.X tells R12 from none.
      if (index != RSP) into.index = index;
      into.scaleShift = sib >> 6;
      base = sib & 7;
      if (mod == 0 && base == RM_DISPLACEMENT) base = NO_REGISTER;
    } else if (mod == 0 && base == RM_DISPLACEMENT) {
      base = NO_REGISTER;
      into.isRipRelative = true;
    }
    if (base != NO_REGISTER) {
      base |= (rex & REX_B) << 3;
      into.base = base;
      // RSP and RBP, not R12 and R13 (SDM 1 3.7.4).
      if (segment == NO_SEGMENT && (base == RSP || base == RBP)) into.segment = SEGMENT_SS;
    }
    if (mod == 1) into.displacement = code.i8(position++);
    else if (mod == 2 || base == NO_REGISTER) {
      into.displacement = code.i32(position);
      position += 4;
    }
    return position;
  }

  /** Decodes what follows ModRM in 16-bit addressing; returns the position behind it. */
  private address16(code: InstructionBytes, position: u32, modRm: u32, segment: u32, into: Instruction): u32 {
    const mod = modRm >> 6;
    const rm = modRm & 7;
    if (mod == 0 && rm == RM_DISPLACEMENT_16) {
      into.displacement = code.i16(position);
      return position + 2;
    }
    into.base = BASES_16[rm];
    into.index = INDEXES_16[rm];
    if (segment == NO_SEGMENT && into.base == RBP) into.segment = SEGMENT_SS;
    if (mod == 0) return position;
    if (mod == 1) {
      into.displacement = code.i8(position);
      return position + 1;
    }
    into.displacement = code.i16(position);
    return position + 2;
  }

  /** Decodes an address without ModRM (SDM 2A 2.2.1.4); returns the position behind it. */
  private absolute(code: InstructionBytes, position: u32, addressBytes: u32, into: Instruction): u32 {
    if (addressBytes == 8) into.displacement = code.i64(position);
    else if (addressBytes == 4) into.displacement = code.i32(position) & 0xffffffff;
    else into.displacement = code.i16(position) & 0xffff;
    return position + addressBytes;
  }
}
