// Starts a program that ends with this process, whatever ends this process.
import { execa } from "execa";
import { isInstalled } from "../programs.ts";

/** How a child ended: by exit code or by signal, and what it printed on stdout and stderr. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/** A running child. */
export interface Child {
  readonly pid: number;
  /** Settles when the child has ended; never rejects because of how it ended. */
  readonly end: Promise<ChildEnd>;
  /** Ends the child at once. */
  kill(): void;
}

/**
 * Starts `command` without stdin. Execa kills it when this process exits or gets a signal that it can see; the kernel
 * does, by the parent-death signal that setpriv asks for, when this process is killed outright. Rejects when the
 * program cannot be started.
 */
export async function startChild(command: string, args: readonly string[], directory: string): Promise<Child> {
  const withSetpriv = isInstalled("setpriv");
  const words = withSetpriv ? ["setpriv", "--pdeathsig", "KILL", "--", command, ...args] : [command, ...args];
  const [program = command, ...rest] = words;
  const child = execa(program, rest, {
    cwd: directory,
    stdin: "ignore",
    all: true,
    reject: false,
    cleanup: true,
    killSignal: "SIGKILL",
  });
  if (child.pid === undefined) throw (await child).cause;
  return {
    pid: child.pid,
    end: child.then(({ exitCode, signal, all }) => ({
      exitCode: exitCode ?? null,
      signal: signal ?? null,
      output: all,
    })),
    kill: () => void child.kill(),
  };
}
