// The user's terminal as the machine's: which of the typed bytes go to its serial line, and how it is left.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { connectTerminal, TypedKeys, type Terminal } from "../../../tools/interactive.ts";

/** What is sent of pieces that are typed one after the other. */
function sent(...pieces: readonly string[]): { text: string; leaves: boolean } {
  const keys = new TypedKeys();
  const taken = pieces.map((piece) => keys.take(Buffer.from(piece)));
  return {
    text: taken.map(({ bytes }) => Buffer.from(bytes).toString()).join(""),
    leaves: taken.some(({ leaves }) => leaves),
  };
}

describe("of what is typed", () => {
  test("all is the machine's, Ctrl-C and Ctrl-A with its key too", () => {
    for (const text of ["ls\r", "\x03", "\x01n\x01l", "\x01\x01", "é"]) {
      assert.deepEqual(sent(text), { text, leaves: false });
      assert.deepEqual(sent(...text), { text, leaves: false });
    }
  });

  test("Ctrl-A x leaves, whenever its two bytes come, and what follows is nobody's", () => {
    assert.deepEqual(sent("ab\x01xcd"), { text: "ab", leaves: true });
    assert.deepEqual(sent("a\x01", "Xb"), { text: "a", leaves: true });
    assert.deepEqual(sent("\x01\x01x"), { text: "\x01\x01x", leaves: false });
  });
});

describe("a terminal", () => {
  test("gives its keys one by one while it is connected, and is as before afterwards", async () => {
    const modes: boolean[] = [];
    const stream = new PassThrough();
    const terminal = Object.assign(stream, { isTTY: true, setRawMode: (isRaw: boolean) => modes.push(isRaw) });
    const received: string[] = [];
    let left = 0;
    const disconnect = connectTerminal(
      terminal as unknown as Terminal,
      (bytes) => received.push(Buffer.from(bytes).toString()),
      () => left++,
    );
    assert.deepEqual(modes, [true]);
    for (const text of ["a", "\x01", "n", "\x01x"]) {
      stream.write(text);
      await new Promise(setImmediate);
    }
    assert.deepEqual([received.join(""), left], ["a\x01n", 1]);
    disconnect();
    assert.deepEqual(modes, [true, false]);
    assert.deepEqual([stream.isPaused(), stream.listenerCount("data")], [true, 0]);
  });
});
