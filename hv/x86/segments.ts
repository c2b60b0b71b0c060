// The access-rights format of the VMCS's segment fields, and the usual values (SDM 3C 25.4.1, table 25-2).

export const ACCESS_RIGHTS_TYPE_MASK: u32 = 0xf;
/** S: 1 is a code or data segment, 0 a system segment. */
export const ACCESS_RIGHTS_CODE_OR_DATA: u32 = 1 << 4;
export const ACCESS_RIGHTS_DPL_SHIFT: u32 = 5;
export const ACCESS_RIGHTS_DPL_MASK: u32 = 3;
export const ACCESS_RIGHTS_PRESENT: u32 = 1 << 7;
export const ACCESS_RIGHTS_AVL: u32 = 1 << 12;
/** L: 64-bit mode; for CS only. */
export const ACCESS_RIGHTS_64_BIT: u32 = 1 << 13;
/** D/B: default operation size, 1 is 32-bit. */
export const ACCESS_RIGHTS_32_BIT: u32 = 1 << 14;
/** G: the limit is in units of 4 KiB. */
export const ACCESS_RIGHTS_GRANULARITY: u32 = 1 << 15;
/** The register was loaded with a null selector: using it faults, and most checks of VM entry skip it. */
export const ACCESS_RIGHTS_UNUSABLE: u32 = 1 << 16;
/** Bits 11:8 and 31:17 must be 0. */
export const ACCESS_RIGHTS_RESERVED_BITS: u32 = 0xfffe0f00;

// SDM 3A 3.4.5.1: bits of the type of a code or data segment.
export const SEGMENT_TYPE_ACCESSED: u32 = 1 << 0;
/** Of a data segment. */
export const SEGMENT_TYPE_WRITABLE: u32 = 1 << 1;
/** Of a code segment. */
export const SEGMENT_TYPE_READABLE: u32 = 1 << 1;
/** Of a data segment. */
export const SEGMENT_TYPE_EXPAND_DOWN: u32 = 1 << 2;
/** Of a code segment. */
export const SEGMENT_TYPE_CONFORMING: u32 = 1 << 2;
export const SEGMENT_TYPE_CODE: u32 = 1 << 3;

// SDM 3A 3.5, table 3-2: types of system segments.
export const SEGMENT_TYPE_LDT: u32 = 2;
export const SEGMENT_TYPE_BUSY_16_BIT_TSS: u32 = 3;
/** Of the types of TSSs: not a 16-bit one. */
export const SEGMENT_TYPE_32_BIT_TSS: u32 = 8;
/** 32-bit busy TSS, and in IA-32e mode the 64-bit one. */
export const SEGMENT_TYPE_BUSY_TSS: u32 = 11;

const ACCESSED_CODE: u32 = SEGMENT_TYPE_CODE | SEGMENT_TYPE_READABLE | SEGMENT_TYPE_ACCESSED;
const ACCESSED_DATA: u32 = SEGMENT_TYPE_WRITABLE | SEGMENT_TYPE_ACCESSED;
const PRESENT_SEGMENT: u32 = ACCESS_RIGHTS_PRESENT | ACCESS_RIGHTS_CODE_OR_DATA;

// Values with DPL 0 that VM entry accepts.
export const CODE_64_BIT: u32 = PRESENT_SEGMENT | ACCESSED_CODE | ACCESS_RIGHTS_64_BIT | ACCESS_RIGHTS_GRANULARITY;
export const CODE_32_BIT: u32 = PRESENT_SEGMENT | ACCESSED_CODE | ACCESS_RIGHTS_32_BIT | ACCESS_RIGHTS_GRANULARITY;
export const DATA_32_BIT: u32 = PRESENT_SEGMENT | ACCESSED_DATA | ACCESS_RIGHTS_32_BIT | ACCESS_RIGHTS_GRANULARITY;
export const CODE_16_BIT: u32 = PRESENT_SEGMENT | ACCESSED_CODE;
export const DATA_16_BIT: u32 = PRESENT_SEGMENT | ACCESSED_DATA;
export const BUSY_TSS: u32 = ACCESS_RIGHTS_PRESENT | SEGMENT_TYPE_BUSY_TSS;
export const BUSY_16_BIT_TSS: u32 = ACCESS_RIGHTS_PRESENT | SEGMENT_TYPE_BUSY_16_BIT_TSS;
export const LDT: u32 = ACCESS_RIGHTS_PRESENT | SEGMENT_TYPE_LDT;
export const UNUSABLE: u32 = ACCESS_RIGHTS_UNUSABLE;

// SDM 2B table 3-1: segment registers in the order of their encodings, and LDTR and TR behind them as in the VMCS.
export const SEGMENT_ES: u32 = 0;
export const SEGMENT_CS: u32 = 1;
export const SEGMENT_SS: u32 = 2;
export const SEGMENT_DS: u32 = 3;
export const SEGMENT_FS: u32 = 4;
export const SEGMENT_GS: u32 = 5;
export const SEGMENT_LDTR: u32 = 6;
export const SEGMENT_TR: u32 = 7;
export const SEGMENT_REGISTERS: u32 = 8;
