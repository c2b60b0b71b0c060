// The edition of the manual whose section numbers the rules cite.

/** Rules of later features name their document in the section itself. */
export const SDM_EDITION: string =
  "Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3C, order number 326019-083US, March 2024";
