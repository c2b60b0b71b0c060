// The rules on the event that VM entry injects.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type Values } from "../support.ts";
import { testRules } from "./rule-cases.ts";

const VALID = 0x8000_0000n;
const ERROR_CODE = 0x800n;
const NESTED = 0x2000n;
const EXTERNAL_INTERRUPT = 0n << 8n;
const NMI = 2n << 8n;
const HARDWARE_EXCEPTION = 3n << 8n;
const SOFTWARE_INTERRUPT = 4n << 8n;
const SOFTWARE_EXCEPTION = 6n << 8n;
const OTHER_EVENT = 7n << 8n;
const FRED = 1n << 32n;
/** IA32_VMX_BASIC without bits 56 and 58. */
const STRICT = 0x00da_0400_0000_0011n;

function injecting(event: bigint, more: Values = {}): Values {
  return { VM_ENTRY_INTERRUPTION_INFORMATION: VALID | event, ...more };
}

const realMode = { GUEST_CR0: 0x30n, IA32_VMX_BASIC: STRICT };
const strict = { IA32_VMX_BASIC: STRICT };
const fredGuest = { GUEST_CR4: 0x2020n | FRED, VM_ENTRY_INSTRUCTION_LENGTH: 2n };

await testRules([
  {
    slug: "control.injection.type.reserved",
    violated: injecting(0x120n),
    holds: injecting(EXTERNAL_INTERRUPT | 0x20n),
  },
  {
    slug: "control.injection.type.other-event",
    violated: injecting(OTHER_EVENT, { IA32_VMX_TRUE_PROCBASED_CTLS: 0xf7ff_ffffn << 32n }),
    holds: injecting(OTHER_EVENT),
  },
  { slug: "control.injection.nmi.vector", violated: injecting(NMI | 3n), holds: injecting(NMI | 2n) },
  {
    slug: "control.injection.hardware-exception.vector",
    violated: injecting(HARDWARE_EXCEPTION | 32n),
    holds: injecting(HARDWARE_EXCEPTION | 31n),
  },
  {
    slug: "control.injection.other-event.vector",
    violated: injecting(OTHER_EVENT | 1n),
    holds: injecting(OTHER_EVENT | 0n),
  },
  {
    slug: "control.injection.other-event.vector",
    violated: injecting(OTHER_EVENT | 3n, fredGuest),
    holds: injecting(OTHER_EVENT | 2n, fredGuest),
  },
  {
    slug: "control.injection.reserved",
    violated: injecting(EXTERNAL_INTERRUPT | 0x1020n),
    holds: injecting(EXTERNAL_INTERRUPT | 0x20n),
  },
  {
    slug: "control.injection.nested",
    violated: injecting(HARDWARE_EXCEPTION | NESTED | 6n, strict),
    holds: injecting(HARDWARE_EXCEPTION | NESTED | 6n),
  },
  {
    slug: "control.injection.nested.type",
    violated: injecting(EXTERNAL_INTERRUPT | NESTED | 0x20n),
    holds: injecting(HARDWARE_EXCEPTION | NESTED | 6n),
  },
  {
    slug: "control.injection.instruction-length",
    violated: injecting(SOFTWARE_INTERRUPT | 0x80n, { VM_ENTRY_INSTRUCTION_LENGTH: 16n }),
    holds: injecting(SOFTWARE_INTERRUPT | 0x80n, { VM_ENTRY_INSTRUCTION_LENGTH: 15n }),
  },
  {
    slug: "control.injection.instruction-length",
    violated: injecting(OTHER_EVENT | 1n, { ...fredGuest, VM_ENTRY_INSTRUCTION_LENGTH: 16n }),
    holds: injecting(OTHER_EVENT | 1n, fredGuest),
  },
  {
    slug: "control.injection.zero-length",
    violated: injecting(SOFTWARE_EXCEPTION | 3n, { IA32_VMX_MISC: 0x3004_c1e7n }),
    holds: injecting(SOFTWARE_EXCEPTION | 3n),
  },
  {
    slug: "control.injection.error-code.type",
    violated: injecting(EXTERNAL_INTERRUPT | ERROR_CODE | 13n),
    holds: injecting(EXTERNAL_INTERRUPT | 13n),
  },
  {
    slug: "control.injection.error-code.real-mode",
    violated: injecting(HARDWARE_EXCEPTION | ERROR_CODE | 13n, realMode),
    holds: injecting(HARDWARE_EXCEPTION | 13n, realMode),
  },
  ...[8n, 10n, 11n, 12n, 13n, 14n, 17n].map((vector) => ({
    slug: "control.injection.error-code.required",
    violated: injecting(HARDWARE_EXCEPTION | vector, strict),
    holds: injecting(HARDWARE_EXCEPTION | ERROR_CODE | vector, strict),
  })),
  ...[0n, 3n, 6n, 9n, 15n, 16n, 18n, 21n, 31n].map((vector) => ({
    slug: "control.injection.error-code.refused",
    violated: injecting(HARDWARE_EXCEPTION | ERROR_CODE | vector, strict),
    holds: injecting(HARDWARE_EXCEPTION | vector, strict),
  })),
  {
    slug: "control.injection.error-code.reserved",
    violated: injecting(HARDWARE_EXCEPTION | ERROR_CODE | 14n, { VM_ENTRY_EXCEPTION_ERROR_CODE: 0x1_0000n }),
    holds: injecting(HARDWARE_EXCEPTION | ERROR_CODE | 14n, { VM_ENTRY_EXCEPTION_ERROR_CODE: 0x8004n }),
  },
]);

const doctor = await loadDoctor();

test("no rule asks anything of an event that is not valid", () => {
  const changes = { VM_ENTRY_INTERRUPTION_INFORMATION: 0x7fff_ffffn, VM_ENTRY_EXCEPTION_ERROR_CODE: 0xffff_ffffn };
  for (const { slug } of doctor.rules.filter((rule) => rule.slug.startsWith("control.injection."))) {
    assert.equal(findingOf(doctor, slug, { ...changes, ...strict }).outcome, "holds", slug);
  }
});

test("a processor with IA32_VMX_BASIC[56] takes any exception with or without an error code", () => {
  for (const vector of [6n, 13n, 21n]) {
    for (const deliver of [0n, ERROR_CODE]) {
      const changes = injecting(HARDWARE_EXCEPTION | deliver | vector);
      assert.equal(findingOf(doctor, "control.injection.error-code.required", changes).outcome, "holds");
      assert.equal(findingOf(doctor, "control.injection.error-code.refused", changes).outcome, "holds");
    }
  }
});

test("a missing error code is undecidable where IA32_VMX_BASIC is not known", () => {
  const changes = injecting(HARDWARE_EXCEPTION | 13n, { IA32_VMX_BASIC: null });
  const finding = findingOf(doctor, "control.injection.error-code.required", changes);
  assert.equal(finding.outcome, "undecidable");
  assert.equal(finding.condition, "violated if IA32_VMX_BASIC[56] = 0");
});

test("without unrestricted guest CR0.PE does not change which exceptions have an error code", () => {
  const changes = { ...realMode, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x22n };
  const with13 = injecting(HARDWARE_EXCEPTION | ERROR_CODE | 13n, changes);
  assert.equal(findingOf(doctor, "control.injection.error-code.real-mode", with13).outcome, "holds");
  const without = injecting(HARDWARE_EXCEPTION | 13n, changes);
  assert.equal(findingOf(doctor, "control.injection.error-code.required", without).outcome, "violated");
});
