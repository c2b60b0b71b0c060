// The VM-entry MSR-load area from a text to the verdict.
import assert from "node:assert/strict";
import { test } from "node:test";
import { examineDump } from "../../../tools/doctor/examine.ts";
import { dumpOf } from "./readers/read.ts";
import { loadDoctor } from "./support.ts";

const doctor = await loadDoctor();
const FS_BASE = "0xc0000100";

test("an entry that loads FS.base is violated by the dump's own list, with its place in the list", () => {
  const dump = dumpOf(`{"fields": {}, "msrLoad": [["0x10", 0], ["${FS_BASE}", 0]]}`);
  const { findings } = examineDump(doctor, dump, null);
  const violated = findings.filter(({ outcome }) => outcome === "violated");
  assert.deepEqual(
    violated.map(({ rule, witnesses }) => [rule.stage, witnesses.map(({ entry }) => entry)]),
    [["msr-loading", [2]]],
  );
});

test("an empty list decides every rule on loading MSRs", () => {
  const { findings } = examineDump(doctor, dumpOf('{"fields": {}, "msrLoad": []}'), null);
  const ofLoading = findings.filter(({ rule }) => rule.stage === "msr-loading");
  assert.ok(ofLoading.length > 0);
  assert.deepEqual(new Set(ofLoading.map(({ outcome }) => outcome)), new Set(["holds"]));
});
