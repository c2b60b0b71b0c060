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

// Sets of vectors, a bit each.
/** They push an error code, outside real-address mode (SDM 3A 6.13). */
export const VECTORS_WITH_ERROR_CODE: u32 =
  (1 << VECTOR_DOUBLE_FAULT) |
  (1 << VECTOR_INVALID_TSS) |
  (1 << VECTOR_SEGMENT_NOT_PRESENT) |
  (1 << VECTOR_STACK_FAULT) |
  (1 << VECTOR_GENERAL_PROTECTION) |
  (1 << VECTOR_PAGE_FAULT) |
  (1 << VECTOR_ALIGNMENT_CHECK) |
  (1 << VECTOR_CONTROL_PROTECTION);
/** Always faults, so that RFLAGS.RF is 1 in what they push (SDM 3A 6.5, SDM 3B 17.3.1.1). #DB may be a fault or a trap. */
export const VECTORS_OF_FAULTS: u32 =
  (1 << VECTOR_DIVIDE_ERROR) |
  (1 << VECTOR_BOUND_RANGE) |
  (1 << VECTOR_INVALID_OPCODE) |
  (1 << VECTOR_DEVICE_NOT_AVAILABLE) |
  (1 << VECTOR_INVALID_TSS) |
  (1 << VECTOR_SEGMENT_NOT_PRESENT) |
  (1 << VECTOR_STACK_FAULT) |
  (1 << VECTOR_GENERAL_PROTECTION) |
  (1 << VECTOR_PAGE_FAULT) |
  (1 << VECTOR_X87) |
  (1 << VECTOR_ALIGNMENT_CHECK) |
  (1 << VECTOR_SIMD) |
  (1 << VECTOR_VIRTUALIZATION) |
  (1 << VECTOR_CONTROL_PROTECTION);

// An event in the form that both vendors use: the vector in bits 7:0, the type in bits 10:8.
export const INTERRUPTION_VECTOR_MASK: u32 = 0xff;
export const INTERRUPTION_TYPE_MASK: u32 = 7 << 8;
export const INTERRUPTION_VECTOR_AND_TYPE_MASK: u32 = 0x7ff;
export const INTERRUPTION_TYPE_EXTERNAL_INTERRUPT: u32 = 0 << 8;
export const INTERRUPTION_TYPE_NMI: u32 = 2 << 8;
export const INTERRUPTION_TYPE_HARDWARE_EXCEPTION: u32 = 3 << 8;
/** INT n. */
export const INTERRUPTION_TYPE_SOFTWARE_INTERRUPT: u32 = 4 << 8;
/** INT1. */
export const INTERRUPTION_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION: u32 = 5 << 8;
/** INT3 and INTO. */
export const INTERRUPTION_TYPE_SOFTWARE_EXCEPTION: u32 = 6 << 8;
export const INTERRUPTION_HAS_ERROR_CODE: u32 = 1 << 11;
/** An IRET ended the blocking of NMIs before it made the guest exit (SDM 3C 28.2.3). */
export const INTERRUPTION_NMI_UNBLOCKED_BY_IRET: u32 = 1 << 12;
export const INTERRUPTION_VALID: u32 = 0x80000000;
