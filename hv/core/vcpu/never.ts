// A value of the time-stamp counter that does not come.

export const NEVER: u64 = 0xffffffffffffffff;
