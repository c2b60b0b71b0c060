// The capabilities that the tools read are those that the doctor's rules read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CAPABILITY_NAMES, indexOfMsr, msrOfIndex } from "../../../../tools/doctor/capabilities/names.ts";
import { loadDoctor } from "../support.ts";

test("the doctor and the readers know the same capabilities", async () => {
  const doctor = await loadDoctor();
  assert.deepEqual([...CAPABILITY_NAMES].sort(), [...doctor.capabilities.keys()].sort());
});

test("IA32_PERF_CAPABILITIES is MSR 0x345, and no other MSR beside the VMX ones is a capability", () => {
  assert.equal(indexOfMsr("IA32_PERF_CAPABILITIES"), 0x345);
  assert.equal(msrOfIndex(0x345), "IA32_PERF_CAPABILITIES");
  assert.equal(msrOfIndex(0x3a), null);
});
