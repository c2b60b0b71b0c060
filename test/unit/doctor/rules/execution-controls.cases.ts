// The rules on the reserved bits of the VM-execution control words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { testRules } from "./rule-cases.ts";

const ALL = 0xffffffffn << 32n;
const PIN = 0x69n;
const PRIMARY = 0x8000_0080n;
const SECONDARY = 0xa2n;
const NO_TRUE_CONTROLS = 0x055a_0400_0000_0011n;

await testRules([
  {
    slug: "control.pin.allowed-0",
    violated: { IA32_VMX_TRUE_PINBASED_CTLS: ALL | 0x16n, PIN_BASED_VM_EXECUTION_CONTROLS: PIN | 0x14n },
    holds: { IA32_VMX_TRUE_PINBASED_CTLS: ALL | 0x16n, PIN_BASED_VM_EXECUTION_CONTROLS: PIN | 0x16n },
  },
  {
    slug: "control.pin.allowed-0",
    violated: { IA32_VMX_BASIC: NO_TRUE_CONTROLS, IA32_VMX_PINBASED_CTLS: ALL | 0x16n },
    holds: { IA32_VMX_PINBASED_CTLS: ALL | 0x16n },
  },
  {
    slug: "control.pin.allowed-1",
    violated: { IA32_VMX_TRUE_PINBASED_CTLS: 0x29n << 32n },
    holds: { IA32_VMX_TRUE_PINBASED_CTLS: 0x69n << 32n },
  },
  {
    slug: "control.primary.allowed-0",
    violated: { IA32_VMX_TRUE_PROCBASED_CTLS: ALL | 0x0400_6172n },
    holds: {
      IA32_VMX_TRUE_PROCBASED_CTLS: ALL | 0x0400_6172n,
      PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: PRIMARY | 0x0400_6172n,
    },
  },
  {
    slug: "control.primary.allowed-1",
    violated: { IA32_VMX_TRUE_PROCBASED_CTLS: 0x7fff_ffffn << 32n },
    holds: { IA32_VMX_TRUE_PROCBASED_CTLS: PRIMARY << 32n },
  },
  {
    slug: "control.secondary.allowed-0",
    violated: { IA32_VMX_PROCBASED_CTLS2: ALL | 1n },
    holds: {
      IA32_VMX_PROCBASED_CTLS2: ALL | 1n,
      SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: SECONDARY | 1n,
    },
  },
  {
    slug: "control.secondary.allowed-1",
    violated: { IA32_VMX_PROCBASED_CTLS2: 0x82n << 32n },
    holds: { IA32_VMX_PROCBASED_CTLS2: SECONDARY << 32n },
  },
  {
    slug: "control.tertiary.allowed-1",
    violated: {
      PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: PRIMARY | (1n << 17n),
      TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x8000_0000_0000_0001n,
      IA32_VMX_PROCBASED_CTLS3: 1n,
    },
    holds: {
      PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: PRIMARY | (1n << 17n),
      TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 1n,
      IA32_VMX_PROCBASED_CTLS3: 1n,
    },
  },
]);

const doctor = await loadDoctor();

test("secondary and tertiary controls that are not activated are not judged", () => {
  const changes = {
    PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x80n,
    TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 1n,
    IA32_VMX_PROCBASED_CTLS2: 0n,
    IA32_VMX_PROCBASED_CTLS3: 0n,
  };
  assert.equal(findingOf(doctor, "control.secondary.allowed-1", changes).outcome, "holds");
  assert.equal(findingOf(doctor, "control.tertiary.allowed-1", changes).outcome, "holds");
});

test("the witness of reserved controls has exactly the bits that differ", () => {
  const changes = { IA32_VMX_TRUE_PINBASED_CTLS: (0x29n << 32n) | 0x16n };
  const bits = (slug: string) => findingOf(doctor, slug, changes).witnesses[0]?.bits.map(({ bit }) => bit);
  assert.deepEqual(bits("control.pin.allowed-0"), [1, 2, 4]);
  assert.deepEqual(bits("control.pin.allowed-1"), [6]);
});

test("on an unknown processor the bits that it might refuse are named", () => {
  const unknown = { IA32_VMX_BASIC: null, IA32_VMX_TRUE_PINBASED_CTLS: null };
  const zeros = findingOf(doctor, "control.pin.allowed-0", unknown);
  assert.equal(zeros.outcome, "undecidable");
  assert.equal(zeros.condition, "violated if a bit of IA32_VMX_TRUE_PINBASED_CTLS & 0xffffff96 is 1");
  const ones = findingOf(doctor, "control.pin.allowed-1", unknown);
  assert.equal(ones.outcome, "undecidable");
  assert.equal(ones.condition, "violated if a bit of IA32_VMX_TRUE_PINBASED_CTLS & 0x6900000000 is 0");
  const single = { IA32_VMX_PROCBASED_CTLS2: null, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 2n };
  const { condition } = findingOf(doctor, "control.secondary.allowed-1", single);
  assert.equal(condition, "violated if IA32_VMX_PROCBASED_CTLS2[33] = 0");
});

test("a control word of all zeros needs no knowledge of what may be 1", () => {
  const changes = { PIN_BASED_VM_EXECUTION_CONTROLS: 0n, IA32_VMX_TRUE_PINBASED_CTLS: null };
  assert.equal(findingOf(doctor, "control.pin.allowed-1", changes).outcome, "holds");
});
