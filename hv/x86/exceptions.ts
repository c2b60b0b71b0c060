// Exceptions, and the events of the VM-exit interruption information (SDM 3A table 6-1 and 3C 25.9.2).

export const VECTOR_NMI: u32 = 2;
export const VECTOR_MACHINE_CHECK: u32 = 18;

// The vector is in bits 7:0, the type in bits 10:8.
export const INTERRUPTION_VECTOR_AND_TYPE_MASK: u32 = 0x7ff;
export const INTERRUPTION_TYPE_NMI: u32 = 2 << 8;
export const INTERRUPTION_TYPE_HARDWARE_EXCEPTION: u32 = 3 << 8;
