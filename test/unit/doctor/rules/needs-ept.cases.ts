// The rules on the controls that need EPT, on HLAT and on VM functions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type Values } from "../support.ts";
import { bit, controls } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const EPT = bit(1);
const UNRESTRICTED_GUEST = bit(7);
const VM_FUNCTIONS = controls({ secondary: bit(13) });
const HLAT = controls({ tertiary: bit(1) });

/** The controls without EPT; unrestricted guest, which needs it, is off too. */
function withoutEpt(values: Values): Values {
  const secondary = BigInt(values["SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS"] ?? 0n);
  return { ...values, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: secondary & ~(EPT | UNRESTRICTED_GUEST) };
}

const secondaryControls: readonly (readonly [slug: string, number: number])[] = [
  ["pml", 17],
  ["mode-based-execute-control", 22],
  ["sub-page-write-permissions", 23],
  ["intel-pt-guest-physical-addresses", 24],
];
const tertiaryControls: readonly (readonly [slug: string, number: number])[] = [
  ["hlat", 1],
  ["ept-paging-write", 2],
  ["guest-paging-verification", 3],
  ["pebs-guest-physical-addresses", 12],
];

await testRules([
  {
    slug: "control.unrestricted-guest.needs-ept",
    violated: { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: UNRESTRICTED_GUEST },
    holds: { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: UNRESTRICTED_GUEST | EPT },
  },
  ...secondaryControls.map(([slug, number]) => ({
    slug: `control.${slug}.needs-ept`,
    violated: withoutEpt(controls({ secondary: bit(number) })),
    holds: controls({ secondary: bit(number) }),
  })),
  ...tertiaryControls.map(([slug, number]) => ({
    slug: `control.${slug}.needs-ept`,
    violated: withoutEpt(controls({ tertiary: bit(number) })),
    holds: controls({ tertiary: bit(number) }),
  })),
  {
    slug: "control.vm-functions.reserved",
    violated: { ...VM_FUNCTIONS, VM_FUNCTION_CONTROLS: 3n },
    holds: { ...VM_FUNCTIONS, VM_FUNCTION_CONTROLS: 1n },
  },
  {
    slug: "control.eptp-switching.needs-ept",
    violated: { ...withoutEpt(VM_FUNCTIONS), VM_FUNCTION_CONTROLS: 1n },
    holds: { ...VM_FUNCTIONS, VM_FUNCTION_CONTROLS: 1n },
  },
  {
    slug: "control.hlat-pointer.reserved",
    violated: { ...HLAT, HLAT_POINTER: 0x1020n },
    holds: { ...HLAT, HLAT_POINTER: 0x1018n },
  },
  {
    slug: "control.hlat-pointer.maxphyaddr",
    violated: { ...HLAT, HLAT_POINTER: bit(46) | 0x18n },
    holds: { ...HLAT, HLAT_POINTER: bit(45) | 0x18n },
  },
]);

const doctor = await loadDoctor();

test("a tertiary control needs EPT that is active: with the secondary controls not activated it has none", () => {
  const changes = { ...HLAT, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x80n | bit(17) };
  const finding = findingOf(doctor, "control.hlat.needs-ept", changes);
  assert.equal(finding.outcome, "violated");
  assert.deepEqual(
    finding.witnesses.map(({ requirement }) => requirement),
    ["bit 31 (Activate secondary controls) must be 1"],
  );
});

test("VM functions of an unknown processor cannot be decided, with the bits that it may lack", () => {
  const changes = { ...VM_FUNCTIONS, VM_FUNCTION_CONTROLS: 1n, IA32_VMX_VMFUNC: null };
  const finding = findingOf(doctor, "control.vm-functions.reserved", changes);
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if IA32_VMX_VMFUNC[0] = 0");
});

test("VM-function controls that are not enabled are not judged", () => {
  assert.equal(findingOf(doctor, "control.vm-functions.reserved", { VM_FUNCTION_CONTROLS: bit(63) }).outcome, "holds");
});

test("each bit of 11:0 of the HLAT pointer but PWT and PCD is reserved", () => {
  const reserved = Array.from({ length: 12 }, (_, number) => number).filter(
    (number) =>
      findingOf(doctor, "control.hlat-pointer.reserved", { ...HLAT, HLAT_POINTER: bit(number) }).outcome === "violated",
  );
  assert.deepEqual(reserved, [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]);
});
