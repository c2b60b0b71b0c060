// Where a bare emulator does not do what the SDM says, found by the checks of the test guests.

/** A bare machine that runs the test guests as the reference. */
export type Reference = "bochs" | "tcg";

export interface Deviation {
  readonly on: Reference;
  readonly topic: string;
  /** The check that fails there. */
  readonly check: string;
  /** What the emulator does instead. */
  readonly does: string;
  /** The section of the SDM that the check holds it against. */
  readonly sdm: string;
}

export const deviations: readonly Deviation[] = [
  {
    on: "bochs",
    topic: "cpuid",
    check: "leaf 0BH begins with the level of threads",
    does: "one processor has a level of type 0 that has a processor",
    sdm: "2A, CPUID, leaf 0BH",
  },
  {
    on: "tcg",
    topic: "cpuid",
    check: "the bit at MAXPHYADDR is reserved in a page-table entry",
    does: "the error code of #PF has RSVD without P",
    sdm: "3A 4.7",
  },
  ...["VME", "PVI", "PCIDE"].map((bit): Deviation => {
    const check = `setting CR4.${bit} faults exactly if CPUID lacks the feature`;
    return { on: "tcg", topic: "cpuid", check, does: "reserved bits of CR4 can be set", sdm: "3A 2.5" };
  }),
];
