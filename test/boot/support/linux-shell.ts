// Boots the tests' Linux (tools/linux/shell-linux.ts) in a VM and types at its shell: one command after each prompt.
import assert from "node:assert/strict";
import type { RunResult } from "../../../tools/emulators/run.ts";
import type { Linux } from "../../../tools/linux/made-linux.ts";
import type { Vm } from "../../../tools/vms/vm.ts";
import { boot } from "./boot.ts";

/** The shell's prompt and its question for the cursor, which no text of the guest's holds but the prompt. */
const PROMPT = "/ # \x1b[6n";

/** Ends a boot that hangs. One in Bochs takes half a minute on an idle machine, and one that reboots twice that. */
const timeoutSeconds = 600;

/** In both emulators' words where they differ. */
export const linuxPlaces = {
  // Without XSAVE, as ARCHITECTURE.md tells of Bochs.
  bochs: { words: "console=ttyS0 noxsave", ticksPerSecond: 10_000_000 },
  // By -icount an instruction takes a nanosecond.
  tcg: { words: "console=ttyS0", ticksPerSecond: 1_000_000_000 },
} as const;
export type LinuxPlace = keyof typeof linuxPlaces;

export interface LinuxRun extends RunResult {
  /** What stood at the console before the first prompt. */
  readonly bootLog: string;
  /** Per command that was typed what came at the console from its echo to the next prompt, or the end. */
  readonly answers: readonly (readonly [command: string, answer: string])[];
}

/**
 * Boots `linux` in a VM with a RAM disk of 8 MiB, and types each of `commands` at a prompt of its shell. QEMU that counts instructions
 * is for short boots without typing: it delivers an interrupt that VMRUN injects twice where its budget of instructions ends
 * before the next exit (ARCHITECTURE.md, "Where emulators differ"), after which Linux may wait for itself for ever.
 */
export async function bootLinux(
  on: LinuxPlace,
  linux: Linux,
  commands: readonly string[],
  options: { readonly memory: number; readonly words?: string; readonly countsInstructions?: boolean },
): Promise<LinuxRun> {
  const vm: Vm = {
    kernel: linux.kernel,
    initrd: linux.initramfs,
    commandLine: [linuxPlaces[on].words, options.words ?? ""].join(" ").trim(),
    memory: `${options.memory}M`,
    disk: "8M",
    console: "raw",
  };
  const typist = new ShellTypist(commands);
  const { onSerial, onText } = typist;
  const { countsInstructions } = options;
  const run = await boot(on, "", { vms: [vm], timeoutSeconds, countsInstructions, onSerial, onText });
  return { ...run, ...typist.heard() };
}

/** What `command` was answered each time that it was typed; fails where it never was. */
export function answersOf(run: LinuxRun, command: string): string[] {
  const answers = run.answers.filter(([typed]) => typed === command).map(([, answer]) => answer);
  assert.ok(answers.length > 0, `"${command}" was never typed. ${run.summary}`);
  return answers;
}

class ShellTypist {
  readonly #commands: readonly string[];
  #text = "";
  #typed = 0;
  #send: (bytes: Uint8Array) => void = () => {};

  constructor(commands: readonly string[]) {
    this.#commands = commands;
  }

  readonly onSerial = (send: (bytes: Uint8Array) => void): void => {
    this.#send = send;
  };

  readonly onText = (text: string): void => {
    this.#text += text;
    const command = this.#commands[this.#typed];
    if (command === undefined || this.#text.split(PROMPT).length - 1 <= this.#typed) return;
    this.#typed++;
    this.#send(Buffer.from(`${command}\r`));
  };

  heard(): Pick<LinuxRun, "bootLog" | "answers"> {
    const [bootLog = "", ...pieces] = this.#text.replaceAll("\r", "").split(PROMPT);
    const typed = this.#commands.slice(0, this.#typed);
    return { bootLog, answers: typed.map((command, n) => [command, pieces[n] ?? ""]) };
  }
}
