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

/** By the name that Basalt has for the reason, after its number. */
const needs: Readonly<Record<string, string>> = {};

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
