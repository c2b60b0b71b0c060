// What is read from the lines of a test guest.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readReport } from "../../guests/topics.ts";

describe("the report of a test guest", () => {
  const lines = ["PASS one", "FAIL two: expected #GP(0x0) at 0x1000, got no exception", "SKIP three: no AVX: none"];

  test("tells the checks by name, with what failed and why others were left out", () => {
    const report = readReport([...lines, "DONE 1 passed, 1 failed", ""]);
    assert.deepEqual(report.passed, ["one"]);
    assert.deepEqual([...report.failed], [["two", "expected #GP(0x0) at 0x1000, got no exception"]]);
    assert.deepEqual([...report.skipped], [["three", "no AVX: none"]]);
    assert.deepEqual(report.others, []);
    assert.ok(report.isComplete);
  });

  test("is incomplete without its last line, and where that counts other checks", () => {
    assert.ok(!readReport(lines).isComplete);
    assert.ok(!readReport([...lines, "DONE 2 passed, 1 failed"]).isComplete);
  });

  test("shows lines that are no check's", () => {
    assert.deepEqual(readReport(["PASSone", "garbage"]).others, ["PASSone", "garbage"]);
  });
});
