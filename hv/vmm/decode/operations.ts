// What a decoded instruction can be: operations, forms of operands, prefixes, statuses. Data only.

// What decoding comes to.
export const DECODED: u32 = 0;
/** The instruction goes on behind the bytes that there are. */
export const DECODE_NEEDS_MORE: u32 = 1;
/** More than 15 bytes: #GP(0) (SDM 2A 2.3.11, 3A 6.15 "Interrupt 13"). */
export const DECODE_TOO_LONG: u32 = 2;
/** LOCK before something that cannot be locked: #UD (SDM 2A, "LOCK"). */
export const DECODE_LOCK_INVALID: u32 = 3;
/** Not among the operations below, or no instruction at all. */
export const DECODE_NOT_SUPPORTED: u32 = 4;

// The size of code: the default address size in bytes.
export const CODE_16_BIT: u32 = 2;
export const CODE_32_BIT: u32 = 4;
export const CODE_64_BIT: u32 = 8;

// Instruction.operation. The first eight have the numbers that opcodes 00 to 3F and 80 to 83 give them.
export const OP_ADD: u32 = 0;
export const OP_OR: u32 = 1;
export const OP_ADC: u32 = 2;
export const OP_SBB: u32 = 3;
export const OP_AND: u32 = 4;
export const OP_SUB: u32 = 5;
export const OP_XOR: u32 = 6;
export const OP_CMP: u32 = 7;
export const OP_TEST: u32 = 8;
export const OP_MOV: u32 = 9;
/** The operand of `memoryBytes` is extended to `operandBytes` with zeros. */
export const OP_MOVZX: u32 = 10;
/** The same with its sign: MOVSX and MOVSXD. */
export const OP_MOVSX: u32 = 11;
export const OP_MOVBE: u32 = 12;
export const OP_XCHG: u32 = 13;
export const OP_XADD: u32 = 14;
export const OP_CMPXCHG: u32 = 15;
export const OP_BT: u32 = 16;
export const OP_BTS: u32 = 17;
export const OP_BTR: u32 = 18;
export const OP_BTC: u32 = 19;
export const OP_INC: u32 = 20;
export const OP_DEC: u32 = 21;
export const OP_NOT: u32 = 22;
export const OP_NEG: u32 = 23;
export const OP_MOVS: u32 = 24;
export const OP_STOS: u32 = 25;
export const OP_LODS: u32 = 26;
export const OP_CMPS: u32 = 27;
export const OP_SCAS: u32 = 28;
export const OP_INS: u32 = 29;
export const OP_OUTS: u32 = 30;
export const OPERATION_COUNT: u32 = 31;

// Instruction.form: the operands in the order destination, source. RM is what ModRM names, in memory or a register.
export const FORM_RM_REGISTER: u32 = 0;
export const FORM_REGISTER_RM: u32 = 1;
export const FORM_RM_IMMEDIATE: u32 = 2;
export const FORM_RM: u32 = 3;
/** A segment register's selector to RM: MOV. */
export const FORM_RM_SEGMENT: u32 = 4;
export const FORM_SEGMENT_RM: u32 = 5;
/** AL, AX, EAX or RAX, and memory at an address of the instruction ("moffs"). */
export const FORM_ACCUMULATOR_MEMORY: u32 = 6;
export const FORM_MEMORY_ACCUMULATOR: u32 = 7;
/** The operands are the operation's: (E)SI or RSI in `segment`, (E)DI or RDI in ES, the accumulator, DX. */
export const FORM_STRING: u32 = 8;

// Instruction.repeat.
export const REPEAT_NONE: u32 = 0;
/** F2: REPNE. */
export const REPEAT_NOT_EQUAL: u32 = 1;
/** F3: REP and REPE. */
export const REPEAT_EQUAL: u32 = 2;

// General-purpose registers by the numbers of the encoding.
export const RAX: u32 = 0;
export const RCX: u32 = 1;
export const RDX: u32 = 2;
export const RBX: u32 = 3;
export const RSP: u32 = 4;
export const RBP: u32 = 5;
export const RSI: u32 = 6;
export const RDI: u32 = 7;
/** Instruction.base or .index: there is none. */
export const NO_REGISTER: u32 = 16;
