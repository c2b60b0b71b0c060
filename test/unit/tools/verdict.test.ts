// Holds how the end of a run is told, for ends that the tests of the runner do not make happen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../../../tools/emulators/verdict.ts";

const end = { started: true, cause: "QEMU was ended by SIGKILL", contradiction: "it was ended", ticks: null };
const evidence = { on: "tcg", plan: { directory: "/" }, end, limit: "2 s", last: ["basalt: result 0 ok"] } as const;

test("a time limit that is reached between the result and the power-off is a time limit", () => {
  const result = { number: 0, name: "ok", value: null };
  const { ended, exitCode, summary } = judge({ ...evidence, result, stopped: "timeout" });
  assert.deepEqual([ended, exitCode], ["timeout", 5]);
  assert.match(summary, /^Basalt printed result 0 ok .* not powered off when the limit of 2 s was reached\.$/m);
});
