// Boots the built image for a test and holds how the run ended.
import assert from "node:assert/strict";
import { exitCodes, type ExitName } from "../../../tools/exit-codes.ts";
import type { On } from "../../../tools/emulators/choice.ts";
import { runImage } from "../../../tools/emulators/run-image.ts";
import type { RunOptions, RunResult } from "../../../tools/emulators/run.ts";

/** Ends a run that hangs. The longest takes a dozen seconds on an idle machine. */
const timeoutSeconds = 100;

/** Boots the image under `tools/emulators`, with `append` as its boot command line. */
export function boot(on: On, append: string, options: RunOptions = {}): Promise<RunResult> {
  return runImage({ on, append, timeoutSeconds, ...options });
}

/** Fails with all that the machine printed unless the run ended with `result` ("0 ok") and with the exit code of `exit`. */
export function assertEnded(run: RunResult, result: string, exit: ExitName): void {
  const ended = run.result === null ? run.ended : `${run.result.number} ${run.result.name}`;
  assert.deepEqual([ended, run.exitCode], [result, exitCodes[exit].code], `${run.summary}\n${run.lines.join("\n")}`);
}

/** The only line that matches `pattern`; fails where there is none, or more than one. */
export function onlyLine(run: RunResult, pattern: RegExp): string {
  const found = run.lines.filter((line) => pattern.test(line));
  assert.equal(found.length, 1, `${found.length} lines match ${String(pattern)} in:\n${run.lines.join("\n")}`);
  return found[0]!;
}
