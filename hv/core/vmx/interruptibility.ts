// Bits of a guest's interruptibility state and pending debug exceptions (SDM 3C tables 25-3 and 25-4).

export const BLOCKING_BY_STI: u32 = 1 << 0;
/** MOV SS and POP SS. */
export const BLOCKING_BY_MOV_SS: u32 = 1 << 1;
export const BLOCKING_BY_NMI: u32 = 1 << 3;

/** Conditions B0 to B3 were met, and at least one of their breakpoints is enabled. */
export const PENDING_BREAKPOINT: u64 = 1 << 12;
export const PENDING_SINGLE_STEP: u64 = 1 << 14;
