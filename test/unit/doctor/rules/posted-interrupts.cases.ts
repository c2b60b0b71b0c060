// The rules on posted interrupts and the virtualization of IPIs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor } from "../support.ts";
import { bit, controls } from "./controls.ts";
import { testRules } from "./rule-cases.ts";

const POSTED = {
  ...controls({ pin: bit(7), primary: bit(21), secondary: bit(9) }),
  PRIMARY_VM_EXIT_CONTROLS: 0x38_0200n | bit(15),
};
const IPI = controls({ primary: bit(21), tertiary: bit(4) });

await testRules([
  {
    slug: "control.posted-interrupts.needs-virtual-interrupt-delivery",
    violated: controls({ pin: bit(7) }),
    holds: POSTED,
  },
  {
    slug: "control.posted-interrupts.needs-virtual-interrupt-delivery",
    violated: { ...POSTED, PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x80n | bit(21) },
    holds: POSTED,
  },
  {
    slug: "control.posted-interrupts.needs-acknowledge-interrupt-on-exit",
    violated: { ...POSTED, PRIMARY_VM_EXIT_CONTROLS: 0x38_0200n },
    holds: POSTED,
  },
  {
    slug: "control.posted-interrupts.notification-vector",
    violated: { ...POSTED, POSTED_INTERRUPT_NOTIFICATION_VECTOR: 0x100n },
    holds: { ...POSTED, POSTED_INTERRUPT_NOTIFICATION_VECTOR: 0xffn },
  },
  {
    slug: "control.posted-interrupts.descriptor.alignment",
    violated: { ...POSTED, POSTED_INTERRUPT_DESCRIPTOR_ADDRESS: 0x1020n },
    holds: { ...POSTED, POSTED_INTERRUPT_DESCRIPTOR_ADDRESS: 0x1040n },
  },
  {
    slug: "control.posted-interrupts.descriptor.maxphyaddr",
    violated: { ...POSTED, POSTED_INTERRUPT_DESCRIPTOR_ADDRESS: bit(46) },
    holds: { ...POSTED, POSTED_INTERRUPT_DESCRIPTOR_ADDRESS: bit(45) },
  },
  {
    slug: "control.pid-pointer-table.alignment",
    violated: { ...IPI, PID_POINTER_TABLE_ADDRESS: 0x1004n },
    holds: { ...IPI, PID_POINTER_TABLE_ADDRESS: 0x1008n },
  },
  {
    slug: "control.pid-pointer-table.maxphyaddr",
    violated: { ...IPI, PID_POINTER_TABLE_ADDRESS: bit(46) },
    holds: { ...IPI, PID_POINTER_TABLE_ADDRESS: bit(45) },
  },
  {
    slug: "control.pid-pointer-table.last-entry",
    violated: { ...IPI, PID_POINTER_TABLE_ADDRESS: bit(46) - 0x1000n, LAST_PID_POINTER_INDEX: 0x200n },
    holds: { ...IPI, PID_POINTER_TABLE_ADDRESS: bit(46) - 0x1000n, LAST_PID_POINTER_INDEX: 0x1ffn },
  },
  {
    slug: "control.pid-pointer-table.last-entry",
    violated: { ...IPI, PID_POINTER_TABLE_ADDRESS: bit(64) - 8n, LAST_PID_POINTER_INDEX: 1n },
    holds: { ...IPI, PID_POINTER_TABLE_ADDRESS: bit(46) - 16n, LAST_PID_POINTER_INDEX: 1n },
  },
]);

const doctor = await loadDoctor();

test("a PID-pointer table that ends below 4 GiB is right on every processor; one above may be right", () => {
  const unknown = { ...IPI, "CPUID.80000008.EAX": null, IA32_VMX_BASIC: null };
  const judge = (PID_POINTER_TABLE_ADDRESS: bigint) =>
    findingOf(doctor, "control.pid-pointer-table.last-entry", {
      ...unknown,
      PID_POINTER_TABLE_ADDRESS,
      LAST_PID_POINTER_INDEX: 1n,
    });
  assert.equal(judge(bit(32) - 16n).outcome, "holds");
  assert.equal(judge(bit(36) - 8n).condition, "violated if IA32_VMX_BASIC[48] = 1 or MAXPHYADDR < 37");
  assert.equal(judge(bit(52) - 8n).outcome, "violated");
});

test("a PID-pointer table that reaches 4 GiB is refused where VMX structures have 32-bit addresses", () => {
  const limited = { ...IPI, IA32_VMX_BASIC: 0x05db_0400_0000_0011n, LAST_PID_POINTER_INDEX: 1n };
  const changes = { ...limited, PID_POINTER_TABLE_ADDRESS: bit(32) - 8n };
  assert.equal(findingOf(doctor, "control.pid-pointer-table.last-entry", changes).outcome, "violated");
});
