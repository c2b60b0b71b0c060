// The rules on CR3 targets, NMIs, the VPID and the TSC multiplier.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { bit, controls } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

await testRules([
  { slug: "control.cr3-target-count", violated: { CR3_TARGET_COUNT: 5n }, holds: { CR3_TARGET_COUNT: 4n } },
  {
    slug: "control.cr3-target-count",
    violated: { CR3_TARGET_COUNT: 257n, IA32_VMX_MISC: 256n << 16n },
    holds: { CR3_TARGET_COUNT: 256n, IA32_VMX_MISC: 256n << 16n },
  },
  {
    slug: "control.virtual-nmis.needs-nmi-exiting",
    violated: { PIN_BASED_VM_EXECUTION_CONTROLS: 0x61n },
    holds: { PIN_BASED_VM_EXECUTION_CONTROLS: 0x69n },
  },
  {
    slug: "control.nmi-window-exiting.needs-virtual-nmis",
    violated: { ...controls({ primary: bit(22) }), PIN_BASED_VM_EXECUTION_CONTROLS: 0x49n },
    holds: controls({ primary: bit(22) }),
  },
  {
    slug: "control.vpid.zero",
    violated: { VIRTUAL_PROCESSOR_IDENTIFIER: 0n },
    holds: { VIRTUAL_PROCESSOR_IDENTIFIER: 0xffffn },
  },
  {
    slug: "control.tsc-multiplier.zero",
    violated: { ...controls({ secondary: bit(25) }), TSC_MULTIPLIER: 0n },
    holds: { ...controls({ secondary: bit(25) }), TSC_MULTIPLIER: bit(48) },
  },
]);

const doctor = await loadDoctor();

test("how many CR3 targets an unknown processor has cannot be decided, unless none is used", () => {
  const judge = (CR3_TARGET_COUNT: bigint) =>
    findingOf(doctor, "control.cr3-target-count", { CR3_TARGET_COUNT, IA32_VMX_MISC: null });
  assert.equal(judge(0n).outcome, "holds");
  assert.equal(judge(4n).outcome, "undecidable");
  assert.equal(judge(4n).condition, "violated if IA32_VMX_MISC allows fewer than 4");
});

test("a VPID of 0 is right where VPIDs are not enabled", () => {
  const changes = { VIRTUAL_PROCESSOR_IDENTIFIER: 0n, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x82n };
  assert.equal(findingOf(doctor, "control.vpid.zero", changes).outcome, "holds");
});
