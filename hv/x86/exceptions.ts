// Exceptions, and the events of the VM-exit interruption information (SDM 3A table 6-1 and 3C 25.9.2).

export const VECTOR_DIVIDE_ERROR: u32 = 0;
export const VECTOR_DEBUG: u32 = 1;
export const VECTOR_NMI: u32 = 2;
export const VECTOR_BREAKPOINT: u32 = 3;
export const VECTOR_OVERFLOW: u32 = 4;
export const VECTOR_BOUND_RANGE: u32 = 5;
export const VECTOR_INVALID_OPCODE: u32 = 6;
export const VECTOR_DEVICE_NOT_AVAILABLE: u32 = 7;
export const VECTOR_DOUBLE_FAULT: u32 = 8;
export const VECTOR_INVALID_TSS: u32 = 10;
export const VECTOR_SEGMENT_NOT_PRESENT: u32 = 11;
export const VECTOR_STACK_FAULT: u32 = 12;
export const VECTOR_GENERAL_PROTECTION: u32 = 13;
export const VECTOR_PAGE_FAULT: u32 = 14;
export const VECTOR_X87: u32 = 16;
export const VECTOR_ALIGNMENT_CHECK: u32 = 17;
export const VECTOR_MACHINE_CHECK: u32 = 18;
export const VECTOR_SIMD: u32 = 19;
export const VECTOR_VIRTUALIZATION: u32 = 20;
export const VECTOR_CONTROL_PROTECTION: u32 = 21;

// SDM 3A 4.7: the error code of a page fault.
/** An entry was present: a violation of rights, or reserved bits. */
export const PAGE_FAULT_PRESENT: u32 = 1 << 0;
export const PAGE_FAULT_WRITE: u32 = 1 << 1;
export const PAGE_FAULT_USER: u32 = 1 << 2;
export const PAGE_FAULT_RESERVED: u32 = 1 << 3;
export const PAGE_FAULT_FETCH: u32 = 1 << 4;

// The vector is in bits 7:0, the type in bits 10:8.
export const INTERRUPTION_VECTOR_AND_TYPE_MASK: u32 = 0x7ff;
export const INTERRUPTION_TYPE_NMI: u32 = 2 << 8;
export const INTERRUPTION_TYPE_HARDWARE_EXCEPTION: u32 = 3 << 8;
export const INTERRUPTION_HAS_ERROR_CODE: u32 = 1 << 11;
export const INTERRUPTION_VALID: u32 = 0x80000000;
