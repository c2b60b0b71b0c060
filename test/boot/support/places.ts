// One list of expectations, two vendors: where guests run by VMX and by SVM, and all that Basalt then words otherwise.
import type { EmulatorName } from "../../../tools/emulators/machine.ts";
import type { RunOptions, RunResult } from "../../../tools/emulators/run.ts";
import type { Vendor } from "../../../tools/emulators/vendor.ts";
import { boot } from "./boot.ts";

/** What guests exit for, by number and name of the summary: the SDM's exit reasons, the APM's exit codes. */
const exits = {
  intel: {
    interrupt: "1 External interrupt",
    cpuid: "10 CPUID",
    hlt: "12 HLT",
    rdtsc: "16 RDTSC",
    hypercall: "18 VMCALL",
    port: "30 I/O instruction",
    rdmsr: "31 RDMSR",
    memory: "48 EPT violation",
  },
  amd: {
    interrupt: "0x60 INTR",
    cpuid: "0x72 CPUID",
    hlt: "0x78 HLT",
    rdtsc: "0x6e RDTSC",
    hypercall: "0x81 VMMCALL",
    port: "0x7b IOIO",
    rdmsr: "0x7c MSR",
    memory: "0x400 NPF",
  },
} as const satisfies Record<Vendor, Record<string, string>>;

export type ExitKind = keyof (typeof exits)["intel"];

/** The other lines that name the vendor's virtualization. */
export const offLine = { intel: "VMX operation is off", amd: "SVM is off" } as const satisfies Record<Vendor, string>;

/** Built-in guests that a vendor's virtualization does not offer, with the reason. */
export const notOffered: Readonly<Record<Vendor, Readonly<Record<string, string>>>> = { intel: {}, amd: {} };

/** Refusals by SVM: the results' numbers and names (hv/core/results.ts), and how the sentences begin. */
export const svmRefusals = {
  noSvm: { result: "34 no-svm", sentence: /no SVM: / },
  noNestedPaging: { result: "37 no-npt", sentence: /no nested paging: / },
} as const;

/** A CPU of TCG's that Basalt refuses: what is printed about it is the same in each run. */
export const cpuWithoutSvm = "max,-svm";

export interface TestPlace {
  readonly name: string;
  readonly vendor: Vendor;
  readonly on: EmulatorName;
  readonly options: RunOptions;
  /** How often a guest exits that is to exit as often as a test has time for; in TCG each takes some 10 µs. */
  readonly most: number;
  /** How often it exits in several slices of a VM beside others. */
  readonly severalSlices: number;
}

/** In both an instruction is a tick, so that what depends on time repeats. */
export const places: readonly TestPlace[] = [
  { name: "by VMX in Bochs", vendor: "intel", on: "bochs", options: {}, most: 1_000_000, severalSlices: 200_000 },
  {
    name: "by SVM in QEMU's TCG",
    vendor: "amd",
    on: "tcg",
    options: { countsInstructions: true, media: "kernel" },
    most: 100_000,
    severalSlices: 80_000,
  },
];

/** Boots the built image at `place`, with `append` as its boot command line. */
export function bootAt({ on, options }: TestPlace, append: string, more: RunOptions = {}): Promise<RunResult> {
  return boot(on, append, { ...options, ...more });
}

/** The beginning of a summary's line, as a pattern: `exit 10 CPUID: 3 exits, `. */
export function exitLine(vendor: Vendor, kind: ExitKind, count: number | string): string {
  return `exit ${exits[vendor][kind].replaceAll("/", String.raw`\/`)}: ${count} exits, `;
}
