// Decides how a run ended, from what was seen of it.
import { relative } from "node:path";
import { exitCodes, exitOfResult, type ExitName } from "../exit-codes.ts";
import { root } from "../paths.ts";
import type { MachineEnd, PlaceName, RunPlan } from "./machine.ts";
import type { BasaltResult } from "./serial.ts";

/** A machine that printed its result has this long to power off. */
export const powerOffSeconds = 5;

export type StopReason = "timeout" | "interrupted" | "no power-off";
export type Ended = "result" | "no-result" | "timeout" | "not-started" | "interrupted";

export interface Verdict {
  readonly ended: Ended;
  readonly exit: ExitName;
  readonly exitCode: number;
  /** How the run ended, in a sentence; after a failure with the last lines. */
  readonly summary: string;
}

/** What was seen of a run. */
export interface Evidence {
  readonly on: PlaceName;
  readonly plan: Pick<RunPlan, "directory">;
  readonly end: MachineEnd;
  readonly result: BasaltResult | null;
  /** Why the run was ended from here, null if it ended by itself. */
  readonly stopped: StopReason | null;
  /** The time limit as text, "120 s". */
  readonly limit: string | null;
  /** The last lines. */
  readonly last: readonly string[];
}

/** Decides from what was seen how the run ended. A failure of the emulator is never taken for one of the guest. */
export function judge({ on, plan, end, result, stopped, limit, last }: Evidence): Verdict {
  const verdict = (ended: Ended, exit: ExitName, summary: string): Verdict => {
    return { ended, exit, exitCode: exitCodes[exit].code, summary };
  };
  const printed =
    last.length === 0 ? "Nothing was printed." : `Last printed:\n${last.map((line) => `  ${line}`).join("\n")}`;
  const files = `The run's files are in ${relative(root, plan.directory)}.`;

  if (stopped === "interrupted") return verdict("interrupted", "interrupted", `The run on ${on} was interrupted.`);
  const named = result === null ? "" : `result ${result.number} ${result.name}${valueOf(result)}`;
  if (stopped === "timeout") {
    const found =
      result === null
        ? `No result within ${limit} on ${on}. ${printed}`
        : `Basalt printed ${named} on ${on}, but the machine had not powered off when the limit of ${limit} was reached.`;
    return verdict("timeout", "timeout", `${found}\n${files}`);
  }
  if (result !== null) {
    const broken = stopped === null ? end.contradiction : `the machine did not power off within ${powerOffSeconds} s`;
    if (broken !== null) {
      return verdict("result", "panic", `Basalt printed ${named} on ${on}, but then: ${broken}. ${files}`);
    }
    return verdict("result", exitOfResult(result.number), `Basalt ended on ${on} with ${named}.`);
  }
  if (!end.started && last.length === 0) {
    return verdict("not-started", "emulator", `The emulator did not start the machine: ${end.cause}\n${files}`);
  }
  const found = `The machine ended without a result of Basalt's: ${end.cause}.`;
  return verdict("no-result", "panic", `${found} ${printed}\n${files}`);
}

/** The guest's own value, as a person reads it. */
function valueOf({ value }: BasaltResult): string {
  return value === null ? "" : `, the guest's value is ${value} (0x${value.toString(16)})`;
}
