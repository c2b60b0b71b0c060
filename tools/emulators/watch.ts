// Runs an emulator to its end, or ends it: at a time limit, when the user interrupts, or for a reason that turns up.
import type { Launch } from "./machine.ts";
import { startChild, type ChildEnd } from "./process.ts";
import type { StopReason } from "./verdict.ts";

/** One run of one emulator. */
export class Watch {
  /** Why the emulator was ended from here, null if it ended by itself. */
  stopped: StopReason | null = null;

  readonly #limit: number | null;
  readonly #signal: AbortSignal | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #kill = (): void => {};
  #hasEnded = false;

  /** `limit` is in seconds, null for none; `signal` is the user's interruption. */
  constructor(limit: number | null, signal: AbortSignal | undefined) {
    this.#limit = limit;
    this.#signal = signal;
  }

  /** Starts the emulator in `directory`; how it ended. Rejects when it cannot be started. */
  async run(launch: Launch, directory: string): Promise<ChildEnd> {
    const interrupt = (): void => this.#stop("interrupted");
    try {
      const child = await startChild(launch.command, launch.args, directory);
      this.#kill = () => child.kill();
      if (this.#limit !== null) this.stopAfter(this.#limit, "timeout");
      this.#signal?.addEventListener("abort", interrupt);
      if (this.#signal?.aborted) interrupt();
      return await child.end;
    } finally {
      this.#hasEnded = true;
      this.#signal?.removeEventListener("abort", interrupt);
      this.#timers.forEach(clearTimeout);
    }
  }

  /** Ends the emulator for `reason`, unless it has ended before. */
  stopAfter(seconds: number, reason: StopReason): void {
    if (!this.#hasEnded) this.#timers.push(setTimeout(() => this.#stop(reason), seconds * 1000));
  }

  #stop(reason: StopReason): void {
    this.stopped ??= reason;
    this.#kill();
  }
}
