// The basic checks of VMLAUNCH and VMRESUME.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { bit } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const CR0 = 0x8001_0031n;
const NO_CURRENT_VMCS = bit(64) - 1n;

await testRules([
  { slug: "vmlaunch.vmx-operation", violated: { IN_VMX_OPERATION: 0n }, holds: { IN_VMX_OPERATION: 1n } },
  { slug: "vmlaunch.protected-mode", violated: { CR0: CR0 & ~1n }, holds: { CR0 } },
  { slug: "vmlaunch.virtual-8086-mode", violated: { RFLAGS: 0x2_0002n }, holds: { RFLAGS: 0xfffd_0002n } },
  { slug: "vmlaunch.compatibility-mode", violated: { CS_L: 0n }, holds: { CS_L: 0n, IA32_EFER: 0n } },
  { slug: "vmlaunch.cpl", violated: { CPL: 1n }, holds: { CPL: 0n } },
  {
    slug: "vmlaunch.current-vmcs",
    violated: { CURRENT_VMCS_POINTER: NO_CURRENT_VMCS },
    holds: { CURRENT_VMCS_POINTER: 0x2000n },
  },
  {
    slug: "vmlaunch.shadow-vmcs",
    violated: { CURRENT_VMCS_REVISION: 0x8000_0011n },
    holds: { CURRENT_VMCS_REVISION: 0x11n },
  },
  { slug: "vmlaunch.mov-ss", violated: { BLOCKING_BY_MOV_SS: 1n }, holds: { BLOCKING_BY_MOV_SS: 0n } },
  { slug: "vmlaunch.launch-state", violated: { IS_LAUNCHED: 1n }, holds: { IS_LAUNCHED: 0n } },
  {
    slug: "vmresume.launch-state",
    violated: { IS_VMRESUME: 1n, IS_LAUNCHED: 0n },
    holds: { IS_VMRESUME: 1n, IS_LAUNCHED: 1n },
  },
]);

const doctor = await loadDoctor();

test("where there is no current VMCS, it is no shadow VMCS either", () => {
  const changes = { CURRENT_VMCS_POINTER: NO_CURRENT_VMCS, CURRENT_VMCS_REVISION: 0x8000_0011n };
  assert.equal(findingOf(doctor, "vmlaunch.shadow-vmcs", changes).outcome, "holds");
});

test("a launched VMCS is right or wrong by the instruction: without it nothing can be decided", () => {
  const changes = { IS_LAUNCHED: 1n, IS_VMRESUME: null };
  assert.equal(findingOf(doctor, "vmlaunch.launch-state", changes).outcome, "undecidable");
  assert.equal(findingOf(doctor, "vmresume.launch-state", changes).outcome, "holds");
});

test("the VM-instruction error numbers of the basic checks are in their sentences", () => {
  const errors: readonly (readonly [slug: string, error: number])[] = [
    ["vmlaunch.mov-ss", 26],
    ["vmlaunch.launch-state", 4],
    ["vmresume.launch-state", 5],
  ];
  for (const [slug, error] of errors) {
    const rule = doctor.rules.find((each) => each.slug === slug);
    assert.match(rule?.sentence ?? "", new RegExp(`VM-instruction error ${error}\\.$`, "u"));
  }
});
