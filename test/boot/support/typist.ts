// Types at a machine's serial line, each time behind a line that the test waits for: no time is guessed.
import assert from "node:assert/strict";

/** Once lines have come that match all of them, in any order, the keys are typed. */
export type TypingStep = readonly [lines: readonly RegExp[], keys: string];

export class Typist {
  readonly #steps: TypingStep[];
  readonly #seen = new Set<RegExp>();
  #send: (bytes: Uint8Array) => void = () => assert.fail("nobody has connected the serial line");

  constructor(steps: readonly TypingStep[]) {
    this.#steps = [...steps];
  }

  /** For RunOptions. */
  readonly onSerial = (send: (bytes: Uint8Array) => void): void => {
    this.#send = send;
  };

  /** For RunOptions. */
  readonly onLine = (line: string): void => {
    const [step] = this.#steps;
    if (step === undefined) return;
    const [patterns, keys] = step;
    for (const pattern of patterns) if (pattern.test(line)) this.#seen.add(pattern);
    if (this.#seen.size < patterns.length) return;
    this.#steps.shift();
    this.#seen.clear();
    this.#send(Buffer.from(keys));
  };

  /** Fails where a line never came that a step waits for. */
  assertDone(): void {
    const waiting = this.#steps[0]?.[0].filter((pattern) => !this.#seen.has(pattern)) ?? [];
    assert.deepEqual(waiting.map(String), [], "these lines never came");
  }
}
