// Rules on the guest's registers where what they depend on is not known.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingOf, loadDoctor, type Values } from "../support.ts";
import { RESTRICTED } from "./guests.ts";

const doctor = await loadDoctor();

/** The rule cannot be decided, for want of the inputs named. */
function assertNeeds(slug: string, changes: Values, ...names: readonly string[]): void {
  const finding = findingOf(doctor, slug, changes);
  assert.equal(finding.outcome, "undecidable");
  assert.deepEqual(
    finding.missing.map(({ name }) => name),
    names,
  );
}

const WITHOUT_RFLAGS: Values = { GUEST_RFLAGS: null };

test("access rights that no mode takes are undecidable where RFLAGS.VM is unknown, and right ones are not", () => {
  assertNeeds("guest.ds.s", { ...WITHOUT_RFLAGS, GUEST_DS_ACCESS_RIGHTS: 0x83n }, "Guest RFLAGS");
  assert.equal(findingOf(doctor, "guest.ds.s", WITHOUT_RFLAGS).outcome, "holds");
});

test("a DPL below the RPL is undecidable where unrestricted guest is unknown", () => {
  const changes = { GUEST_DS_SELECTOR: 0x13n, SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: null };
  assertNeeds("guest.ds.dpl", changes, "Secondary processor-based VM-execution controls");
});

test("secondary controls that are not activated leave no doubt about unrestricted guest", () => {
  const changes: Values = {
    GUEST_DS_SELECTOR: 0x13n,
    SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: null,
    PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x80n,
  };
  assert.equal(findingOf(doctor, "guest.ds.dpl", changes).outcome, "violated");
});

test("RPLs that must be equal are undecidable where one is unknown", () => {
  assertNeeds("guest.ss.selector.rpl", { ...RESTRICTED, GUEST_CS_SELECTOR: null }, "Guest CS selector");
});

test("a 16-bit TSS is undecidable where the VM-entry controls are unknown", () => {
  assertNeeds("guest.tr.type", { GUEST_TR_ACCESS_RIGHTS: 0x83n, VM_ENTRY_CONTROLS: null }, "VM-entry controls");
});

test("a base beyond 48 bits is violated if linear addresses have 48", () => {
  const finding = findingOf(doctor, "guest.gs.base.canonical", {
    GUEST_GS_BASE: 1n << 50n,
    "CPUID.80000008.EAX": null,
  });
  assert.equal(finding.condition, "violated if linear addresses have 48 bits");
});

test("the first witness of a rule on two fields is the field that the rule is named after", () => {
  const witnesses = (slug: string, changes: Values): readonly string[] =>
    findingOf(doctor, slug, changes).witnesses.map(({ input }) => input.name);
  const systemGs = { GUEST_GS_ACCESS_RIGHTS: 0x83n };
  assert.deepEqual(witnesses("guest.gs.s", systemGs), ["Guest GS access rights"]);
  assert.deepEqual(witnesses("guest.cs.dpl.non-conforming", { GUEST_CS_ACCESS_RIGHTS: 0xa0fbn }), [
    "Guest CS access rights",
  ]);
  assert.deepEqual(witnesses("guest.cr4.cet", { GUEST_CR4: 0x80_2020n, GUEST_CR0: 0x8000_0031n }), ["Guest CR4"]);
  assert.deepEqual(witnesses("guest.ds.g.byte", { GUEST_DS_LIMIT: 0n }), ["Guest DS access rights"]);
});

test("an address that is canonical in 57 bits alone is undecidable where only MAXPHYADDR is told", () => {
  const address = { GUEST_IA32_SYSENTER_EIP: 1n << 50n };
  const slug = "guest.sysenter-eip.canonical";
  assert.equal(findingOf(doctor, slug, { ...address, "CPUID.80000008.EAX": 0x27n }).outcome, "undecidable");
  assert.equal(findingOf(doctor, slug, { ...address, "CPUID.80000008.EAX": 0x3027n }).outcome, "violated");
  assert.equal(findingOf(doctor, slug, { ...address, "CPUID.80000008.EAX": 0x3927n }).outcome, "holds");
});
