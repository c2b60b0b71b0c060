// The VM exits of a run by their reasons, and why a Linux needs those that are many.
import type { RunResult } from "../emulators/run.ts";

/** All exits of one reason. */
export interface ExitCount {
  /** As Basalt's summary names it: "30 I/O instruction". */
  readonly reason: string;
  readonly exits: number;
  /** Of all exits, 0 to 1. */
  readonly share: number;
  /** Undefined where nothing says why. */
  readonly need: string | undefined;
}

/** From this share on a reason must have a sentence. */
export const mostWithoutNeed = 0.01;

const timer = "the host's timer, by which the guest's own is made: one for each of Linux's ticks, 250 a second";
const msrs = "for each tick Linux sets the timer's next deadline and ends the interrupt at its local APIC, which is the vmm's";
const ports = "for each character the console's driver asks whether the UART is ready, then writes; and it looks for devices";
const window = "an interrupt came while Linux took none: this is the first moment in which it does";
const memory = "RAM that is touched for the first time, in blocks of 2 MiB, and registers in memory of APICs and virtio devices";
const cpuid = "Linux asks for the processor's features, which Basalt chooses; it serializes by it, too";
const halt = "Linux has nothing to do, and the processor is free until something interrupts";

/** By the name that Basalt has for the reason, after its number: VMX's, then SVM's. */
const needs: Readonly<Record<string, string>> = {
  "External interrupt": timer,
  "Interrupt window": window,
  CPUID: cpuid,
  HLT: halt,
  "I/O instruction": ports,
  WRMSR: msrs,
  "EPT violation": memory,
  INTR: timer,
  VINTR: window,
  IOIO: ports,
  MSR: msrs,
  NPF: memory,
};

/** The exits of the run's VM, the most first. */
export function exitCounts({ lines }: RunResult): ExitCount[] {
  const found = lines.flatMap((line) => {
    const [, reason, exits] = /^basalt: vm0: exit (.+): (\d+) exits, \d+ ticks, \d+ each$/.exec(line) ?? [];
    return reason === undefined ? [] : [{ reason, exits: Number(exits) }];
  });
  const all = found.reduce((sum, { exits }) => sum + exits, 0);
  return found
    .map(({ reason, exits }) => ({ reason, exits, share: exits / all, need: needs[nameOf(reason)] }))
    .sort((a, b) => b.exits - a.exits);
}

/** Those that are many, and have no sentence. */
export function withoutNeed(counts: readonly ExitCount[]): ExitCount[] {
  return counts.filter(({ share, need }) => share > mostWithoutNeed && need === undefined);
}

/** Without the number, which differs between VMX and SVM. */
function nameOf(reason: string): string {
  return reason.replace(/^\S+ /, "");
}
