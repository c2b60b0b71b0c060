// The registers of a PCI function's configuration space (PCI Local Bus 3.0, chapter 6), by their offsets, and their bits.

export const CONFIGURATION_BYTES: u32 = 256;
/** The space's double words. */
export const CONFIGURATION_REGISTERS: u32 = CONFIGURATION_BYTES / 4;

export const PCI_VENDOR_ID: u32 = 0x00;
export const PCI_DEVICE_ID: u32 = 0x02;
export const PCI_COMMAND: u32 = 0x04;
export const PCI_STATUS: u32 = 0x06;
export const PCI_REVISION_ID: u32 = 0x08;
/** Three bytes: programming interface, sub-class, base class. */
export const PCI_CLASS_CODE: u32 = 0x09;
export const PCI_BASE_ADDRESS: u32 = 0x10;
export const PCI_SUBSYSTEM_VENDOR_ID: u32 = 0x2c;
export const PCI_SUBSYSTEM_ID: u32 = 0x2e;
export const PCI_CAPABILITIES_POINTER: u32 = 0x34;
export const PCI_INTERRUPT_LINE: u32 = 0x3c;
export const PCI_INTERRUPT_PIN: u32 = 0x3d;
/** The first byte behind the header, where the capabilities start. */
export const PCI_HEADER_BYTES: u32 = 0x40;

/** As many base address registers has a function. */
export const PCI_BASE_ADDRESSES: u32 = 6;
export const BASE_ADDRESS_IS_IO: u32 = 1;

// The command register.
export const COMMAND_IO: u32 = 0x0001;
export const COMMAND_MEMORY: u32 = 0x0002;
export const COMMAND_BUS_MASTER: u32 = 0x0004;
export const COMMAND_INTERRUPT_DISABLE: u32 = 0x0400;

// The status register, as it lies in the double word of the command register.
export const STATUS_INTERRUPT: u32 = 0x0008_0000;
export const STATUS_CAPABILITIES_LIST: u32 = 0x0010_0000;

/** Capability identifiers (appendix H). */
export const CAPABILITY_VENDOR: u32 = 0x09;
export const CAPABILITY_MSIX: u32 = 0x11;
