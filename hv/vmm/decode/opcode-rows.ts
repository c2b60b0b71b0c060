// The opcodes that can be decoded, one a row (SDM 2D appendix A, tables ).

import {
  FORM_ACCUMULATOR_MEMORY,
  FORM_MEMORY_ACCUMULATOR,
  FORM_REGISTER_RM,
  FORM_RM,
  FORM_RM_IMMEDIATE,
  FORM_RM_REGISTER,
  FORM_RM_SEGMENT,
  FORM_SEGMENT_RM,
  FORM_STRING,
  OP_ADC,
  OP_ADD,
  OP_AND,
  OP_BT,
  OP_BTC,
  OP_BTR,
  OP_BTS,
  OP_CMP,
  OP_CMPS,
  OP_CMPXCHG,
  OP_DEC,
  OP_INC,
  OP_INS,
  OP_LODS,
  OP_MOV,
  OP_MOVBE,
  OP_MOVS,
  OP_MOVSX,
  OP_MOVZX,
  OP_NEG,
  OP_NOT,
  OP_OR,
  OP_OUTS,
  OP_SBB,
  OP_SCAS,
  OP_STOS,
  OP_SUB,
  OP_TEST,
  OP_XADD,
  OP_XCHG,
  OP_XOR,
} from "./operations";

// A row: the operation, or the number of a group in its place; the form; flags.
export const ROW_OPERATION_MASK: u32 = 0xff;
export const ROW_FORM_SHIFT: u32 = 8;
export const ROW_FORM_MASK: u32 = 0xf;
/** There is such an instruction here; a row of 0 is not supported. */
export const ROW_VALID: u32 = 1 << 12;
/** The operands are bytes. */
export const ROW_BYTE: u32 = 1 << 13;
/** An immediate byte follows, whatever the operand size. */
export const ROW_IMMEDIATE_BYTE: u32 = 1 << 14;
/** An immediate of the operand size follows, of 4 bytes at most. */
export const ROW_IMMEDIATE: u32 = 1 << 15;
/** LOCK may stand before it, if its destination is in memory (SDM 2A, "LOCK"). */
export const ROW_LOCKABLE: u32 = 1 << 16;
/** The rest of the row is that of GROUP_ROWS that ModRM's bits 5:3 choose. */
export const ROW_GROUP: u32 = 1 << 17;
/** A legacy prefix, or what is REX in 64-bit mode. */
export const ROW_PREFIX: u32 = 1 << 18;
/** 0F: the opcode is the next byte. */
export const ROW_ESCAPE: u32 = 1 << 19;
/** RM has one byte, or two, and the register more: MOVZX, MOVSX. */
export const ROW_FROM_BYTE: u32 = 1 << 20;
export const ROW_FROM_WORD: u32 = 1 << 21;
/** Something else, or nothing, in 64-bit mode. */
export const ROW_NOT_IN_64_BIT: u32 = 1 << 22;
/** Something else, or nothing, with F2 or F3. */
export const ROW_NOT_WITH_REPEAT: u32 = 1 << 23;
/** The same with 66. */
export const ROW_NOT_WITH_OPERAND_SIZE: u32 = 1 << 24;
/** The operand size is never 8 bytes: ports are no wider. */
export const ROW_NOT_8_BYTES: u32 = 1 << 25;
/** ModRM names memory, or there is no such instruction: MOVNTI, MOVBE. */
export const ROW_MEMORY_ONLY: u32 = 1 << 26;
/** Sign extension from 4 bytes, in 64-bit mode only: MOVSXD. */
export const ROW_FROM_DOUBLEWORD: u32 = 1 << 27;
/** The operand size is 4 bytes in 16-bit code too: MOVNTI. */
export const ROW_NOT_2_BYTES: u32 = 1 << 28;

const RM_REGISTER: u32 = ROW_VALID | (FORM_RM_REGISTER << ROW_FORM_SHIFT);
const REGISTER_RM: u32 = ROW_VALID | (FORM_REGISTER_RM << ROW_FORM_SHIFT);
const RM_IMMEDIATE: u32 = ROW_VALID | (FORM_RM_IMMEDIATE << ROW_FORM_SHIFT);
const RM: u32 = ROW_VALID | (FORM_RM << ROW_FORM_SHIFT);
const RM_SEGMENT: u32 = ROW_VALID | (FORM_RM_SEGMENT << ROW_FORM_SHIFT);
const SEGMENT_RM: u32 = ROW_VALID | (FORM_SEGMENT_RM << ROW_FORM_SHIFT);
const ACCUMULATOR_MEMORY: u32 = ROW_VALID | (FORM_ACCUMULATOR_MEMORY << ROW_FORM_SHIFT);
const MEMORY_ACCUMULATOR: u32 = ROW_VALID | (FORM_MEMORY_ACCUMULATOR << ROW_FORM_SHIFT);
const STRING: u32 = ROW_VALID | (FORM_STRING << ROW_FORM_SHIFT);
const BYTE: u32 = ROW_BYTE;
const LOCKABLE: u32 = ROW_LOCKABLE;
const GROUP: u32 = ROW_VALID | ROW_GROUP;

// The places of the groups in GROUP_ROWS, eight rows each.
const GROUP_1: u32 = 0;
const GROUP_3: u32 = 1;
const GROUP_4_AND_5: u32 = 2;
const GROUP_8: u32 = 3;
const GROUP_11: u32 = 4;

/** Pairs of an opcode and its row: 00 to FF have one byte, 100 to 1FF stand for 0F 00 to 0F FF. */
// prettier-ignore
export const OPCODE_ROWS: StaticArray<u32> = [
  0x00, OP_ADD | RM_REGISTER | BYTE | LOCKABLE,
  0x01, OP_ADD | RM_REGISTER | LOCKABLE,
  0x02, OP_ADD | REGISTER_RM | BYTE,
  0x03, OP_ADD | REGISTER_RM,
  0x08, OP_OR | RM_REGISTER | BYTE | LOCKABLE,
  0x09, OP_OR | RM_REGISTER | LOCKABLE,
  0x0a, OP_OR | REGISTER_RM | BYTE,
  0x0b, OP_OR | REGISTER_RM,
  0x0f, ROW_VALID | ROW_ESCAPE,
  0x10, OP_ADC | RM_REGISTER | BYTE | LOCKABLE,
  0x11, OP_ADC | RM_REGISTER | LOCKABLE,
  0x12, OP_ADC | REGISTER_RM | BYTE,
  0x13, OP_ADC | REGISTER_RM,
  0x18, OP_SBB | RM_REGISTER | BYTE | LOCKABLE,
  0x19, OP_SBB | RM_REGISTER | LOCKABLE,
  0x1a, OP_SBB | REGISTER_RM | BYTE,
  0x1b, OP_SBB | REGISTER_RM,
  0x20, OP_AND | RM_REGISTER | BYTE | LOCKABLE,
  0x21, OP_AND | RM_REGISTER | LOCKABLE,
  0x22, OP_AND | REGISTER_RM | BYTE,
  0x23, OP_AND | REGISTER_RM,
  0x26, ROW_PREFIX,
  0x28, OP_SUB | RM_REGISTER | BYTE | LOCKABLE,
  0x29, OP_SUB | RM_REGISTER | LOCKABLE,
  0x2a, OP_SUB | REGISTER_RM | BYTE,
  0x2b, OP_SUB | REGISTER_RM,
  0x2e, ROW_PREFIX,
  0x30, OP_XOR | RM_REGISTER | BYTE | LOCKABLE,
  0x31, OP_XOR | RM_REGISTER | LOCKABLE,
  0x32, OP_XOR | REGISTER_RM | BYTE,
  0x33, OP_XOR | REGISTER_RM,
  0x36, ROW_PREFIX,
  0x38, OP_CMP | RM_REGISTER | BYTE,
  0x39, OP_CMP | RM_REGISTER,
  0x3a, OP_CMP | REGISTER_RM | BYTE,
  0x3b, OP_CMP | REGISTER_RM,
  0x3e, ROW_PREFIX,
  0x40, ROW_PREFIX,
  0x41, ROW_PREFIX,
  0x42, ROW_PREFIX,
  0x43, ROW_PREFIX,
  0x44, ROW_PREFIX,
  0x45, ROW_PREFIX,
  0x46, ROW_PREFIX,
  0x47, ROW_PREFIX,
  0x48, ROW_PREFIX,
  0x49, ROW_PREFIX,
  0x4a, ROW_PREFIX,
  0x4b, ROW_PREFIX,
  0x4c, ROW_PREFIX,
  0x4d, ROW_PREFIX,
  0x4e, ROW_PREFIX,
  0x4f, ROW_PREFIX,
  0x63, OP_MOVSX | REGISTER_RM | ROW_FROM_DOUBLEWORD,
  0x64, ROW_PREFIX,
  0x65, ROW_PREFIX,
  0x66, ROW_PREFIX,
  0x67, ROW_PREFIX,
  0x6c, OP_INS | STRING | BYTE,
  0x6d, OP_INS | STRING | ROW_NOT_8_BYTES,
  0x6e, OP_OUTS | STRING | BYTE,
  0x6f, OP_OUTS | STRING | ROW_NOT_8_BYTES,
  0x80, GROUP_1 | GROUP | BYTE | ROW_IMMEDIATE,
  0x81, GROUP_1 | GROUP | ROW_IMMEDIATE,
  0x82, GROUP_1 | GROUP | BYTE | ROW_IMMEDIATE | ROW_NOT_IN_64_BIT,
  0x83, GROUP_1 | GROUP | ROW_IMMEDIATE_BYTE,
  0x84, OP_TEST | RM_REGISTER | BYTE,
  0x85, OP_TEST | RM_REGISTER,
  0x86, OP_XCHG | RM_REGISTER | BYTE | LOCKABLE,
  0x87, OP_XCHG | RM_REGISTER | LOCKABLE,
  0x88, OP_MOV | RM_REGISTER | BYTE,
  0x89, OP_MOV | RM_REGISTER,
  0x8a, OP_MOV | REGISTER_RM | BYTE,
  0x8b, OP_MOV | REGISTER_RM,
  0x8c, OP_MOV | RM_SEGMENT | ROW_FROM_WORD,
  0x8e, OP_MOV | SEGMENT_RM | ROW_FROM_WORD,
  0xa0, OP_MOV | ACCUMULATOR_MEMORY | BYTE,
  0xa1, OP_MOV | ACCUMULATOR_MEMORY,
  0xa2, OP_MOV | MEMORY_ACCUMULATOR | BYTE,
  0xa3, OP_MOV | MEMORY_ACCUMULATOR,
  0xa4, OP_MOVS | STRING | BYTE,
  0xa5, OP_MOVS | STRING,
  0xa6, OP_CMPS | STRING | BYTE,
  0xa7, OP_CMPS | STRING,
  0xaa, OP_STOS | STRING | BYTE,
  0xab, OP_STOS | STRING,
  0xac, OP_LODS | STRING | BYTE,
  0xad, OP_LODS | STRING,
  0xae, OP_SCAS | STRING | BYTE,
  0xaf, OP_SCAS | STRING,
  0xc6, GROUP_11 | GROUP | BYTE | ROW_IMMEDIATE,
  0xc7, GROUP_11 | GROUP | ROW_IMMEDIATE,
  0xf0, ROW_PREFIX,
  0xf2, ROW_PREFIX,
  0xf3, ROW_PREFIX,
  0xf6, GROUP_3 | GROUP | BYTE,
  0xf7, GROUP_3 | GROUP,
  0xfe, GROUP_4_AND_5 | GROUP | BYTE,
  0xff, GROUP_4_AND_5 | GROUP,
  0x1a3, OP_BT | RM_REGISTER,
  0x1ab, OP_BTS | RM_REGISTER | LOCKABLE,
  0x1b0, OP_CMPXCHG | RM_REGISTER | BYTE | LOCKABLE,
  0x1b1, OP_CMPXCHG | RM_REGISTER | LOCKABLE,
  0x1b3, OP_BTR | RM_REGISTER | LOCKABLE,
  0x1b6, OP_MOVZX | REGISTER_RM | ROW_FROM_BYTE,
  0x1b7, OP_MOVZX | REGISTER_RM | ROW_FROM_WORD,
  0x1ba, GROUP_8 | GROUP | ROW_IMMEDIATE_BYTE,
  0x1bb, OP_BTC | RM_REGISTER | LOCKABLE,
  0x1be, OP_MOVSX | REGISTER_RM | ROW_FROM_BYTE,
  0x1bf, OP_MOVSX | REGISTER_RM | ROW_FROM_WORD,
  0x1c0, OP_XADD | RM_REGISTER | BYTE | LOCKABLE,
  0x1c1, OP_XADD | RM_REGISTER | LOCKABLE,
  0x1c3, /* MOVNTI */ OP_MOV | RM_REGISTER | ROW_MEMORY_ONLY | ROW_NOT_2_BYTES | ROW_NOT_WITH_REPEAT | ROW_NOT_WITH_OPERAND_SIZE,
];

/** 0F 38 F0 and F1: MOVBE. */
export const MOVBE_ROWS: StaticArray<u32> = [
  OP_MOVBE | REGISTER_RM | ROW_MEMORY_ONLY | ROW_NOT_WITH_REPEAT,
  OP_MOVBE | RM_REGISTER | ROW_MEMORY_ONLY | ROW_NOT_WITH_REPEAT,
];

/** Eight rows a group, by ModRM's bits 5:3. */
export const GROUP_ROWS: StaticArray<u32> = [
  // Group 1
  OP_ADD | RM_IMMEDIATE | LOCKABLE,
  OP_OR | RM_IMMEDIATE | LOCKABLE,
  OP_ADC | RM_IMMEDIATE | LOCKABLE,
  OP_SBB | RM_IMMEDIATE | LOCKABLE,
  OP_AND | RM_IMMEDIATE | LOCKABLE,
  OP_SUB | RM_IMMEDIATE | LOCKABLE,
  OP_XOR | RM_IMMEDIATE | LOCKABLE,
  OP_CMP | RM_IMMEDIATE,
  // Group 3; /1 is not in the SDM, but every processor takes it as /0 (AMD's manual, volume 3 appendix A, lists it)
  OP_TEST | RM_IMMEDIATE | ROW_IMMEDIATE,
  OP_TEST | RM_IMMEDIATE | ROW_IMMEDIATE,
  OP_NOT | RM | LOCKABLE,
  OP_NEG | RM | LOCKABLE,
  0,
  0,
  0,
  0,
  // Groups 4 and 5
  OP_INC | RM | LOCKABLE,
  OP_DEC | RM | LOCKABLE,
  0,
  0,
  0,
  0,
  0,
  0,
  // Group 8
  0,
  0,
  0,
  0,
  OP_BT | RM_IMMEDIATE,
  OP_BTS | RM_IMMEDIATE | LOCKABLE,
  OP_BTR | RM_IMMEDIATE | LOCKABLE,
  OP_BTC | RM_IMMEDIATE | LOCKABLE,
  // Group 11
  OP_MOV | RM_IMMEDIATE,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
];
