// The rules of VM entries that return from SMM.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { bit } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const ENTRY = 0xc204n;
const ENTRY_TO_SMM = bit(10);
const DEACTIVATE = bit(11);
const PENDING_MTF = 0x8000_0700n;

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
  {
    slug: "control.injection.pending-mtf-in-root-operation",
    violated: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1000n, VM_ENTRY_INTERRUPTION_INFORMATION: PENDING_MTF },
    holds: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x2000n, VM_ENTRY_INTERRUPTION_INFORMATION: PENDING_MTF },
  },
  {
    slug: "control.injection.pending-mtf-in-root-operation",
    violated: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1000n, VM_ENTRY_INTERRUPTION_INFORMATION: PENDING_MTF },
    holds: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1000n, VM_ENTRY_INTERRUPTION_INFORMATION: PENDING_MTF | 1n },
  },
  {
    slug: "guest.activity-state.root-operation",
    violated: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1000n, GUEST_ACTIVITY_STATE: 3n },
    holds: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1000n, GUEST_ACTIVITY_STATE: 1n },
  },
  {
    slug: "guest.activity-state.root-operation",
    violated: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x1000n, GUEST_ACTIVITY_STATE: 3n },
    holds: { IN_SMM: 1n, EXECUTIVE_VMCS_POINTER: 0x2000n, GUEST_ACTIVITY_STATE: 3n },
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

test("a VM entry that returns from SMM may save the preemption timer without activating it", () => {
  const timer = { PIN_BASED_VM_EXECUTION_CONTROLS: 0x29n, PRIMARY_VM_EXIT_CONTROLS: 0x38_0200n | bit(22) };
  const outcome = (more: Record<string, bigint>) =>
    findingOf(doctor, "control.exit.save-preemption-timer", { ...timer, ...more }).outcome;
  assert.equal(outcome({ IN_SMM: 0n }), "violated");
  assert.equal(outcome({ IN_SMM: 1n }), "holds");
  assert.equal(outcome({ IN_SMM: 1n, VM_ENTRY_CONTROLS: ENTRY | ENTRY_TO_SMM }), "violated");
});
