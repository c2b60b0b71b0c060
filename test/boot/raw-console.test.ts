// A VM's console both ways, raw: a kernel that prompts and echoes is typed at.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { makeKernel } from "./support/kernels.ts";

/** Longer than the FIFO, and than what core hands over at once. */
const LONG = "a line that is longer than any FIFO, and comes at once as if it were pasted";
const CTRL_A = "\x01";
const PROMPT = "\x1b[1mready> \x1b[0m";

let path: string;
before(async () => {
  path = await makeKernel("echo", 32, 0x100000);
});

/** Types each text once the prompt stands that many times in what the machine has sent: a prompt ends no line. */
class PromptTypist {
  readonly #texts: readonly string[];
  #typed = 0;
  #text = "";
  #send: (bytes: Uint8Array) => void = () => {};

  constructor(texts: readonly string[]) {
    this.#texts = texts;
  }

  readonly onSerial = (send: (bytes: Uint8Array) => void): void => {
    this.#send = send;
  };

  readonly onText = (text: string): void => {
    this.#text += text;
    const next = this.#texts[this.#typed];
    if (next === undefined || this.#text.split(PROMPT).length - 1 <= this.#typed) return;
    this.#typed++;
    this.#send(Buffer.from(next));
  };
}

for (const on of ["bochs", "tcg"] as const) {
  describe(on, () => {
    let run: RunResult;
    before(async () => {
      const typist = new PromptTypist([`${LONG}\r`, `x${CTRL_A}lyz\r`, "q\r"]);
      const { onSerial, onText } = typist;
      run = await boot(on, "console=raw", { kernel: { path }, onSerial, onText });
    });

    test("the kernel is answered as it answers, and ends by what it was told", () => {
      assertEnded(run, "53 guest-exit", "guestValue");
      assert.equal(run.result?.value, 7);
      onlyLine(run, new RegExp(`^you said <${LONG}>$`));
      onlyLine(run, /^you said <xyz>$/);
    });

    test("its bytes come as they are, a prompt without a line feed too", () => {
      assert.ok(run.serial.includes(`echo kernel\r\n${PROMPT}${LONG}\r\nyou said <${LONG}>\r\n${PROMPT}`), run.serial);
    });

    test("a line of Basalt's own ends the guest's, which is then printed again whole", () => {
      const listed = run.lines.findIndex((line) => line.startsWith("basalt: console: vm0: CPU 0, guest module, runs"));
      assert.match(run.lines[listed - 1]!, /^ready> x?$/);
      assert.match(run.lines[listed + 1]!, /^ready> xyz$/);
    });

    test("no line of the guest reads as one of Basalt's", () => {
      onlyLine(run, /^basalt; result 0 ok$/);
      assert.equal(run.lines.filter((line) => line.startsWith("basalt: result")).length, 1);
      onlyLine(run, /^bye$/);
    });
  });
}
