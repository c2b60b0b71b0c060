// The test guests: a topic each, built from TOPIC.asm to build/guests/TOPIC.elf, and what each needs of its machine.
import { join } from "node:path";
import { buildDirectory } from "../../tools/paths.ts";

export interface Topic {
  readonly name: string;
  /** RAM of the machine, in MiB. */
  readonly memory: number;
  /** What the last line must be: the status that it wrote to its exit port, or a triple fault. */
  readonly ends: "by exit port" | "by triple fault";
}

/** The RAM that a topic has where it says nothing else; its code and data lie in the first 16 MiB. */
const memory = 64;

const registers = ["cpuid", "msrs", "control", "modes", "segmentation"];
const events = ["exceptions", "interrupts", "debug", "tasks", "vmx", "pc"];
const work = ["xsave", "strings", "memory", "selfmod", "tsc"];

export const topics: readonly Topic[] = [
  ...[...registers, ...events, ...work].map((name): Topic => ({ name, memory, ends: "by exit port" })),
  { name: "triple", memory, ends: "by triple fault" },
];

export function elfOf({ name }: Topic): string {
  return join(buildDirectory, "guests", `${name}.elf`);
}

/** The lines that guests print, by kind: `PASS name`, `FAIL name: expected X, got Y`, `SKIP name: why`. */
export interface GuestReport {
  readonly passed: readonly string[];
  /** By name: "expected X, got Y". */
  readonly failed: ReadonlyMap<string, string>;
  /** By name: why. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Whether the last line is `DONE n passed, m failed`, and the numbers are those of the lines before. */
  readonly isComplete: boolean;
  /** Lines that are none of these. */
  readonly others: readonly string[];
}

/** Reads what a guest printed; `lines` begin with its first. */
export function readReport(lines: readonly string[]): GuestReport {
  const passed: string[] = [];
  const failed = new Map<string, string>();
  const skipped = new Map<string, string>();
  const others: string[] = [];
  let counts = "";
  for (const line of lines) {
    const [, kind, rest = ""] = /^(PASS|FAIL|SKIP|DONE) (.*)$/.exec(line) ?? [];
    // A check's name holds no colon with a blank behind it.
    const [, name = "", more = ""] = /^(.*?): (.*)$/.exec(rest) ?? [];
    if (kind === "PASS") passed.push(rest);
    else if (kind === "FAIL") failed.set(name, more);
    else if (kind === "SKIP") skipped.set(name, more);
    else if (kind === "DONE") counts = rest;
    else if (line !== "") others.push(line);
  }
  const isComplete = counts === `${passed.length} passed, ${failed.size} failed`;
  return { passed, failed, skipped, isComplete, others };
}
