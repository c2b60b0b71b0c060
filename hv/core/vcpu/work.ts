// What is to be done before the next entry: bits of Vcpu.work. Each backend adds its own above.

/** An event waits to be delivered, or for a window. */
export const WORK_EVENTS: u32 = 1;
/** The host's timer ticked: boot/runtime/traps.c sets it, wherever the processor was. */
export const WORK_TICK: u32 = 2;
/** Another CPU has left mail: the handler of its interrupt sets this, wherever the processor was. */
export const WORK_MAIL: u32 = 4;
/** What interrupts of the host bring. */
export const WORK_OF_INTERRUPTS: u32 = WORK_TICK | WORK_MAIL;
/** The first bit of a backend's own. */
export const WORK_OF_BACKEND: u32 = 1 << 16;
