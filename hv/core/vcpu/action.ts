// What a handler of exits returns: how the vCPU goes on.

/** Enter the guest again as it is. */
export const RESUME: u32 = 0;
/** The vCPU has ended; its `result` says how. */
export const STOP: u32 = 1;
/** The instruction that exited is done: enter behind it. */
export const NEXT_INSTRUCTION: u32 = 2;
/** Leave the run loop, so that another VM may run; the vCPU is to be run again. */
export const YIELD: u32 = 3;
