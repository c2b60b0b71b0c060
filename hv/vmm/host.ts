// What a vmm may ask of its host: nothing that reaches beyond its own VM.

/** The time-stamp counter. */
export declare function clock(): u64;
