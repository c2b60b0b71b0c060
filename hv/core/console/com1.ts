// The registers of COM1 that core reads itself (National Semiconductor PC16550D data sheet, 8.0 "Registers").

/** A received byte. */
export const COM1_DATA: u32 = 0x3f8;
export const COM1_LINE_STATUS: u32 = 0x3fd;

// Bits of the line status register.
export const DATA_READY: u32 = 0x01;
export const OVERRUN_ERROR: u32 = 0x02;
export const PARITY_ERROR: u32 = 0x04;
export const FRAMING_ERROR: u32 = 0x08;
