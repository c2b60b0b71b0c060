// What `basalt bench` measures, and the bars.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { builtIso, root } from "../paths.ts";
import { measureDiskRead } from "./disk-read.ts";
import { exitCounts, withoutNeed } from "./exits.ts";
import { measureFirstTouch } from "./first-touch.ts";
import { bytesBesideRam, costInVm, costOnBareMachine, costRatio, vmBoot } from "./linux.ts";
import { countNativeLines } from "./native-lines.ts";
import { measureNestedRoundTrip } from "./nested-round-trip.ts";
import { measureScaling, measureStartOfProcessors } from "./processors.ts";
import { inBochs, inTcg, measureRoundTrip } from "./round-trip.ts";
import { measureStart } from "./start.ts";
import { measureSwitch } from "./switch.ts";
import { measureVmcsAccesses } from "./vmcs-accesses.ts";

/** One row of the bench. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** The most that the value may be, or the least where `isLeast`; null where it depends on the machine that measures. */
  readonly bar: number | null;
  readonly isLeast?: boolean | undefined;
  readonly measure: () => Promise<number>;
}

/** A row with what came of it. */
export interface Measured extends Omit<Measure, "measure"> {
  readonly value: number;
  readonly isMet: boolean;
}

/** What the guests that do one thing again and again are measured for, and the bars by whose virtualization it is. */
const roundTrips = [
  { guest: "count", what: "a CPUID exit", vmx: 120, svm: 200 },
  { guest: "hypercall", what: "a hypercall that core answers", vmx: 120, svm: null },
  { guest: "rdmsr", what: "an RDMSR by policy", vmx: 130, svm: null },
  { guest: "port", what: "a port write to a device in the vmm", vmx: 190, svm: 280 },
  { guest: "mmio", what: "a memory write to a device in the vmm, decoder included", vmx: 420, svm: 550 },
  { guest: "hlt", what: "a HLT exit, each at another address", vmx: null, svm: null },
] as const;

/** Where a tick is an instruction. */
const places = [
  { on: "bochs", method: inBochs, bars: "vmx", where: "by VMX in Bochs" },
  { on: "tcg", method: inTcg, bars: "svm", where: "by SVM in QEMU's TCG" },
] as const;

/** The VMCS accesses of the commonest exits: under nested virtualization each may be an exit of its own. */
const accesses = [
  { guest: "count", what: "a CPUID exit", bar: 4 },
  { guest: "hypercall", what: "a VMCALL", bar: 4 },
  { guest: "port", what: "a port write", bar: 5 },
] as const;

/** The switches between VMs: speculation defences are the processor's own cost. */
const switches = [
  { defences: "none", bar: 900 },
  { defences: "rsb", bar: null },
  { defences: "ibpb", bar: null },
] as const;

/** Of a Linux, where it boots. */
const linuxPlaces = [
  { on: "bochs", where: "in Bochs", unit: "ticks", mostRatio: 1.15, mostSeconds: 90 },
  { on: "tcg", where: "in QEMU's TCG", unit: "instructions", mostRatio: 1.25, mostSeconds: 12 },
] as const;

/** What needs boots of Linux, which take minutes. */
export const linux: readonly Measure[] = [
  ...linuxPlaces.flatMap(({ on, where, unit, mostRatio, mostSeconds }) => [
    {
      name: `Debian's Linux on the bare machine to the prompt of its shell, ${where}`,
      unit,
      bar: null,
      measure: () => costOnBareMachine(on),
    },
    { name: `the same in a VM of Basalt, ${where}`, unit, bar: null, measure: () => costInVm(on) },
    { name: `the one by the other, ${where}`, unit: "times", bar: mostRatio, measure: () => costRatio(on) },
    {
      name: `the run of the VM, ${where}`,
      unit: "s",
      bar: mostSeconds,
      measure: async () => (await vmBoot(on, false)).seconds,
    },
    {
      name: `reasons of more than 1 % of the exits, ${where}, without a sentence on why it takes them`,
      unit: "reasons",
      bar: 0,
      measure: async () => withoutNeed(exitCounts(await vmBoot(on, false))).length,
    },
  ]),
  {
    name: "memory that a VM with a Linux and 512 MiB of RAM takes beside its RAM, all of its vmm's included",
    unit: "bytes",
    bar: 2 ** 21,
    measure: bytesBesideRam,
  },
];

/** What comes out the same wherever it is measured. */
export const repeatable: readonly Measure[] = [
  ...places.flatMap(({ on, method, bars, where }) =>
    roundTrips.map(({ guest, what, [bars]: bar }) => ({
      name: `round trip of ${what}, ${where}, the loop of guest \`${guest}\` included`,
      unit: "ticks",
      bar,
      measure: () => measureRoundTrip(on, method, guest),
    })),
  ),
  {
    name: "round trip of an EPT violation that maps 2 MiB of zeroes, the loop of guest `touch` included, zeroing not",
    unit: "ticks",
    bar: 250,
    measure: async () => (await measureFirstTouch()).roundTrip,
  },
  {
    name: "finding and zeroing those 2 MiB, 262144 words of eight bytes",
    unit: "ticks",
    bar: null,
    measure: async () => (await measureFirstTouch()).zeroing,
  },
  {
    name: "a read of 4 KiB from a virtio disk, from the notification to the interrupt's handler",
    unit: "ticks",
    bar: 1500,
    measure: async () => (await measureDiskRead()).ticks,
  },
  {
    name: "VM exits of that read, the interrupt's end among them",
    unit: "exits",
    bar: 2,
    measure: async () => (await measureDiskRead()).exits,
  },
  ...accesses.map(({ guest, what, bar }) => ({
    name: `VMREADs and VMWRITEs of ${what}`,
    unit: "accesses",
    bar,
    measure: () => measureVmcsAccesses(guest),
  })),
  ...switches.map(({ defences, bar }) => ({
    name: `a switch between two VMs, all between their slices included, with defences=${defences}`,
    unit: "ticks",
    bar,
    measure: () => measureSwitch(defences),
  })),
  {
    name: "exits of four CPUs with a guest `count` each, while one CPU alone makes one",
    unit: "exits",
    bar: 3.9,
    isLeast: true,
    measure: measureScaling,
  },
  {
    name: "a run of four CPUs with a guest `count` each, their start and end included, beyond that of one CPU",
    unit: "ticks",
    bar: 5_000_000,
    measure: measureStartOfProcessors,
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
    name: "`npm start` in a built tree to the end of its run in QEMU's TCG",
    unit: "s",
    bar: 5,
    measure: measureStart,
  },
];

/** Holds `value` against the bar of `measure`. */
export function judgeMeasure({ name, unit, bar, isLeast }: Measure, value: number): Measured {
  const isMet = bar === null || (isLeast ? value >= bar : value <= bar);
  return { name, unit, bar, isLeast, value, isMet };
}

/** How a bar is meant, for messages. */
export function wordBar({ bar, isLeast, unit }: Pick<Measure, "bar" | "isLeast" | "unit">): string {
  if (bar === null) return "anything";
  return `at ${isLeast ? "least" : "most"} ${bar} ${unit}`;
}
