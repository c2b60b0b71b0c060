// What `basalt bench` measures, and the bars.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { builtIso, root } from "../paths.ts";
import { countNativeLines } from "./native-lines.ts";
import { measureNestedRoundTrip } from "./nested-round-trip.ts";
import { measureRoundTrip } from "./round-trip.ts";
import { measureStart } from "./start.ts";
import { measureVmcsAccesses } from "./vmcs-accesses.ts";

/** One row of the bench. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** The most that the value may be; null where it depends on the machine that measures. */
  readonly bar: number | null;
  readonly measure: () => Promise<number>;
}

/** A row with what came of it. */
export interface Measured extends Omit<Measure, "measure"> {
  readonly value: number;
  readonly isMet: boolean;
}

/** What comes out the same wherever it is measured. */
export const repeatable: readonly Measure[] = [
  {
    name: "round trip of a CPUID exit, the four instructions of guest `count` included",
    unit: "ticks",
    bar: 150,
    measure: () => measureRoundTrip("count"),
  },
  {
    name: "round trip of a HLT exit of guest `hlt`",
    unit: "ticks",
    bar: null,
    measure: () => measureRoundTrip("hlt"),
  },
  {
    name: "VMREADs and VMWRITEs of a CPUID exit",
    unit: "accesses",
    bar: 4,
    measure: measureVmcsAccesses,
  },
  {
    name: "C and assembly written by hand: all lines of boot/**/*.{c,h,asm,inc}",
    unit: "lines",
    bar: 1499,
    measure: () => countNativeLines(join(root, "boot")),
  },
  {
    name: "size of build/basalt.iso",
    unit: "bytes",
    bar: 5_000_000,
    measure: async () => (await stat(builtIso)).size,
  },
];

/** What needs a boot of Linux in Bochs, which takes a minute; test/boot/nested.test.ts holds it in a boot of its own. */
export const nested: Measure = {
  name: "round trip of a CPUID exit under nested KVM, in Bochs",
  unit: "ticks",
  bar: 11300,
  measure: measureNestedRoundTrip,
};

/** What depends on the machine that measures. */
export const timed: readonly Measure[] = [
  {
    name: "`npm start` in a built tree to the end of its run in Bochs",
    unit: "s",
    bar: null,
    measure: measureStart,
  },
];

/** Holds `value` against the bar of `measure`. */
export function judgeMeasure({ name, unit, bar }: Measure, value: number): Measured {
  return { name, unit, bar, value, isMet: bar === null || value <= bar };
}
