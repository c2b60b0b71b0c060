// How the tools print: data on stdout, everything about it on stderr, colours only on a terminal.
import { createColors } from "picocolors";
import type { WriteStream } from "node:tty";

/** Whether `stream` shows colours: it is a terminal that can, and the user did not ask for none (no-color.org). */
function showsColours(stream: WriteStream): boolean {
  return stream.isTTY === true && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}

export const stdoutColours = createColors(showsColours(process.stdout));
export const stderrColours = createColors(showsColours(process.stderr));

// A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

/** A line as several that fit the terminal, the rest indented by `indentation` more; as it is where stdout is none. */
export function fitTerminal(line: string, indentation = 2, columns = terminalColumns()): string[] {
  if (line.length <= columns) return [line];
  const first = line.length - line.trimStart().length;
  const room = Math.max(20, columns);
  const end = line.lastIndexOf(" ", room);
  const at = end > first + indentation ? end : line.indexOf(" ", room);
  if (at < 0) return [line];
  const rest = " ".repeat(first + indentation) + line.slice(at).trimStart();
  return [line.slice(0, at), ...fitTerminal(rest, 0, columns)];
}

function terminalColumns(): number {
  return process.stdout.isTTY ? process.stdout.columns : Infinity;
}

/** Prints one line of data. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints data for programs: one JSON document. */
export function printJson(data: unknown): void {
  printLine(JSON.stringify(data, null, 2));
}

/** Tells the user what goes on. */
export function printStatus(line: string): void {
  process.stderr.write(`${stderrColours.dim(`basalt: ${line}`)}\n`);
}

/** Tells the user what went wrong. */
export function printError(message: string): void {
  process.stderr.write(`${stderrColours.red("basalt:")} ${message}\n`);
}
