// One line on a terminal that says how long a piece of work has been going on.
import { printStatus, stderrColours } from "./terminal.ts";

const clearLine = "\r\x1b[K";

/** Progress of one piece of work: a line kept up to date on a terminal, printed once elsewhere. */
export class Progress {
  #label: string;
  readonly #started = performance.now();
  #timer: NodeJS.Timeout | null = null;

  constructor(label: string) {
    this.#label = label;
    if (!process.stderr.isTTY) {
      printStatus(label);
      return;
    }
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), 1000);
    this.#timer.unref();
  }

  /** Says what is being done now; the time goes on. */
  relabel(label: string): void {
    this.#label = label;
    if (this.#timer) this.#draw();
    else printStatus(label);
  }

  /** Lets `print` write lines of its own without mixing them up with the progress line. */
  interleave(print: () => void): void {
    if (this.#timer) process.stderr.write(clearLine);
    print();
    if (this.#timer) this.#draw();
  }

  /** Takes the line away. */
  end(): void {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = null;
    process.stderr.write(clearLine);
  }

  #draw(): void {
    const seconds = Math.floor((performance.now() - this.#started) / 1000);
    process.stderr.write(clearLine + stderrColours.dim(`basalt: ${this.#label} (${seconds} s)`));
  }
}
