// Registers of the local APIC (SDM 3A chapter 11) and of I/O APICs (Intel 82093AA data sheet, 3.1 and 3.2).

// Offsets in the local APIC's page. In x2APIC mode register n is the MSR X2APIC_MSR_FIRST + n / 16 (SDM 3A 11.12.1.2).
export const APIC_ID: u32 = 0x20;
export const APIC_VERSION: u32 = 0x30;
export const APIC_TASK_PRIORITY: u32 = 0x80;
export const APIC_EOI: u32 = 0xb0;
export const APIC_SPURIOUS_INTERRUPT_VECTOR: u32 = 0xf0;
/** The first of eight registers of 32 vectors each, 16 bytes apart. */
export const APIC_IN_SERVICE: u32 = 0x100;
export const APIC_LVT_CMCI: u32 = 0x2f0;
/** The low half of the interrupt command register; in x2APIC mode all 64 bits are one MSR, this one (11.12.9). */
export const APIC_INTERRUPT_COMMAND: u32 = 0x300;
/** Its high half, in xAPIC mode only. */
export const APIC_INTERRUPT_COMMAND_HIGH: u32 = 0x310;
export const APIC_LVT_TIMER: u32 = 0x320;
export const APIC_LVT_THERMAL: u32 = 0x330;
export const APIC_LVT_PERFORMANCE: u32 = 0x340;
export const APIC_LVT_LINT0: u32 = 0x350;
export const APIC_LVT_LINT1: u32 = 0x360;
export const APIC_LVT_ERROR: u32 = 0x370;
export const APIC_INITIAL_COUNT: u32 = 0x380;
export const APIC_CURRENT_COUNT: u32 = 0x390;
export const APIC_DIVIDE_CONFIGURATION: u32 = 0x3e0;

/** The local vector table by the number of its entries: entry n exists where "max LVT entry" is n or more (11.5.1). */
export const APIC_LVT_REGISTERS: StaticArray<u32> = [
  APIC_LVT_TIMER,
  APIC_LVT_LINT0,
  APIC_LVT_LINT1,
  APIC_LVT_ERROR,
  APIC_LVT_PERFORMANCE,
  APIC_LVT_THERMAL,
  APIC_LVT_CMCI,
];

/** SDM 3A 11.4.8: the number of the last LVT entry, in APIC_VERSION. */
export const APIC_VERSION_MAX_LVT_SHIFT: u32 = 16;
export const APIC_VERSION_MAX_LVT_MASK: u32 = 0xff;

/** SDM 3A 11.9. */
export const APIC_SOFTWARE_ENABLE: u32 = 1 << 8;

/** SDM 3A 11.4.6: where the 8-bit ID is in APIC_ID. In x2APIC mode the register is the 32-bit ID. */
export const XAPIC_ID_SHIFT: u32 = 24;
/** The destination that means every processor (11.6.2.1, 11.12.9); so no processor's ID. */
export const XAPIC_BROADCAST: u32 = 0xff;
export const X2APIC_BROADCAST: u32 = 0xffffffff;

// The interrupt command register (SDM 3A 11.6.1). The vector is in bits 7:0; 0 in all other fields means fixed delivery,
// edge-triggered, to the physical destination.
export const XAPIC_DESTINATION_SHIFT: u32 = 24;
export const X2APIC_DESTINATION_SHIFT: u64 = 32;
/** Delivery status, in xAPIC mode only: the APIC has not accepted the last command yet. */
export const INTERRUPT_COMMAND_PENDING: u32 = 1 << 12;
/** Level "assert", which all but the INIT level de-assert have. */
export const LEVEL_ASSERT: u32 = 1 << 14;
export const DELIVERY_MODE_INIT: u32 = 5 << 8;
export const DELIVERY_MODE_STARTUP: u32 = 6 << 8;

// SDM 3A 11.5.1, and alike in the interrupt command register and in an I/O APIC's redirection entry.
export const DELIVERY_MODE_MASK: u32 = 7 << 8;
export const DELIVERY_MODE_SMI: u32 = 2 << 8;
export const DELIVERY_MODE_NMI: u32 = 4 << 8;
export const INTERRUPT_MASKED: u32 = 1 << 16;
export const TIMER_PERIODIC: u32 = 1 << 17;

/** SDM 3A 11.5.4. */
export const DIVIDE_BY_1: u32 = 0xb;

// An I/O APIC: a register is chosen by its number, then read and written at the data register.
export const IO_APIC_SELECT: u64 = 0x0;
export const IO_APIC_DATA: u64 = 0x10;
export const IO_APIC_VERSION: u32 = 0x1;
export const IO_APIC_VERSION_MAX_ENTRY_SHIFT: u32 = 16;
export const IO_APIC_VERSION_MAX_ENTRY_MASK: u32 = 0xff;
/** The low half of redirection entry n is at this plus 2n. */
export const IO_APIC_REDIRECTION: u32 = 0x10;
