// Turns Ctrl-C and the signals that ask this process to end into an AbortSignal.
import { ToolError } from "./errors.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs `work` with a signal that aborts when the user interrupts; until `work` is done nothing else ends this process. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  // With `once` the listener would be gone before execa's clean-up looks for it, which then ends this process itself.
  signals.forEach((name) => process.on(name, abort));
  try {
    return await work(controller.signal);
  } finally {
    signals.forEach((name) => process.off(name, abort));
  }
}

/**
 * Does `work`, which ends soon when `signal` aborts. Whatever it fails with then, a ToolError says that the user
 * interrupted it; so it does where nothing was begun.
 */
export async function unlessInterrupted<T>(signal: AbortSignal, what: string, work: () => Promise<T>): Promise<T> {
  const interrupted = (cause?: unknown): ToolError =>
    new ToolError("interrupted", `Interrupted while ${what}.`, { cause });
  if (signal.aborted) throw interrupted();
  try {
    return await work();
  } catch (error) {
    throw signal.aborted ? interrupted(error) : error;
  }
}
