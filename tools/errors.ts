// The one error of the tools that is meant for the user.
import { exitCodes, type ExitName } from "./exit-codes.ts";

/** A failure with a sentence for the user: what was found, what was expected, what to do. Any other error is a bug. */
export class ToolError extends Error {
  readonly exit: ExitName;

  constructor(exit: ExitName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ToolError";
    this.exit = exit;
  }

  get exitCode(): number {
    return exitCodes[this.exit].code;
  }
}
