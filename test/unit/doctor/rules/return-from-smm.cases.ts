// The rules of VM entries that return from SMM.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { bit } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const ENTRY = 0xc204n;
const ENTRY_TO_SMM = bit(10);
const DEACTIVATE = bit(11);

await testRules([
  {
    slug: "control.executive-vmcs-pointer.alignment",
    violated: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1800n },
    holds: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1000n },
  },
  {
    slug: "control.executive-vmcs-pointer.maxphyaddr",
    violated: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: bit(46) },
    holds: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: bit(45) },
  },
  {
    slug: "control.executive-vmcs-pointer.vmxon",
    violated: { IN_SMM: 1n, VM_ENTRY_CONTROLS: ENTRY | DEACTIVATE, EXECUTIVE_VMCS_POINTER: 0x2000n },
    holds: { IN_SMM: 1n, VM_ENTRY_CONTROLS: ENTRY | DEACTIVATE, EXECUTIVE_VMCS_POINTER: 0x1000n },
  },
]);

const doctor = await loadDoctor();

test("the executive-VMCS pointer is judged only where the entry returns from SMM", () => {
  const changes = { EXECUTIVE_VMCS_POINTER: 0x1800n };
  const outcome = (more: Record<string, bigint>) =>
    findingOf(doctor, "control.executive-vmcs-pointer.alignment", { ...changes, ...more }).outcome;
  assert.equal(outcome({ IN_SMM: 0n }), "holds");
  assert.equal(outcome({ IN_SMM: 1n, VM_ENTRY_CONTROLS: ENTRY | ENTRY_TO_SMM }), "holds");
  assert.equal(outcome({ IN_SMM: 1n, VM_ENTRY_CONTROLS: ENTRY }), "violated");
});
