// The exit codes of `basalt`, and which of them a result of Basalt's own means.

interface ExitCodeRow {
  readonly code: number;
  readonly meaning: string;
}

/** Every exit code that the command ends with. `basalt --help` prints this table. */
export const exitCodes = {
  ok: { code: 0, meaning: "done; in `run`: the guest ended as expected" },
  usage: { code: 1, meaning: "the command line is wrong" },
  build: { code: 2, meaning: "the build failed, or a tool that it needs is missing" },
  refused: { code: 3, meaning: "Basalt refused to start and named the reason, for example no-vmx" },
  guest: { code: 4, meaning: "the guest ended wrongly, or its VMM stopped" },
  timeout: { code: 5, meaning: "the time limit was reached" },
  panic: { code: 6, meaning: "Basalt panicked, or the machine stopped without Basalt's result" },
  emulator: { code: 7, meaning: "the emulator did not start" },
  setup: { code: 8, meaning: "packages are missing that could not be installed" },
  tests: { code: 9, meaning: "a test failed, `bench` missed a bar, or `fuzz` found something" },
  device: { code: 10, meaning: "`flash` refused the device; nothing was written" },
  written: { code: 11, meaning: "`flash` could not write the device, or read something else back" },
  violated: { code: 12, meaning: "`doctor`: a rule of VM entry is violated, or an encoding is wrong" },
  undecidable: { code: 13, meaning: "`doctor`: no rule is violated, but some cannot be decided" },
  unreadable: { code: 14, meaning: "`doctor`: a file cannot be read; the message names the line" },
  guestValue: {
    code: 15,
    meaning: "the guest ended itself with a value that is not 0 (port 0xf4); the last line tells it",
  },
  internal: { code: 70, meaning: "the `basalt` command itself failed, which is a bug in it" },
  interrupted: { code: 130, meaning: "interrupted by Ctrl-C or a signal" },
} as const satisfies Record<string, ExitCodeRow>;

export type ExitName = keyof typeof exitCodes;

/** What the result numbers of Basalt mean (the last serial line, `basalt: result N NAME`): first and last of a range. */
const resultRanges: readonly (readonly [first: number, last: number, exit: ExitName])[] = [
  [0, 0, "ok"],
  [10, 39, "refused"],
  [53, 53, "guestValue"],
  [40, 59, "guest"],
  [60, 69, "panic"],
];

/** The exit that result `number` stands for; a number outside the contract counts as a panic. */
export function exitOfResult(number: number): ExitName {
  const row = resultRanges.find(([first, last]) => number >= first && number <= last);
  return row ? row[2] : "panic";
}

/** The table as text, one code a line, for --help. */
export function describeExitCodes(): string {
  const rows: ExitCodeRow[] = Object.values(exitCodes);
  return rows.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`).join("\n");
}
