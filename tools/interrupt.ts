// Turns Ctrl-C and the signals that ask this process to end into an AbortSignal.
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
