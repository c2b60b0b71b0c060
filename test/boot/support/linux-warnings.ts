// What Linux's kernel warns of in a VM, held against what it warns of on the bare emulator.
import type { LinuxPlace } from "./linux-shell.ts";

/** A warning that only a VM's Linux gives, and why it is right. */
interface AllowedWarning {
  readonly on: readonly LinuxPlace[];
  readonly line: RegExp;
  readonly reason: string;
}

export const allowedWarnings: readonly AllowedWarning[] = [];

/** How the first file system's `/init warnings` lists one. */
const warning = /^basalt-test: warning: (.*)$/;

/** The warnings listed in `text`. */
export function warningsIn(text: string): string[] {
  return text.split(/\r*\n/).flatMap((line) => warning.exec(line)?.[1] ?? []);
}

/** Those of `warnings` in a VM that neither the bare emulator gives nor the table allows. Numbers may differ. */
export function unexpectedWarnings(on: LinuxPlace, warnings: readonly string[], bare: readonly string[]): string[] {
  const known = new Set(bare.map(withoutNumbers));
  const isAllowed = (text: string): boolean =>
    allowedWarnings.some(({ on: places, line }) => places.includes(on) && line.test(text));
  return warnings.filter((text) => !known.has(withoutNumbers(text)) && !isAllowed(text));
}

function withoutNumbers(line: string): string {
  return line.replaceAll(/0x[0-9a-f]+|\d+/g, "#");
}
