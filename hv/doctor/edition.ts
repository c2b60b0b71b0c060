// The editions of the manuals whose section numbers the rules cite.

/** Rules of later features name their document in the section itself. */
export const SDM_EDITION: string =
  "Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3C, order number 326019-083US, March 2024";
export const APM_EDITION: string =
  "AMD64 Architecture Programmer's Manual, volume 2, publication number 24593, revision 3.42, March 2024";
