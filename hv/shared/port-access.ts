// An access to a port, packed in one number: the layout is that of VMX's exit qualification (SDM 3C 28.2.1, table 28-5).

/** The size of the access in bytes, less one: 0, 1 or 3. */
export const IO_SIZE_MASK: u64 = 7;
/** 1 is IN or INS, 0 OUT or OUTS. */
export const IO_IS_IN: u64 = 1 << 3;
/** INS or OUTS. */
export const IO_IS_STRING: u64 = 1 << 4;
export const IO_IS_REPEATED: u64 = 1 << 5;
/** Of Basalt's own: a breakpoint on the port traps behind each iteration. */
export const IO_IS_SINGLE: u64 = 1 << 63;
export const IO_PORT_SHIFT: u64 = 16;
export const IO_PORT_MASK: u64 = 0xffff;
