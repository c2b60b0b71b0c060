// The layout of the data files beside it: one processor each, with figures that were read on a machine.
import type { CapabilityName } from "../names.ts";

/**
 * What one processor reports. A value that no source gives is left out. A word of CPUID whose leaf or sub-leaf lies
 * above the highest that the processor reports (CPUID.0.EAX, CPUID.7.0.EAX) is 0, as such a feature does not exist.
 * OSXSAVE (CPUID.1.ECX[27]) and OSPKE (CPUID.7.0.ECX[4]) mirror the CR4 of the operating system that ran.
 */
export interface CpuFigures {
  /** Lower case, words joined by "-"; the first is the set's own name. */
  names: readonly [string, ...string[]];
  /** The processor that was read. */
  about: string;
  /** Where the figures are published. */
  source: string;
  values: Readonly<Partial<Record<CapabilityName, bigint>>>;
}
