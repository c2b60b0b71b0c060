// The rules on APIC virtualization.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { bit, controls } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const TPR_SHADOW = bit(21);
const APIC_ACCESSES = bit(0);
const X2APIC = bit(4);
const REGISTERS = bit(8);
const DELIVERY = bit(9);
const IPI = bit(4);
const NO_EXTERNAL_INTERRUPT_EXITING = { PIN_BASED_VM_EXECUTION_CONTROLS: 0x68n };

await testRules([
  {
    slug: "control.tpr-threshold.reserved",
    violated: { ...controls({ primary: TPR_SHADOW }), TPR_THRESHOLD: 0x10n, VTPR: 0xf0n },
    holds: { ...controls({ primary: TPR_SHADOW }), TPR_THRESHOLD: 0xfn, VTPR: 0xf0n },
  },
  {
    slug: "control.tpr-threshold.vtpr",
    violated: { ...controls({ primary: TPR_SHADOW }), TPR_THRESHOLD: 5n, VTPR: 0x4fn },
    holds: { ...controls({ primary: TPR_SHADOW }), TPR_THRESHOLD: 5n, VTPR: 0x50n },
  },
  {
    slug: "control.x2apic-mode.needs-tpr-shadow",
    violated: controls({ secondary: X2APIC }),
    holds: controls({ secondary: X2APIC, primary: TPR_SHADOW }),
  },
  {
    slug: "control.apic-register-virtualization.needs-tpr-shadow",
    violated: controls({ secondary: REGISTERS }),
    holds: controls({ secondary: REGISTERS, primary: TPR_SHADOW }),
  },
  {
    slug: "control.virtual-interrupt-delivery.needs-tpr-shadow",
    violated: controls({ secondary: DELIVERY }),
    holds: controls({ secondary: DELIVERY, primary: TPR_SHADOW }),
  },
  {
    slug: "control.ipi-virtualization.needs-tpr-shadow",
    violated: controls({ tertiary: IPI }),
    holds: controls({ tertiary: IPI, primary: TPR_SHADOW }),
  },
  {
    slug: "control.x2apic-mode.without-apic-accesses",
    violated: controls({ secondary: X2APIC | APIC_ACCESSES, primary: TPR_SHADOW }),
    holds: controls({ secondary: X2APIC, primary: TPR_SHADOW }),
  },
  {
    slug: "control.virtual-interrupt-delivery.needs-external-interrupt-exiting",
    violated: { ...controls({ secondary: DELIVERY, primary: TPR_SHADOW }), ...NO_EXTERNAL_INTERRUPT_EXITING },
    holds: controls({ secondary: DELIVERY, primary: TPR_SHADOW }),
  },
]);

const doctor = await loadDoctor();

test("the TPR threshold is not compared with VTPR where APIC accesses are virtualized or interrupts delivered", () => {
  for (const secondary of [APIC_ACCESSES, DELIVERY]) {
    const changes = { ...controls({ primary: TPR_SHADOW, secondary }), TPR_THRESHOLD: 0xfn, VTPR: 0n };
    assert.equal(findingOf(doctor, "control.tpr-threshold.vtpr", changes).outcome, "holds");
  }
});

test("a TPR threshold of 0 holds without knowledge of VTPR; another cannot be decided", () => {
  const changes = { ...controls({ primary: TPR_SHADOW }), VTPR: null };
  const outcome = (TPR_THRESHOLD: bigint) =>
    findingOf(doctor, "control.tpr-threshold.vtpr", { ...changes, TPR_THRESHOLD }).outcome;
  assert.equal(outcome(0n), "holds");
  assert.equal(outcome(1n), "undecidable");
});

test("the bits that the threshold may have with virtual-interrupt delivery are any", () => {
  const changes = { ...controls({ primary: TPR_SHADOW, secondary: DELIVERY }), TPR_THRESHOLD: 0xffff_ffffn };
  assert.equal(findingOf(doctor, "control.tpr-threshold.reserved", changes).outcome, "holds");
});
