// Holds how the serial line is cut into lines and how Basalt's result is read from it.
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseResult, SerialFile } from "../../../tools/emulators/serial.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-serial-"));
});
after(() => rm(directory, { recursive: true }));

/** Follows a file to which `pieces` are written, and returns it closed. */
function follow(...pieces: (string | Buffer)[]): SerialFile {
  const path = join(directory, "serial.txt");
  const serial = new SerialFile(path, () => {});
  pieces.forEach((piece) => appendFileSync(path, piece));
  serial.close();
  return serial;
}

describe("the serial line", () => {
  test("gives lines without what firmware adds, and the text as it was sent", () => {
    const text = "\x1b[2J\x1b[01;01H\x1b[=3hbasalt: one\r\n\x1b[0mtwo\n";
    const serial = follow(text);
    assert.deepEqual(serial.lines, ["basalt: one", "two"]);
    assert.equal(serial.text, text);
  });

  test("gives an unfinished last line too", () => {
    const serial = follow("whole\nunfin", "ished");
    assert.deepEqual(serial.lines, ["whole", "unfinished"]);
  });

  test("of megabytes loses nothing", () => {
    const serial = follow("0123456789abcde\n".repeat(200_000));
    assert.equal(serial.lines.length, 200_000);
  });

  test("calls back for a line as soon as it is there", async () => {
    const path = join(directory, "live.txt");
    let serial: SerialFile | undefined;
    const line = await new Promise((resolve) => {
      serial = new SerialFile(path, resolve);
      appendFileSync(path, "now\n");
    });
    serial?.close();
    assert.equal(line, "now");
  });

  test("knows what was printed last, empty lines left out", () => {
    assert.deepEqual(follow("a\nb\n\nc\n  \n").lastLines(2), ["b", "c"]);
  });
});

describe("the result line", () => {
  test("is a number and a name", () => {
    assert.deepEqual(parseResult("basalt: result 21 no-vmx"), { number: 21, name: "no-vmx", value: null });
  });

  test("has the guest's own value behind them where there is one", () => {
    const result = { number: 53, name: "guest-exit", value: 42 };
    assert.deepEqual(parseResult("basalt: result 53 guest-exit 42"), result);
  });

  for (const line of [
    "basalt: result ok",
    "basalt: result 0",
    " basalt: result 0 ok",
    "basalt: result 0 ok.",
    "result 0 ok",
  ]) {
    test(`is not ${JSON.stringify(line)}`, () => assert.equal(parseResult(line), null));
  }
});
