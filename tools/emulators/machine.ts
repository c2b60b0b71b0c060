// What every emulator offers to a run, and what a run tells it.
import type { ChildEnd } from "./process.ts";
import type { BasaltResult } from "./serial.ts";

export type EmulatorName = "kvm" | "bochs" | "tcg";

/** Where an image can run: in an emulator, or in QEMU and KVM of a Linux that Bochs boots (nested/). */
export type PlaceName = EmulatorName | "nested";

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

export type Devices = "needed" | "default";

/** One run, as an emulator has to set it up. All paths are absolute. */
export interface RunPlan {
  /** The emulator runs in it; `iso` and `serialPath` lie in it. */
  readonly directory: string;
  /** The ISO of this run, the command line in it. It is what lies on the medium, and the run's to change. */
  readonly iso: string;
  readonly elf: string;
  readonly commandLine: string;
  /** The guests' kernels, which are in the ISO; QEMU that loads the ELF itself needs the files. */
  readonly kernelPaths?: readonly string[] | undefined;
  readonly serialPath: string;
  /** A port of this host that the serial line is connected to, both ways, instead of `serialPath`. */
  readonly serialPort?: number | undefined;
  /** Where a second serial port writes to; undefined: the machine has one only. */
  readonly secondSerialPath?: string | undefined;
  readonly media: Media;
  readonly firmware: Firmware;
  readonly cpu: string | undefined;
  /** How many processors the machine has; undefined: one. */
  readonly processors?: number | undefined;
  /** In MiB. */
  readonly memory: number;
  readonly debugPort: number | undefined;
  /** Whether the time-stamp counter and all of the machine's time count instructions. Bochs's always do, KVM's cannot. */
  readonly countsInstructions?: boolean | undefined;
  /** Where QEMU writes what the machine tells port 0x402, where Bochs has its log; undefined: nowhere. */
  readonly journalPath?: string | undefined;
  /** The devices of QEMU's machine: what Basalt needs and one to end QEMU by (so if undefined), or what QEMU has unasked. */
  readonly devices?: Devices | undefined;
  /**
   * Ports of this host that QEMU connects its monitor and its gdb stub to. The machine has a screen then, waits for the
   * command to start, and stays when it has powered off.
   */
  readonly control?: { readonly monitorPort: number; readonly stubPort: number };
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
