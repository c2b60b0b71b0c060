// Holds how a QEMU is told of that ends before it could be looked at.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startChild } from "../../../tools/emulators/process.ts";
import { watchForEarlyEnd } from "../../../tools/emulators/qemu-monitor.ts";

describe("a QEMU that ends before it was looked at", () => {
  test("by itself is one that failed: with its words, and the last lines of the machine", async () => {
    const child = await startChild("sh", ["-c", "echo no such CPU; exit 3"], "/");
    const { early, stopTimer } = watchForEarlyEnd(child, () => ["basalt: a", "basalt: b"]);
    const message = /with exit code 3: no such CPU\nLast printed:\n  basalt: a\n  basalt: b$/;
    await assert.rejects(early, { name: "ToolError", exit: "emulator", message });
    stopTimer();
  });

  test("at the time limit is a timeout, with the limit", async () => {
    const child = await startChild("sleep", ["1000"], "/");
    const { early } = watchForEarlyEnd(child, () => [], 0);
    await assert.rejects(early, {
      name: "ToolError",
      exit: "timeout",
      message: /within 0 s\. The machine printed nothing/,
    });
  });
});
