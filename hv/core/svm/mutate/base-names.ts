// The bases of guest=mutate by number and name; bases.ts makes them.

export const BASE_64_BIT: u32 = 0;
export const BASE_COMPATIBILITY: u32 = 1;
export const BASE_32_BIT: u32 = 2;
export const BASE_REAL: u32 = 3;
/** Without nested paging. */
export const BASE_OWN_PAGING: u32 = 4;
export const BASE_PAE: u32 = 5;

export const BASE_NAMES: StaticArray<string> = ["64-bit", "compatibility", "32-bit", "real", "own-paging", "pae"];
