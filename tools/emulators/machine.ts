// What every emulator offers to a run, and what a run tells it.
import type { ChildEnd } from "./process.ts";
import type { BasaltResult } from "./serial.ts";

export const emulatorNames = ["kvm", "bochs", "tcg"] as const;
export type EmulatorName = (typeof emulatorNames)[number];

/** What a machine can boot from, and what each is. The ISO's bytes are the same on all but the last. */
export const mediaKinds = {
  iso: "the ISO in a CD drive",
  disk: "the ISO's bytes on an IDE disk",
  virtio: "the ISO's bytes on a virtio disk (QEMU)",
  usb: "the ISO's bytes on a USB stick at an xHCI controller (QEMU)",
  kernel: "no medium: QEMU loads the ELF itself",
} as const;
export type Media = keyof typeof mediaKinds;
export const mediaNames = Object.keys(mediaKinds) as Media[];

export const firmwareNames = ["bios", "uefi"] as const;
export type Firmware = (typeof firmwareNames)[number];

/** One run, as an emulator has to set it up. All paths are absolute. */
export interface RunPlan {
  /** The emulator runs in it; `iso` and `serialPath` lie in it. */
  readonly directory: string;
  /** The ISO of this run, the command line in it. It is what lies on the medium, and the run's to change. */
  readonly iso: string;
  readonly elf: string;
  readonly commandLine: string;
  readonly serialPath: string;
  readonly media: Media;
  readonly firmware: Firmware;
  readonly cpu: string | undefined;
  /** In MiB. */
  readonly memory: number;
  readonly debugPort: number | undefined;
}

/** How to start an emulator for a run. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** The emulator's own log, if it keeps one. */
  readonly logPath: string | null;
}

/** How the machine ended, as its emulator saw it. */
export interface MachineEnd {
  /** Whether the machine ever ran. */
  readonly started: boolean;
  /** Why the machine ended, in the emulator's words. */
  readonly cause: string;
  /** Null, or how the end contradicts the result that Basalt printed. */
  readonly contradiction: string | null;
  /** The machine's time at its end, in time-stamp counter ticks; null where the emulator does not count them. */
  readonly ticks: number | null;
}

export interface Machine {
  readonly program: string;
  readonly debianPackage: string;
  /** A sentence that refuses `plan`, or null. */
  refuse(plan: RunPlan): string | null;
  prepare(plan: RunPlan): Promise<Launch>;
  explain(end: ChildEnd, launch: Launch, result: BasaltResult | null): Promise<MachineEnd>;
}
